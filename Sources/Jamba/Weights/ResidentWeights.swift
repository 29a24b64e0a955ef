import JambaFormat
import JambaSystem
import Synchronization

/// Segments that stay in memory as long as the model: mapped, or in memory of our own. Every block is checked against
/// its checksum once, on all threads: what is copied as it is read, what is mapped before it is first used.
@safe
final class ResidentWeights: Sendable {
  private let file: JambaFile
  private let mapped: MappedWeights?
  /// Those of `mapped`, in the order of their use.
  private let mappedSegments: [Int]
  /// By segment; nil for those used in the map, and for those that are not resident.
  private let owned: [AlignedBuffer?]

  /// - Parameters:
  ///   - segments: in the order of their use.
  ///   - mapsRaw: use raw segments in the mapped file instead of copying them.
  ///   - threads: that read what is copied.
  ///   - progress: called on this thread with the bytes done and those of all segments; false cancels.
  init(
    _ file: JambaFile, segments: [Int], mapsRaw: Bool, access: FileAccess, threads: Int, _ engine: Engine,
    progress: (Int, Int) -> Bool
  ) throws(JambaError) {
    self.file = file
    let directory = file.directory
    mappedSegments = mapsRaw ? segments.filter { directory.segments[$0].packing == .raw } : []
    do throws(FormatError) {
      mapped = mapsRaw ? try MappedWeights(file, segments: mappedSegments, engine) : nil
    } catch { throw .format(error) }

    var owned = [AlignedBuffer?](repeating: nil, count: directory.segments.count)
    var pieces: [Piece] = []
    for index in Set(segments).subtracting(mappedSegments).sorted() {
      let segment = directory.segments[index]
      do { owned[index] = try AlignedBuffer(byteCount: segment.byteCount) } catch {
        throw .outOfMemory(byteCount: segment.byteCount)
      }
      owned[index]!.preferLargePages()
      for first in stride(from: segment.blocks.lowerBound, to: segment.blocks.upperBound, by: Piece.blockCount) {
        pieces.append(
          Piece(segment: index, blocks: first..<min(first + Piece.blockCount, segment.blocks.upperBound)))
      }
    }
    self.owned = owned
    let total = segments.reduce(0) { $0 + directory.segments[$1].byteCount }
    let mappedByteCount = mappedSegments.reduce(0) { $0 + directory.segments[$1].byteCount }
    try load(pieces, access, threads) { progress(mappedByteCount + $0, total) }
    // Other threads may have done the last pieces.
    guard progress(total, total) else { throw .cancelled }
  }

  /// Blocks that a thread takes at a time.
  private struct Piece: Sendable {
    static let blockCount = BlockReader.maximumBlockCount
    let segment: Int
    let blocks: Range<Int>
  }

  /// The pieces not yet taken, the bytes done, and why to stop.
  private final class Queue: Sendable {
    let next = Atomic(0)
    let doneByteCount = Atomic(0)
    let failure = Mutex<JambaError?>(nil)
  }

  private func load(
    _ pieces: [Piece], _ access: FileAccess, _ threads: Int, progress: (Int) -> Bool
  ) throws(JambaError) {
    let queue = Queue()
    var helpers: [BackgroundThread] = []
    for _ in 1..<max(1, min(threads, pieces.count)) {
      do {
        helpers.append(try BackgroundThread { [self] in load(pieces, from: queue, access) { _ in true } })
      } catch { break }  // fewer do as well
    }
    load(pieces, from: queue, access, progress: progress)
    for helper in helpers { helper.join() }
    if let error = queue.failure.withLock({ $0 }) { throw error }
  }

  /// Takes pieces until none is left or something has failed.
  private func load(_ pieces: [Piece], from queue: Queue, _ access: FileAccess, progress: (Int) -> Bool) {
    var failure: JambaError?
    do throws(FormatError) {
      let reader = try BlockReader(file, access: access)
      while failure == nil, queue.failure.withLock({ $0 == nil }) {
        let index = queue.next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < pieces.count else { return }
        let byteCount = try load(pieces[index], reader)
        let done = queue.doneByteCount.wrappingAdd(byteCount, ordering: .relaxed).newValue
        if !progress(done) { failure = .cancelled }
      }
    } catch { failure = .format(error) }
    if let failure { queue.failure.withLock { $0 = $0 ?? failure } }
  }

  /// - Returns: how many bytes of weights the piece has.
  private func load(_ piece: Piece, _ reader: BlockReader) throws(FormatError) -> Int {
    let segment = file.directory.segments[piece.segment]
    let start = file.decodedRange(ofBlock: piece.blocks.lowerBound, in: segment).lowerBound
    let end = file.decodedRange(ofBlock: piece.blocks.upperBound - 1, in: segment).upperBound
    guard let buffer = owned[piece.segment] else { preconditionFailure("the segment is not copied") }
    try unsafe reader.read(
      piece.blocks, of: segment, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[start..<end]))
    return end - start
  }

  /// Where a segment lies, of which only `bytes` may be looked at. What has been computed with them may be damaged until `check`
  /// says that it is not.
  func address(ofSegment segment: Int, using bytes: Range<Int>) -> UnsafeRawPointer {
    if let buffer = owned[segment] { return unsafe UnsafeRawPointer(buffer.base!) }
    guard let mapped else { preconditionFailure("the segment is not resident") }
    return unsafe mapped.address(ofSegment: segment, using: bytes)
  }

  /// Throws when a block that has been asked for fails its checksum, and when the file has been cut short under its map,
  /// before touching that would end the process. (It may still be cut in the moment between: docs/MEMORY.md.)
  func check() throws(JambaError) {
    guard let mapped else { return }
    do throws(FormatError) {
      if let failure = mapped.takeFailure() { throw failure }
      try file.checkSize()
    } catch { throw .format(error) }
  }

  /// Checks what is mapped and has not been asked for yet, as long as `isWanted`.
  func checkAhead(while isWanted: () -> Bool) { mapped?.checkAhead(mappedSegments, while: isWanted) }
}
