import Synchronization

/// The prefix cache (prompt cache): snapshots of the texts that a model's sessions have seen, the least recently used
/// evicted first.
final class PrefixCache: Sendable {
  /// Most recently used last.
  private let entries = Mutex<[Snapshot]>([])
  private let byteLimit: Int

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Whether a snapshot of `byteCount` bytes could be kept at all.
  func hasRoom(for byteCount: Int) -> Bool { byteCount <= byteLimit }

  /// Keeps a snapshot, in place of one of the same text, and removes the oldest beyond the limit.
  func insert(_ snapshot: Snapshot) {
    let removed = entries.withLock { entries in
      var removed: [Snapshot] = []
      if let index = entries.firstIndex(where: {
        $0.tokenCount == snapshot.tokenCount && $0.isBefore(snapshot)
      }) {
        removed.append(entries.remove(at: index))
      }
      entries.append(snapshot)
      while PrefixCache.byteCount(of: entries) > byteLimit, !entries.isEmpty {
        removed.append(entries.remove(at: PrefixCache.leastNeeded(of: entries)))
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

  /// Pages that several snapshots share count once; those of the newest one, which its session holds as well, not at all.
  private static func byteCount(of entries: [Snapshot]) -> Int {
    var seen = Set<ObjectIdentifier>()
    for page in (entries.last?.pages ?? []).joined() { seen.insert(ObjectIdentifier(page)) }
    return entries.reduce(0) { sum, snapshot in
      sum + snapshot.ownByteCount
        + snapshot.pages.joined().reduce(0) { $0 + (seen.insert(ObjectIdentifier($1)).inserted ? $1.byteCount : 0) }
    }
  }

  /// The snapshot with the most tokens that a text of `tokens`, read with these adapters, can begin with.
  func longestPrefix(
    of tokens: ArraySlice<Int32>, _ layout: KeyValueLayout, _ adapters: AdapterStack
  ) -> Snapshot? {
    entries.withLock { entries in
      var best: Int?
      for (index, entry) in entries.enumerated()
      where entry.tokenCount > (best.map { entries[$0].tokenCount } ?? 0) && entry.isUsable(for: tokens, layout, adapters) {
        best = index
      }
      guard let best else { return nil }
      let found = entries.remove(at: best)
      entries.append(found)
      return found
    }
  }

  /// - Returns: false when there was none.
  func evictOldest() -> Bool {
    entries.withLock { $0.isEmpty ? nil : $0.removeFirst() } != nil
  }

  /// Removes the snapshots of a text's beginnings, and of longer texts that begin with it.
  func remove(_ tokens: [Int32]) {
    let removed = entries.withLock { entries in
      let removed = entries.filter { $0.sharesBeginning(with: tokens) }
      entries.removeAll { entry in removed.contains { $0 === entry } }
      return removed
    }
    _ = removed  // freed here, without the lock
  }

  func removeAll() {
    let removed = entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
    _ = removed
  }
}
