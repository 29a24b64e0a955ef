import JambaSystem
import Synchronization

/// A text's state at one moment, from which any session of the model can go on.
final class Snapshot: Sendable {
  let layout: KeyValueLayout
  /// The Mamba layers' states, a copy.
  let recurrent: StateBuffer
  /// By attention layer: the pages that the next token sees, shared with whoever wrote them.
  let pages: [[StateBuffer]]
  /// The text so far, then the logits: in memory that counts, and that goes back to the system as a whole.
  private let text: StateBuffer
  let tokenCount: Int
  private let logitCount: Int

  /// - Parameter logits: `[vocab]` after the last token, where they were computed.
  init(
    tokens: [Int32], layout: KeyValueLayout, recurrent: StateBuffer, pages: [[StateBuffer]], logits: [Float]?,
    _ memory: SessionMemory
  ) throws(JambaError) {
    self.layout = layout
    self.recurrent = recurrent
    self.pages = pages
    tokenCount = tokens.count
    logitCount = logits?.count ?? 0
    text = try memory.makeBuffer(byteCount: 4 * max(1, tokenCount + logitCount), context: tokenCount)
    unsafe tokens.withUnsafeBytes { unsafe text.bytes.copyMemory(from: $0) }
    unsafe logits?.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(rebasing: text.bytes[(4 * tokenCount)...]).copyMemory(from: $0)
    }
  }

  private func numbers<Number: BitwiseCopyable>(_ range: Range<Int>, as type: Number.Type) -> [Number] {
    unsafe text.bytes[4 * range.lowerBound..<4 * range.upperBound].withMemoryRebound(to: type) { unsafe Array($0) }
  }

  var tokens: [Int32] { numbers(0..<tokenCount, as: Int32.self) }
  var logits: [Float]? { logitCount == 0 ? nil : numbers(tokenCount..<tokenCount + logitCount, as: Float.self) }

  /// Bytes without the pages.
  var ownByteCount: Int { recurrent.byteCount + text.byteCount }

  /// Whether a text of `tokens` can begin with the snapshot; one that ends with it needs its logits.
  func isUsable(for tokens: ArraySlice<Int32>, _ layout: KeyValueLayout) -> Bool {
    guard tokenCount <= tokens.count, tokenCount < tokens.count || logitCount > 0, self.layout.keepsTheSame(as: layout)
    else { return false }
    return unsafe tokens.withUnsafeBytes { unsafe isPrefix(of: $0) }
  }

  /// Whether another snapshot's text begins with this one's, with keys and values kept the same way.
  func isBefore(_ other: Snapshot) -> Bool {
    guard tokenCount <= other.tokenCount, layout.keepsTheSame(as: other.layout) else { return false }
    return unsafe isPrefix(of: UnsafeRawBufferPointer(other.text.bytes))
  }

  private func isPrefix(of bytes: UnsafeRawBufferPointer) -> Bool {
    let own = unsafe UnsafeRawBufferPointer(text.bytes)
    return unsafe haveSameBytes(
      UnsafeRawBufferPointer(rebasing: own.prefix(4 * tokenCount)),
      UnsafeRawBufferPointer(rebasing: bytes.prefix(4 * tokenCount)))
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
        $0.tokenCount == snapshot.tokenCount && $0.isBefore(snapshot)
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

  /// The snapshot with the most tokens that a text of `tokens` can begin with.
  func longestPrefix(of tokens: ArraySlice<Int32>, _ layout: KeyValueLayout) -> Snapshot? {
    entries.withLock { entries in
      var best: Int?
      for (index, entry) in entries.enumerated()
      where entry.tokenCount > (best.map { entries[$0].tokenCount } ?? 0) && entry.isUsable(for: tokens, layout) {
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
