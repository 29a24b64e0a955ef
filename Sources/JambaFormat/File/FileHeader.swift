import CChecksum

/// The first 64 bytes of a .jamba file (docs/FORMAT.md).
struct FileHeader: Equatable {
  static let byteCount = 64
  /// Those that this program reads. The third is said only by files with int3 or int2; the second had other scales for these, and few
  /// files were made.
  static let versions: Set<UInt32> = [1, 3]
  /// Not ASCII at first, so no text is mistaken for it; the line ending shows a transfer in text mode.
  static let magic: [UInt8] = [0x8D, 0x4A, 0x41, 0x4D, 0x42, 0x41, 0x0D, 0x0A]

  var version: UInt32
  var fileSize: Int
  var directoryOffset: Int
  var directorySize: Int
  var directoryChecksum: UInt32
  var entryCount: UInt32
  var segmentCount: UInt32
  var blockCount: UInt32

  func encoded() -> [UInt8] {
    func bytes(checksum: UInt32) -> [UInt8] {
      var writer = ByteWriter()
      for byte in FileHeader.magic { writer.write(byte) }
      writer.write(version)
      writer.write(checksum)
      writer.write(UInt64(fileSize))
      writer.write(UInt64(directoryOffset))
      writer.write(UInt64(directorySize))
      writer.write(directoryChecksum)
      writer.write(entryCount)
      writer.write(segmentCount)
      writer.write(blockCount)
      writer.pad(to: FileHeader.byteCount)
      return writer.bytes
    }
    return bytes(checksum: checksum(of: bytes(checksum: 0)))
  }

  /// Reads a header; nil fields never escape: the caller learns what is wrong.
  init(_ bytes: [UInt8], path: String) throws(FormatError) {
    guard bytes.count >= 12, Array(bytes[..<8]) == FileHeader.magic else { throw .notJamba(path: path) }
    var reader = ByteReader(bytes[8...])
    guard let version = reader.read(UInt32.self), FileHeader.versions.contains(version) else {
      var reader = ByteReader(bytes[8...])
      throw .unsupportedVersion(path: path, version: reader.read() ?? 0)
    }
    guard bytes.count == FileHeader.byteCount, let stored = reader.read(UInt32.self) else {
      throw .damaged(path: path, reason: "the header is cut short")
    }
    var unsigned = bytes
    for i in 12..<16 { unsigned[i] = 0 }
    guard checksum(of: unsigned) == stored else { throw .damaged(path: path, reason: "the header's checksum is wrong") }
    guard let fileSize = reader.readSize(), let directoryOffset = reader.readSize(),
      let directorySize = reader.readSize(), let directoryChecksum = reader.read(UInt32.self),
      let entryCount = reader.read(UInt32.self), let segmentCount = reader.read(UInt32.self),
      let blockCount = reader.read(UInt32.self)
    else { throw .damaged(path: path, reason: "the header holds an absurd size") }
    self.init(
      version: version, fileSize: fileSize, directoryOffset: directoryOffset, directorySize: directorySize,
      directoryChecksum: directoryChecksum, entryCount: entryCount, segmentCount: segmentCount, blockCount: blockCount)
  }

  init(
    version: UInt32, fileSize: Int, directoryOffset: Int, directorySize: Int, directoryChecksum: UInt32,
    entryCount: UInt32, segmentCount: UInt32, blockCount: UInt32
  ) {
    self.version = version
    self.fileSize = fileSize
    self.directoryOffset = directoryOffset
    self.directorySize = directorySize
    self.directoryChecksum = directoryChecksum
    self.entryCount = entryCount
    self.segmentCount = segmentCount
    self.blockCount = blockCount
  }
}

/// CRC-32C of bytes.
package func checksum(of bytes: [UInt8]) -> UInt32 {
  unsafe bytes.withUnsafeBytes { unsafe jc_crc32c(0, $0.baseAddress, $0.count) }
}

/// - Parameter start: the checksum of what comes before the bytes.
package func checksum(of bytes: UnsafeRawBufferPointer, after start: UInt32 = 0) -> UInt32 {
  unsafe jc_crc32c(start, bytes.baseAddress, bytes.count)
}
