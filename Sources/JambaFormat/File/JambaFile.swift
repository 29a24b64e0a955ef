/// A .jamba file opened for reading: its directory checked, its bytes mapped.
public final class JambaFile: Sendable {
  public let path: String
  public let directory: Directory
  package let map: MappedFile
  public var byteCount: Int { map.byteCount }
  private let entryIndices: [ExactString: Int]

  /// Opens and checks header and directory. The content of blocks is checked when they are read.
  public init(path: String) throws(FormatError) {
    do throws(SystemError) {
      let file = try FileDescriptor.open(reading: path)
      guard try file.regularFileSize() > 0 else { throw SystemError(code: 0) }
      map = try MappedFile(file)
    } catch {
      throw error.code == 0 ? .notJamba(path: path) : .system(action: "open", path: path, error)
    }
    self.path = path
    let size = map.byteCount
    let header = try FileHeader(
      unsafe Array(map.bytes[..<min(size, FileHeader.byteCount)]), path: path)
    guard header.fileSize == size else {
      throw .damaged(path: path, reason: "it has \(size) bytes and should have \(header.fileSize)")
    }
    guard header.directoryOffset >= FileHeader.byteCount, header.directoryOffset <= size,
      header.directorySize == size - header.directoryOffset
    else { throw .damaged(path: path, reason: "the directory is not where the header says") }
    let stored = unsafe UnsafeRawBufferPointer(rebasing: map.bytes[header.directoryOffset...])
    guard unsafe checksum(of: stored) == header.directoryChecksum else {
      throw .damaged(path: path, reason: "the directory's checksum is wrong")
    }
    directory = try Directory(
      unsafe ArraySlice(stored), entryCount: header.entryCount, segmentCount: header.segmentCount,
      blockCount: header.blockCount, contents: FileHeader.byteCount..<header.directoryOffset, path: path)
    var indices: [ExactString: Int] = [:]
    for (index, entry) in directory.entries.enumerated() { indices[ExactString(entry.name)] = index }
    entryIndices = indices
  }

  public func entry(named name: String) -> Entry? {
    entryIndices[ExactString(name)].map { directory.entries[$0] }
  }

  /// Checks the stored bytes of a block against its checksum.
  package func verifyBlock(_ index: Int) throws(FormatError) {
    let block = directory.blocks[index]
    guard unsafe checksum(of: storedBytes(of: block)) == block.checksum else {
      throw .damaged(path: path, reason: "block \(index) at byte \(block.offset) fails its checksum")
    }
  }

  /// Checks a block and decodes it into `output`, which has exactly its decoded size.
  package func decodeBlock(_ index: Int, into output: UnsafeMutableRawBufferPointer) throws(FormatError) {
    try verifyBlock(index)
    let block = directory.blocks[index]
    let stored = unsafe storedBytes(of: block)
    if block.isCompressed {
      guard unsafe Zstd.decompress(stored, into: output) else {
        throw .damaged(path: path, reason: "block \(index) at byte \(block.offset) cannot be decompressed")
      }
    } else {
      unsafe output.copyMemory(from: stored)
    }
  }

  private func storedBytes(of block: Block) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: map.bytes[block.offset..<block.offset + block.storedByteCount])
  }

  /// Where block `index` of a segment lies in the decoded segment.
  package func decodedRange(ofBlock index: Int, in segment: Segment) -> Range<Int> {
    let start = (index - segment.blocks.lowerBound) * Block.byteCount
    return start..<start + directory.decodedByteCount(ofBlock: index, in: segment)
  }

  /// The bytes of an entry, checked and decoded, as a copy: for documents and small tensors.
  public func contents(of entry: Entry) throws(FormatError) -> [UInt8] {
    let segment = directory.segments[entry.segment]
    let wanted = entry.offset..<entry.offset + entry.byteCount
    var result: [UInt8] = []
    result.reserveCapacity(entry.byteCount)
    let scratch: AlignedBuffer
    do { scratch = try AlignedBuffer(byteCount: Block.byteCount) } catch {
      throw .system(action: "read", path: path, error)
    }
    for index in segment.blocks {
      let range = decodedRange(ofBlock: index, in: segment)
      guard range.overlaps(wanted) else { continue }
      let block = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<range.count])
      try unsafe decodeBlock(index, into: block)
      let part = range.clamped(to: wanted)
      unsafe result += block[part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound]
    }
    return result
  }

  /// A document of the file, such as "config.json"; nil when it has none of that name.
  public func document(_ name: String) throws(FormatError) -> [UInt8]? {
    guard let entry = entry(named: name), entry.type == .document else { return nil }
    return try contents(of: entry)
  }

  /// A document parsed as JSON.
  public func json(_ name: String) throws(FormatError) -> JSON? {
    guard let bytes = try document(name) else { return nil }
    do { return try JSON.parse(bytes) } catch { throw .damaged(path: path, reason: "\(name): \(error)") }
  }
}
