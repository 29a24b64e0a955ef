import Synchronization

/// The prefix cache (prompt cache): snapshots of the texts that a model's sessions have seen, the least recently used
/// evicted first.
final class PrefixCache: Sendable {
  private let entries = Mutex(Entries())
  private let byteLimit: Int

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Whether a snapshot of `byteCount` bytes could be kept at all.
  func hasRoom(for byteCount: Int) -> Bool { byteCount <= byteLimit }

  /// Keeps a snapshot, in place of one of the same text, and removes the oldest beyond the limit.
  func insert(_ snapshot: Snapshot) {
    let removed = entries.withLock { entries in
      var removed: [Snapshot] = []
      if let index = entries.list.firstIndex(where: {
        $0.tokenCount == snapshot.tokenCount && $0.isBefore(snapshot)
      }) {
        removed.append(entries.remove(at: index))
      }
      entries.append(snapshot)
      while entries.byteCount > byteLimit, !entries.list.isEmpty {
        removed.append(entries.remove(at: PrefixCache.leastNeeded(of: entries.list)))
      }
      return removed
    }
    _ = removed  // freed here, without the lock
  }

  /// The least recently used snapshot, or, if it belongs to the newest one's text, of this text's snapshots the one whose
  /// going leaves the smallest gap for its distance from the end: so they become sparser the farther back they are.
  private static func leastNeeded(of entries: [Snapshot]) -> Int {
    guard let newest = entries.last else { return 0 }
    guard entries.count > 1, entries[0].isBefore(newest) else { return 0 }
    let line = entries.indices.dropLast().filter { entries[$0].isBefore(newest) }
      .sorted { entries[$0].tokenCount < entries[$1].tokenCount }
    func gap(_ place: Int) -> Double {
      let before = place == 0 ? 0 : entries[line[place - 1]].tokenCount
      let after = place + 1 < line.count ? entries[line[place + 1]].tokenCount : newest.tokenCount
      return Double(after - before) / Double(newest.tokenCount - entries[line[place]].tokenCount + 1)
    }
    return line[line.indices.min { gap($0) < gap($1) } ?? 0]
  }

  /// The snapshot with the most tokens that a text of `tokens`, read with these adapters, can begin with.
  func longestPrefix(
    of tokens: ArraySlice<Int32>, _ layout: KeyValueLayout, _ adapters: AdapterStack
  ) -> Snapshot? {
    entries.withLock { entries in
      // The longest first: of those that fit, one is compared as a whole.
      let order = entries.list.indices.sorted { entries.list[$0].tokenCount > entries.list[$1].tokenCount }
      guard let best = order.first(where: { entries.list[$0].isUsable(for: tokens, layout, adapters) }) else { return nil }
      entries.list.append(entries.list.remove(at: best))
      return entries.list.last
    }
  }

  /// - Returns: false when there was none.
  func evictOldest() -> Bool {
    entries.withLock { $0.list.isEmpty ? nil : $0.remove(at: 0) } != nil
  }

  /// Removes the snapshots of a text's beginnings, and of longer texts that begin with it.
  func remove(_ tokens: [Int32]) {
    let removed = entries.withLock { entries in
      var removed: [Snapshot] = []
      for index in entries.list.indices.reversed() where entries.list[index].sharesBeginning(with: tokens) {
        removed.append(entries.remove(at: index))
      }
      return removed
    }
    _ = removed  // freed here, without the lock
  }

  func removeAll() {
    let removed = entries.withLock { entries in
      defer { entries = Entries() }
      return entries
    }
    _ = removed
  }

  /// The snapshots, and what they take: counted as they come and go, since a long text's have thousands of pages.
  private struct Entries {
    /// Most recently used last.
    var list: [Snapshot] = []
    private var ownByteCount = 0
    private var sharedByteCount = 0
    /// How many snapshots have a part in a page or a block of text.
    private var users: [ObjectIdentifier: Int] = [:]

    /// What several snapshots share counts once; what the newest one has, which its session holds as well, not at all.
    var byteCount: Int {
      var count = ownByteCount + sharedByteCount
      list.last?.forEachShared { count -= $0.byteCount }
      return count
    }

    mutating func append(_ snapshot: Snapshot) {
      list.append(snapshot)
      ownByteCount += snapshot.ownByteCount
      snapshot.forEachShared { buffer in
        let count = users[ObjectIdentifier(buffer), default: 0]
        if count == 0 { sharedByteCount += buffer.byteCount }
        users[ObjectIdentifier(buffer)] = count + 1
      }
    }

    mutating func remove(at index: Int) -> Snapshot {
      let snapshot = list.remove(at: index)
      ownByteCount -= snapshot.ownByteCount
      snapshot.forEachShared { buffer in
        let count = users[ObjectIdentifier(buffer)]! - 1
        if count == 0 { sharedByteCount -= buffer.byteCount }
        users[ObjectIdentifier(buffer)] = count == 0 ? nil : count
      }
      return snapshot
    }
  }
}
