import JambaFormat
import Synchronization

/// Segments that stay in memory as long as the model: mapped, or in memory of our own. Every block is checked against
/// its checksum once, on all threads.
@safe
final class ResidentWeights: Sendable {
  private let file: JambaFile
  private let map: MappedFile?
  /// By segment; nil for those used in the map, and for those that are not resident.
  private let owned: [AlignedBuffer?]

  /// - Parameter mapsRaw: use raw segments in the mapped file instead of copying them.
  init(
    _ file: JambaFile, segments: Set<Int>, mapsRaw: Bool, access: FileAccess, threads: Int
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
    try load(pieces, access, threads)
  }

  /// Blocks that a thread takes at a time.
  private struct Piece: Sendable {
    static let blockCount = BlockReader.maximumBlockCount
    let segment: Int
    let blocks: Range<Int>
  }

  /// The pieces not yet taken, and the first failure.
  private final class Queue: Sendable {
    let next = Atomic(0)
    let failure = Mutex<FormatError?>(nil)
  }

  private func load(_ pieces: [Piece], _ access: FileAccess, _ threads: Int) throws(JambaError) {
    let queue = Queue()
    let work: @Sendable () -> Void = { [self] in
      do throws(FormatError) {
        let reader = try BlockReader(file, access: access)
        while queue.failure.withLock({ $0 == nil }) {
          let index = queue.next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < pieces.count else { return }
          try load(pieces[index], reader)
        }
      } catch { queue.failure.withLock { $0 = $0 ?? error } }
    }
    var helpers: [BackgroundThread] = []
    for _ in 1..<max(1, min(threads, pieces.count)) {
      do { helpers.append(try BackgroundThread(work)) } catch { break }  // fewer do as well
    }
    work()
    for helper in helpers { helper.join() }
    if let error = queue.failure.withLock({ $0 }) { throw .format(error) }
  }

  private func load(_ piece: Piece, _ reader: BlockReader) throws(FormatError) {
    let segment = file.directory.segments[piece.segment]
    if let buffer = owned[piece.segment] {
      let start = file.decodedRange(ofBlock: piece.blocks.lowerBound, in: segment).lowerBound
      let end = file.decodedRange(ofBlock: piece.blocks.upperBound - 1, in: segment).upperBound
      try unsafe reader.read(
        piece.blocks, of: segment, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[start..<end]))
    } else if let map {
      for block in piece.blocks { try file.verify(block, in: map) }
    }
  }

  var view: WeightView {
    unsafe WeightView(file: file) { [self] segment in
      if let buffer = owned[segment] { return unsafe UnsafeRawPointer(buffer.base!) }
      guard let map else { preconditionFailure("the segment is not resident") }
      return unsafe map.base + file.directory.segments[segment].offset
    }
  }

  /// Throws when the file has been cut short under its map, before touching that would end the process. (It may still be
  /// cut in the moment between: docs/MEMORY.md.)
  func check() throws(JambaError) {
    guard map != nil else { return }
    do { try file.checkSize() } catch { throw .format(error) }
  }
}
