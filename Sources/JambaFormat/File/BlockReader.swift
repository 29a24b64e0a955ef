import JambaSystem

/// How the system's page cache takes part in reading.
public enum FileAccess: String, Sendable, CaseIterable {
  /// Through the page cache, which keeps what was read as long as it has room.
  case cached
  /// Past the page cache, straight into our memory. Where the file system cannot do that, through it, dropping behind.
  case direct
}

/// Reads blocks of a .jamba file into memory, each checked against its checksum and decoded. For one thread at a time.
package final class BlockReader {
  private let file: JambaFile
  private let access: FileAccess
  private let direct: DirectFile?
  /// Stored bytes that cannot go where they are wanted: compressed ones, and those that direct access cannot align.
  private let scratch: AlignedBuffer

  /// The most blocks of one `read`: 1 MiB, enough for a disk's full speed with a few requests under way.
  package static let maximumBlockCount = 4
  package static let scratchByteCount = maximumBlockCount * Block.byteCount + 2 * FileDescriptor.directAlignment

  package init(_ file: JambaFile, access: FileAccess = .cached) throws(FormatError) {
    self.file = file
    self.access = access
    direct = access == .direct ? DirectFile(file) : nil
    do { scratch = try AlignedBuffer(byteCount: BlockReader.scratchByteCount) } catch {
      throw .system(action: "read", path: file.path, error)
    }
  }

  /// Reads at most `maximumBlockCount` consecutive blocks of a segment; `output` has exactly their decoded size.
  ///
  /// - Returns: the bytes read from the file.
  @discardableResult
  package func read(
    _ blocks: Range<Int>, of segment: Segment, into output: UnsafeMutableRawBufferPointer
  ) throws(FormatError) -> Int {
    precondition(blocks.count <= BlockReader.maximumBlockCount, "more blocks than the scratch memory holds")
    guard let first = blocks.first, let last = blocks.last else { return 0 }
    let directory = file.directory
    let start = directory.blocks[first].offset
    let stored = start..<directory.blocks[last].offset + directory.blocks[last].storedByteCount
    let source: UnsafeRawBufferPointer
    do throws(SystemError) {
      unsafe source =
        segment.packing == .raw ? try unsafe read(stored, into: output) : try readIntoScratch(stored)
    } catch { throw .system(action: "read", path: file.path, error) }

    var position = 0
    for index in blocks {
      let block = directory.blocks[index]
      let bytes = unsafe UnsafeRawBufferPointer(
        rebasing: source[block.offset - start..<block.offset - start + block.storedByteCount])
      guard unsafe checksum(of: bytes) == block.checksum else { throw file.failedChecksum(ofBlock: index) }
      let count = directory.decodedByteCount(ofBlock: index, in: segment)
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: output[position..<position + count])
      if block.isCompressed {
        guard unsafe Zstd.decompress(bytes, into: part) else {
          throw .damaged(path: file.path, reason: "block \(index) at byte \(block.offset) cannot be decompressed")
        }
      } else if segment.packing == .zstd {
        unsafe part.copyMemory(from: bytes)
      }
      position += count
    }
    return stored.count
  }

  /// The bytes of `range` in `output`, which has that size.
  private func read(
    _ range: Range<Int>, into output: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> UnsafeRawBufferPointer {
    let alignment = FileDescriptor.directAlignment
    if let direct, range.lowerBound % alignment == 0, Int(bitPattern: output.baseAddress) % alignment == 0 {
      let whole = range.count / alignment * alignment
      try unsafe direct.descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: output[..<whole]), at: range.lowerBound)
      if whole < range.count {
        let rest = try unsafe readIntoScratch(range.lowerBound + whole..<range.upperBound)
        unsafe UnsafeMutableRawBufferPointer(rebasing: output[whole...]).copyMemory(from: rest)
      }
    } else if direct != nil {
      unsafe output.copyMemory(from: try readIntoScratch(range))
    } else {
      try unsafe file.descriptor.read(into: output, at: range.lowerBound)
      if access == .direct { file.descriptor.forget(range) }
    }
    return UnsafeRawBufferPointer(output)
  }

  /// The bytes of `range` in the scratch memory, until the next read.
  private func readIntoScratch(_ range: Range<Int>) throws(SystemError) -> UnsafeRawBufferPointer {
    guard let direct else {
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<range.count])
      try unsafe file.descriptor.read(into: part, at: range.lowerBound)
      if access == .direct { file.descriptor.forget(range) }
      return UnsafeRawBufferPointer(part)
    }
    let alignment = FileDescriptor.directAlignment
    let start = range.lowerBound / alignment * alignment
    let end = (range.upperBound + alignment - 1) / alignment * alignment
    try unsafe direct.descriptor.read(
      into: UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<(end - start)]), at: start,
      needing: range.upperBound - start)
    return unsafe UnsafeRawBufferPointer(rebasing: scratch.bytes[range.lowerBound - start..<range.upperBound - start])
  }
}

/// The file opened past the page cache; nil where its file system cannot do that.
private final class DirectFile {
  let descriptor: FileDescriptor

  init?(_ file: JambaFile) {
    do { descriptor = try FileDescriptor.open(directly: file.path, same: file.descriptor) } catch { return nil }
  }
}

extension JambaFile {
  package func failedChecksum(ofBlock index: Int) -> FormatError {
    .damaged(path: path, reason: "block \(index) at byte \(directory.blocks[index].offset) fails its checksum")
  }

  /// Whether a block of a raw segment has its checksum in the mapped file.
  package func isSound(_ index: Int, in map: MappedFile) -> Bool {
    let block = directory.blocks[index]
    let stored = unsafe UnsafeRawBufferPointer(rebasing: map.bytes[block.offset..<block.offset + block.storedByteCount])
    return unsafe checksum(of: stored) == block.checksum
  }
}
