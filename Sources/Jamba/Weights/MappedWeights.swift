import JambaFormat
import JambaSystem
import Synchronization

/// Segments that are used where the file is mapped. Nothing is computed from a block before it has been checked against its
/// checksum: who asks for a tensor first has its blocks checked, on all threads. That reads them from memory; the product that
/// follows finds most of them in the cache.
final class MappedWeights: Sendable {
  private let file: JambaFile
  private let map: MappedFile
  private let engine: Engine
  private let checks: Mutex<Checks>
  /// Whether there is nothing left to check.
  private let isComplete = Atomic(false)

  private struct Checks {
    /// By block of the file.
    var isChecked: [Bool]
    /// By segment: how many of its blocks have not been checked.
    var uncheckedCounts: [Int]
    /// Of all segments.
    var uncheckedCount: Int
    /// The damage found since `takeFailure`.
    var failure: FormatError?
  }

  /// - Parameters:
  ///   - segments: those that are used here; raw ones.
  ///   - engine: its threads check.
  init(_ file: JambaFile, segments: [Int], _ engine: Engine) throws(FormatError) {
    self.file = file
    self.engine = engine
    map = try file.mapped()
    let directory = file.directory
    var counts = [Int](repeating: 0, count: directory.segments.count)
    for segment in segments { counts[segment] = directory.segments[segment].blocks.count }
    checks = Mutex(
      Checks(
        isChecked: [Bool](repeating: false, count: directory.blocks.count), uncheckedCounts: counts,
        uncheckedCount: counts.reduce(0, +), failure: nil))
  }

  /// Where a segment lies, of which only `bytes` may be looked at: their blocks have been checked. What fails is lent all
  /// the same, and `takeFailure` tells it: whoever computes asks that before anybody sees a result.
  func address(ofSegment segment: Int, using bytes: Range<Int>) -> UnsafeRawPointer {
    let place = file.directory.segments[segment]
    if !isComplete.load(ordering: .acquiring) {
      let first = place.blocks.lowerBound
      check(first + bytes.lowerBound / Block.byteCount..<first + (bytes.upperBound - 1) / Block.byteCount + 1, of: segment)
    }
    return unsafe map.base + place.offset
  }

  /// Checks those of a segment's blocks that have not been checked.
  private func check(_ blocks: Range<Int>, of segment: Int) {
    checks.withLock { checks in
      guard checks.uncheckedCounts[segment] > 0 else { return }
      let unchecked = blocks.filter { !checks.isChecked[$0] }
      let isSound = ParallelResults(repeating: false, count: unchecked.count)
      engine.forEach(unchecked.count) { [file, map] index in isSound[index] = file.isSound(unchecked[index], in: map) }
      for (index, block) in unchecked.enumerated() {
        if isSound[index] {
          checks.isChecked[block] = true
          checks.uncheckedCounts[segment] -= 1
          checks.uncheckedCount -= 1
        } else {
          checks.failure = checks.failure ?? file.failedChecksum(ofBlock: block)
        }
      }
      if checks.uncheckedCount == 0 { isComplete.store(true, ordering: .releasing) }
    }
  }

  /// Checks what nobody has asked for yet, segment by segment, as long as `isWanted`.
  func checkAhead(_ segments: [Int], while isWanted: () -> Bool) {
    // Short enough a turn that who waits for it is not kept.
    let turn = 4 * engine.threadCount
    for segment in segments {
      let blocks = file.directory.segments[segment].blocks
      for first in stride(from: blocks.lowerBound, to: blocks.upperBound, by: turn) {
        guard isWanted() else { return }
        check(first..<min(first + turn, blocks.upperBound), of: segment)
      }
    }
  }

  /// The damage that has been found since the last call; nil where there was none. A damaged block counts as unchecked, and is
  /// found again by whoever asks for it next.
  func takeFailure() -> FormatError? {
    if isComplete.load(ordering: .acquiring) { return nil }
    return checks.withLock { checks in
      defer { checks.failure = nil }
      return checks.failure
    }
  }
}
