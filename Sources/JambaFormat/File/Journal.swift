import JambaSystem

/// The progress of an unfinished file: the directory so far, kept beside the temporary file and replaced after every
/// segment, so that an interrupted conversion can go on.
struct Journal {
  let path: String
  /// The identity of the conversion: source and options. Another cannot continue it.
  let identity: String

  private static let limit = 1 << 30

  /// The directory an earlier run left; nil when there is none.
  func read() throws(FormatError) -> Directory? {
    guard FileSystem.exists(path) else { return nil }
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try FileSystem.contents(of: path, limit: Journal.limit) } catch {
      throw .system(action: "read", path: path, error)
    }
    func unusable(_ reason: String) -> FormatError { .cannotResume(path: path, reason: reason) }
    var reader = ByteReader(bytes.dropLast(4)[...])
    var trailer = ByteReader(bytes.suffix(4))
    guard let stored = trailer.read(UInt32.self), stored == checksum(of: Array(bytes.dropLast(4))),
      let length = reader.read(UInt32.self), let found = reader.readText(Int(length)),
      let entries = reader.read(UInt32.self), let segments = reader.read(UInt32.self),
      let blocks = reader.read(UInt32.self), let end = reader.readSize()
    else { throw unusable("its journal is damaged") }
    guard found == identity else { throw unusable("it belongs to another checkpoint or other options") }
    return try Directory(
      bytes[(bytes.count - 4 - reader.remaining)..<bytes.count - 4], entryCount: entries, segmentCount: segments,
      blockCount: blocks, contents: FileHeader.byteCount..<max(FileHeader.byteCount, end), path: path)
  }

  func write(_ directory: Directory) throws(FormatError) {
    var writer = ByteWriter()
    writer.write(UInt32(identity.utf8.count))
    writer.write(identity)
    writer.write(UInt32(directory.entries.count))
    writer.write(UInt32(directory.segments.count))
    writer.write(UInt32(directory.blocks.count))
    writer.write(UInt64(directory.segments.last.map { $0.offset + $0.storedByteCount } ?? 0))
    let bytes = writer.bytes + directory.encoded()
    var trailer = ByteWriter()
    trailer.write(checksum(of: bytes))
    do throws(SystemError) {
      var output = try AtomicFile(path)
      try output.file.write(bytes + trailer.bytes, at: 0)
      // A loss of power may take the last segment's progress, no more.
      try output.commit(durable: false)
    } catch { throw .system(action: "write", path: path, error) }
  }

  func remove() { FileSystem.remove(path) }
}
