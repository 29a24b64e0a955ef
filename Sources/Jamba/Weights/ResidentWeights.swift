import JambaFormat
import JambaSystem
import Synchronization

/// Segments that stay in memory as long as the model: mapped, or in memory of our own. Every block is checked against
/// its checksum once, on all threads.
@safe
final class ResidentWeights: Sendable {
  private let file: JambaFile
  private let map: MappedFile?
  /// By segment; nil for those used in the map, and for those that are not resident.
  private let owned: [AlignedBuffer?]

  /// - Parameters:
  ///   - mapsRaw: use raw segments in the mapped file instead of copying them.
  ///   - progress: called on this thread with the bytes done and those of all segments; false cancels.
  init(
    _ file: JambaFile, segments: Set<Int>, mapsRaw: Bool, access: FileAccess, threads: Int,
    progress: (Int, Int) -> Bool
  ) throws(JambaError) {
    self.file = file
    let directory = file.directory
    do throws(FormatError) { map = mapsRaw ? try file.mapped() : nil } catch { throw .format(error) }

    var owned = [AlignedBuffer?](repeating: nil, count: directory.segments.count)
    var pieces: [Piece] = []
    for index in segments.sorted() {
      let segment = directory.segments[index]
      if !mapsRaw || segment.packing != .raw {
        do { owned[index] = try AlignedBuffer(byteCount: segment.byteCount) } catch {
          throw .outOfMemory(byteCount: segment.byteCount)
        }
        owned[index]!.preferLargePages()
      }
      for first in stride(from: segment.blocks.lowerBound, to: segment.blocks.upperBound, by: Piece.blockCount) {
        pieces.append(
          Piece(segment: index, blocks: first..<min(first + Piece.blockCount, segment.blocks.upperBound)))
      }
    }
    self.owned = owned
    let total = segments.reduce(0) { $0 + directory.segments[$1].byteCount }
    try load(pieces, access, threads) { progress($0, total) }
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
    if let buffer = owned[piece.segment] {
      try unsafe reader.read(
        piece.blocks, of: segment, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[start..<end]))
    } else if let map {
      for block in piece.blocks { try file.verify(block, in: map) }
    }
    return end - start
  }

  func address(ofSegment segment: Int) -> UnsafeRawPointer {
    if let buffer = owned[segment] { return unsafe UnsafeRawPointer(buffer.base!) }
    guard let map else { preconditionFailure("the segment is not resident") }
    return unsafe map.base + file.directory.segments[segment].offset
  }

  /// Throws when the file has been cut short under its map, before touching that would end the process. (It may still be
  /// cut in the moment between: docs/MEMORY.md.)
  func check() throws(JambaError) {
    guard map != nil else { return }
    do { try file.checkSize() } catch { throw .format(error) }
  }
}
