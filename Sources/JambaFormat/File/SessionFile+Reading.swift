import JambaSystem

/// Reads a saved session from front to back. Sizes and checksums are checked before anything is believed.
package final class SessionFileReader {
  package let path: String
  /// Of the file: what the description holds depends on it.
  package let version: Int
  package let description: [UInt8]
  package let contentsByteCount: Int
  private let file: FileDescriptor
  private let blocks: [SessionFile.Block]
  private var nextBlock = 0
  /// Where the next block is stored.
  private var position: Int
  /// Decoded blocks, of which `available` is still to be handed out.
  private let decoded: AlignedBuffer
  private let stored: AlignedBuffer
  private var available = 0..<0
  private let parallel: SessionFile.Parallel

  private static let batch = 8

  package init(path: String, parallel: @escaping SessionFile.Parallel) throws(FormatError) {
    self.path = path
    self.parallel = parallel
    func damaged(_ reason: String) -> FormatError { .damagedSession(path: path, reason: reason) }
    let size: Int
    do throws(SystemError) {
      file = try FileDescriptor.open(reading: path)
      size = try file.regularFileSize()
      decoded = try AlignedBuffer(byteCount: SessionFileReader.batch * SessionFile.blockByteCount)
      stored = try AlignedBuffer(byteCount: SessionFileReader.batch * SessionFile.blockByteCount)
    } catch { throw .system(action: "open", path: path, error) }
    let start = try SessionFileReader.bytes(0..<min(size, SessionFile.headerByteCount), of: file, path)
    guard start.count >= 12, Array(start[..<8]) == SessionFile.magic else { throw .notSession(path: path) }
    var reader = ByteReader(start[8...])
    guard let version = reader.read(UInt32.self), SessionFile.readVersions ~= version else {
      throw damaged("it has a version that this program does not read")
    }
    self.version = Int(version)
    guard let expected = reader.read(UInt32.self), let fileSize = reader.readSize(), let contents = reader.readSize(),
      let descriptionSize = reader.read(UInt32.self), let blockCount = reader.read(UInt32.self)
    else { throw damaged("it is cut short") }
    guard fileSize == size else { throw damaged("it has \(size) bytes and should have \(fileSize)") }
    guard descriptionSize <= SessionFile.descriptionLimit, contents <= SessionFile.contentsLimit,
      SessionFile.blockCount(contents) == blockCount,
      Int(descriptionSize) + Int(blockCount) * SessionFile.Block.byteCount <= size - SessionFile.headerByteCount
    else { throw damaged("it holds an absurd size") }
    position = SessionFile.headerByteCount + Int(descriptionSize) + Int(blockCount) * SessionFile.Block.byteCount
    var header = try SessionFileReader.bytes(0..<position, of: file, path)
    for index in 12..<16 { header[index] = 0 }
    guard checksum(of: header) == expected else { throw damaged("its header fails its checksum") }

    let descriptionEnd = SessionFile.headerByteCount + Int(descriptionSize)
    description = Array(header[SessionFile.headerByteCount..<descriptionEnd])
    reader = ByteReader(header[descriptionEnd...])
    var blocks: [SessionFile.Block] = []
    var end = position
    for index in 0..<Int(blockCount) {
      let decodedSize = min(SessionFile.blockByteCount, contents - index * SessionFile.blockByteCount)
      guard let stored = reader.read(UInt32.self), let checksum = reader.read(UInt32.self),
        1...decodedSize ~= Int(stored)
      else { throw damaged("block \(index) has an absurd size") }
      blocks.append(SessionFile.Block(storedByteCount: Int(stored), checksum: checksum))
      end += Int(stored)
    }
    guard end == size else { throw damaged("its blocks do not add up to its size") }
    self.blocks = blocks
    contentsByteCount = contents
  }

  private static func bytes(
    _ range: Range<Int>, of file: borrowing FileDescriptor, _ path: String
  ) throws(FormatError) -> [UInt8] {
    do throws(SystemError) {
      let buffer = try AlignedBuffer(byteCount: range.count)
      try unsafe file.read(into: buffer.bytes, at: range.lowerBound)
      return unsafe Array(buffer.bytes)
    } catch { throw .system(action: "read", path: path, error) }
  }

  /// The next `output.count` bytes of the contents.
  package func read(into output: UnsafeMutableRawBufferPointer) throws(FormatError) {
    var done = 0
    while done < output.count {
      if available.isEmpty { try decodeBatch() }
      let count = min(available.count, output.count - done)
      let part = available.lowerBound..<available.lowerBound + count
      unsafe output[done..<done + count].copyBytes(from: decoded.bytes[part])
      available = part.upperBound..<available.upperBound
      done += count
    }
  }

  /// The next `count` bytes as an array that grows as far as the file really goes.
  package func read(_ count: Int) throws(FormatError) -> [UInt8] {
    var result: [UInt8] = []
    while result.count < count {
      if available.isEmpty { try decodeBatch() }
      let part = available.prefix(count - result.count)
      unsafe result += decoded.bytes[part]
      available = part.upperBound..<available.upperBound
    }
    return result
  }

  private func decodeBatch() throws(FormatError) {
    let range = nextBlock..<min(nextBlock + SessionFileReader.batch, blocks.count)
    guard !range.isEmpty else { throw .damagedSession(path: path, reason: "it ends too soon") }
    var offsets: [Int] = [0]
    for index in range { offsets.append(offsets.last! + blocks[index].storedByteCount) }
    do throws(SystemError) {
      try unsafe file.read(
        into: UnsafeMutableRawBufferPointer(rebasing: stored.bytes[..<offsets.last!]), at: position)
    } catch { throw .system(action: "read", path: path, error) }
    let total = min(
      range.count * SessionFile.blockByteCount, contentsByteCount - range.lowerBound * SessionFile.blockByteCount)
    let isSound = ParallelResults<Bool>(repeating: false, count: range.count)
    let (batch, starts, input, output) = (Array(blocks[range]), offsets, stored, decoded)
    parallel(range.count) { index in
      let block = unsafe UnsafeRawBufferPointer(rebasing: input.bytes[starts[index]..<starts[index + 1]])
      let start = index * SessionFile.blockByteCount
      let space = unsafe UnsafeMutableRawBufferPointer(
        rebasing: output.bytes[start..<min(start + SessionFile.blockByteCount, total)])
      guard unsafe checksum(of: block) == batch[index].checksum else { return }
      if block.count == space.count {
        unsafe space.copyMemory(from: block)
        isSound[index] = true
      } else {
        isSound[index] = unsafe Zstd.decompress(block, into: space)
      }
    }
    for index in 0..<range.count where !isSound[index] {
      throw .damagedSession(path: path, reason: "block \(range.lowerBound + index) fails its checksum")
    }
    nextBlock = range.upperBound
    position += offsets.last!
    available = 0..<total
  }
}
