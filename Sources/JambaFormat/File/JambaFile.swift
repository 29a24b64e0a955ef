import JambaSystem

/// A .jamba file opened for reading: its directory checked, its contents read on demand.
public final class JambaFile: Sendable {
  public let path: String
  public let directory: Directory
  public let byteCount: Int
  /// CRC-32C of the directory, which holds the checksums of all blocks: what is in the file, in a number.
  package let directoryChecksum: UInt32
  let descriptor: FileDescriptor
  private let entryIndices: [ExactString: Int]

  /// Opens and checks header and directory. The content of blocks is checked when they are read.
  public init(path: String) throws(FormatError) {
    let size: Int
    do throws(SystemError) {
      descriptor = try FileDescriptor.open(reading: path)
      size = try descriptor.regularFileSize()
    } catch { throw .system(action: "open", path: path, error) }
    self.path = path
    byteCount = size
    let header = try FileHeader(
      JambaFile.bytes(0..<min(size, FileHeader.byteCount), of: descriptor, path: path), path: path)
    guard header.fileSize == size else {
      throw .damaged(path: path, reason: "it has \(size) bytes and should have \(header.fileSize)")
    }
    guard header.directoryOffset >= FileHeader.byteCount, header.directoryOffset <= size,
      header.directorySize == size - header.directoryOffset
    else { throw .damaged(path: path, reason: "the directory is not where the header says") }
    let stored = try JambaFile.bytes(header.directoryOffset..<size, of: descriptor, path: path)
    guard checksum(of: stored) == header.directoryChecksum else {
      throw .damaged(path: path, reason: "the directory's checksum is wrong")
    }
    directoryChecksum = header.directoryChecksum
    directory = try Directory(
      stored[...], entryCount: header.entryCount, segmentCount: header.segmentCount,
      blockCount: header.blockCount, contents: FileHeader.byteCount..<header.directoryOffset, path: path)
    var indices: [ExactString: Int] = [:]
    for (index, entry) in directory.entries.enumerated() { indices[ExactString(entry.name)] = index }
    entryIndices = indices
  }

  private static func bytes(
    _ range: Range<Int>, of file: borrowing FileDescriptor, path: String
  ) throws(FormatError) -> [UInt8] {
    do throws(SystemError) {
      let buffer = try AlignedBuffer(byteCount: range.count)
      try unsafe file.read(into: buffer.bytes, at: range.lowerBound)
      return unsafe Array(buffer.bytes)
    } catch { throw .system(action: "read", path: path, error) }
  }

  /// The whole file mapped for reading.
  package func mapped() throws(FormatError) -> MappedFile {
    do { return try MappedFile(descriptor) } catch { throw .system(action: "map", path: path, error) }
  }

  /// Throws when the file has become shorter, so that touching its map would end the process.
  package func checkSize() throws(FormatError) {
    let size: Int
    do { size = try descriptor.regularFileSize() } catch { throw .system(action: "read", path: path, error) }
    guard size >= byteCount else {
      throw .damaged(path: path, reason: "it was cut from \(byteCount) to \(size) bytes while in use")
    }
  }

  public func entry(named name: String) -> Entry? {
    entryIndex(of: name).map { directory.entries[$0] }
  }

  /// The place of a name in the directory.
  package func entryIndex(of name: String) -> Int? { entryIndices[ExactString(name)] }

  /// Where block `index` of a segment lies in the decoded segment.
  package func decodedRange(ofBlock index: Int, in segment: Segment) -> Range<Int> {
    let start = (index - segment.blocks.lowerBound) * Block.byteCount
    return start..<start + directory.decodedByteCount(ofBlock: index, in: segment)
  }

  /// The bytes of an entry, checked and decoded, as a copy: for documents and small tensors.
  public func contents(of entry: Entry) throws(FormatError) -> [UInt8] {
    try contents(of: entry, 0..<entry.byteCount)
  }

  /// Some bytes of an entry, checked and decoded, as a copy.
  package func contents(of entry: Entry, _ range: Range<Int>) throws(FormatError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= entry.byteCount, "the entry has no such bytes")
    let segment = directory.segments[entry.segment]
    let wanted = entry.offset + range.lowerBound..<entry.offset + range.upperBound
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    let reader = try BlockReader(self)
    let scratch: AlignedBuffer
    do { scratch = try AlignedBuffer(byteCount: Block.byteCount) } catch {
      throw .system(action: "read", path: path, error)
    }
    for index in segment.blocks {
      let range = decodedRange(ofBlock: index, in: segment)
      guard range.overlaps(wanted) else { continue }
      let block = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<range.count])
      try unsafe reader.read(index..<index + 1, of: segment, into: block)
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

  /// A document parsed as JSON, in which Python may have written numbers that JSON lacks.
  public func json(_ name: String) throws(FormatError) -> JSON? {
    guard let bytes = try document(name) else { return nil }
    do { return try JSON.parse(python: bytes) } catch { throw .damaged(path: path, reason: "\(name): \(error)") }
  }
}
