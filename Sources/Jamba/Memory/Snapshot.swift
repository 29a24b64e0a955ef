import Synchronization

/// A text's state at one moment, from which any session of the model can go on.
final class Snapshot: Sendable {
  /// The text so far.
  let tokens: [Int32]
  let layout: KeyValueLayout
  /// The Mamba layers' states, a copy.
  let recurrent: StateBuffer
  /// By attention layer: the pages that the next token sees, shared with whoever wrote them.
  let pages: [[StateBuffer]]
  /// `[vocab]` after the last token, where they were computed.
  let logits: [Float]?

  init(
    tokens: [Int32], layout: KeyValueLayout, recurrent: StateBuffer, pages: [[StateBuffer]], logits: [Float]?
  ) {
    self.tokens = tokens
    self.layout = layout
    self.recurrent = recurrent
    self.pages = pages
    self.logits = logits
  }

  /// Bytes without the pages.
  var ownByteCount: Int { recurrent.byteCount + 4 * (tokens.count + (logits?.count ?? 0)) }

  /// Whether a text of `tokens` can begin with the snapshot; one that ends with it needs its logits.
  func isUsable(for text: ArraySlice<Int32>, _ layout: KeyValueLayout) -> Bool {
    tokens.count <= text.count && (tokens.count < text.count || logits != nil)
      && self.layout.keepsTheSame(as: layout) && text.starts(with: tokens)
  }
}

/// Snapshots of the texts that a model's sessions have seen, the least recently used first out.
final class SnapshotCache: Sendable {
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
        $0.tokens.count == snapshot.tokens.count && $0.layout == snapshot.layout && $0.tokens == snapshot.tokens
      }) {
        removed.append(entries.remove(at: index))
      }
      entries.append(snapshot)
      while SnapshotCache.byteCount(of: entries) > byteLimit, !entries.isEmpty {
        removed.append(entries.remove(at: SnapshotCache.leastNeeded(of: entries)))
      }
      return removed
    }
    _ = removed  // freed here, without the lock
  }

  /// The least recently used snapshot, or, if it belongs to the newest one's text, of this text's snapshots the one whose
  /// going leaves the smallest gap for its distance from the end: so they become sparser the farther back they are.
  private static func leastNeeded(of entries: [Snapshot]) -> Int {
    guard let newest = entries.last else { return 0 }
    func isBefore(_ entry: Snapshot) -> Bool {
      entry.tokens.count <= newest.tokens.count && newest.tokens.starts(with: entry.tokens)
        && entry.layout.keepsTheSame(as: newest.layout)
    }
    guard entries.count > 1, isBefore(entries[0]) else { return 0 }
    let line = entries.indices.dropLast().filter { isBefore(entries[$0]) }
      .sorted { entries[$0].tokens.count < entries[$1].tokens.count }
    func gap(_ place: Int) -> Double {
      let before = place == 0 ? 0 : entries[line[place - 1]].tokens.count
      let after = place + 1 < line.count ? entries[line[place + 1]].tokens.count : newest.tokens.count
      return Double(after - before) / Double(newest.tokens.count - entries[line[place]].tokens.count + 1)
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

  /// The snapshot with the most tokens that a text of `tokens` can begin with.
  func longestPrefix(of tokens: ArraySlice<Int32>, _ layout: KeyValueLayout) -> Snapshot? {
    entries.withLock { entries in
      var best: Int?
      for (index, entry) in entries.enumerated()
      where entry.tokens.count > (best.map { entries[$0].tokens.count } ?? 0) && entry.isUsable(for: tokens, layout) {
        best = index
      }
      guard let best else { return nil }
      let found = entries.remove(at: best)
      entries.append(found)
      return found
    }
  }

  /// - Returns: false when there was none.
  func removeOldest() -> Bool {
    entries.withLock { $0.isEmpty ? nil : $0.removeFirst() } != nil
  }

  func removeAll() {
    let removed = entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
    _ = removed
  }
}
