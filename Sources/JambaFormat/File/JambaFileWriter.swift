import JambaSystem

/// Writes a .jamba file front to back in a few megabytes of memory, under a temporary name until it is complete.
///
/// Add segments with `beginSegment`, `append`, `endSegment`, name what they hold with `add`, and `finish`. A writer that
/// goes away unfinished removes its temporary file, unless it has an identity, by which a later one goes on.
public final class JambaFileWriter {
  /// Which packing a segment gets.
  public enum Packing: Sendable {
    case raw
    case zstd
    /// zstd where the first megabytes shrink by 3 % or more.
    case automatic
  }

  /// Runs the body for 0..<count, in any order, on as many threads as the caller likes.
  public typealias Parallel = (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void

  public let path: String
  private var destination: AtomicFile
  private let parallel: Parallel
  public private(set) var directory = Directory()
  private var position = FileHeader.byteCount
  private var open: OpenSegment?

  /// When set, progress is recorded after every segment, and an unfinished file stays.
  private let journal: Journal?

  private struct OpenSegment {
    var packing: Packing
    var segment: Segment
    /// Bytes waiting in `pending`.
    var pendingByteCount = 0
  }

  /// Blocks that are packed together, in parallel.
  private static let batch = 16
  private let pending: AlignedBuffer
  private let packed: AlignedBuffer

  /// Starts a new file. `identity` names the conversion (source and options); with it the writer keeps a journal beside
  /// the temporary file, and continues where an earlier one of the same identity stopped.
  public init(path: String, identity: String? = nil, parallel: @escaping Parallel) throws(FormatError) {
    self.path = path
    self.parallel = parallel
    journal = identity.map { Journal(path: AtomicFile.temporaryPath(for: path) + ".journal", identity: $0) }
    do throws(SystemError) {
      pending = try AlignedBuffer(byteCount: JambaFileWriter.batch * Block.byteCount)
      packed = try AlignedBuffer(byteCount: JambaFileWriter.batch * Block.byteCount)
    } catch { throw .system(action: "write", path: path, error) }

    if let journal, let progress = try journal.read() {
      directory = progress
      position = directory.segments.last.map { $0.offset + $0.storedByteCount } ?? FileHeader.byteCount
      do throws(SystemError) {
        destination = try AtomicFile(continuing: path)
        guard try destination.file.regularFileSize() >= position else { throw SystemError(code: 0) }
        try destination.file.truncate(to: position)
      } catch {
        throw .cannotResume(
          path: AtomicFile.temporaryPath(for: path), reason: "it is missing or shorter than its journal says")
      }
    } else {
      do throws(SystemError) { destination = try AtomicFile(path, keepsUnfinished: identity != nil) } catch {
        throw .system(action: "create", path: AtomicFile.temporaryPath(for: path), error)
      }
    }
  }

  /// Whether an earlier run already wrote the entry.
  public func contains(_ name: String) -> Bool {
    directory.entries.contains { ExactString($0.name) == ExactString(name) }
  }

  /// Starts a segment that will hold `byteCount` bytes.
  public func beginSegment(byteCount: Int, packing: Packing) {
    precondition(open == nil, "a segment is open already")
    precondition(byteCount > 0, "a segment cannot be empty")
    let alignment = Directory.alignment(ofSegmentWith: byteCount)
    let offset = (position + alignment - 1) / alignment * alignment
    let firstBlock = directory.blocks.count
    open = OpenSegment(
      packing: packing,
      segment: Segment(
        packing: .raw, offset: offset, storedByteCount: 0, byteCount: 0, blocks: firstBlock..<firstBlock))
  }

  /// Appends to the open segment.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    var rest = unsafe bytes[...]
    while unsafe !rest.isEmpty {
      let used = open!.pendingByteCount
      let count = unsafe min(rest.count, pending.byteCount - used)
      unsafe pending.bytes[used..<used + count].copyBytes(from: rest.prefix(count))
      open!.pendingByteCount += count
      unsafe rest = rest.dropFirst(count)
      if open!.pendingByteCount == pending.byteCount { try flush() }
    }
  }

  public func append(_ bytes: [UInt8]) throws(FormatError) {
    var failure: FormatError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(FormatError) { try unsafe append(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Closes the segment, records what it holds, and returns its index. `entries`' offsets are within the segment.
  @discardableResult
  public func endSegment(
    entries: [(name: String, type: StorageType, shape: [Int], offset: Int)]
  ) throws(FormatError) -> Int {
    try flush()
    let segment = open!.segment
    precondition(segment.byteCount > 0, "a segment cannot be empty")
    open = nil
    position = segment.offset + segment.storedByteCount
    directory.segments.append(segment)
    let index = directory.segments.count - 1
    for entry in entries {
      guard let byteCount = entry.type.byteCount(shape: entry.shape) else {
        preconditionFailure("\(entry.name) has no size")
      }
      precondition(entry.offset % Directory.alignment == 0, "\(entry.name) is not aligned")
      precondition(entry.offset + byteCount <= segment.byteCount, "\(entry.name) is longer than its segment")
      directory.entries.append(
        Entry(
          name: entry.name, type: entry.type, shape: entry.shape, segment: index, offset: entry.offset,
          byteCount: byteCount))
    }
    try journal?.write(directory)
    return index
  }

  /// Writes documents (config.json, tokenizer.json …) as one segment.
  public func addDocuments(_ documents: [(name: String, bytes: [UInt8])], packing: Packing) throws(FormatError) {
    var entries: [(name: String, type: StorageType, shape: [Int], offset: Int)] = []
    var contents: [UInt8] = []
    for (name, bytes) in documents where !bytes.isEmpty {
      contents += [UInt8](repeating: 0, count: -contents.count & (Directory.alignment - 1))
      entries.append((name, .document, [bytes.count], contents.count))
      contents += bytes
    }
    guard !contents.isEmpty else { return }
    beginSegment(byteCount: contents.count, packing: packing)
    try append(contents)
    try endSegment(entries: entries)
  }

  /// Packs and writes the pending blocks.
  private func flush() throws(FormatError) {
    let total = open!.pendingByteCount
    guard total > 0 else { return }
    let count = (total - 1) / Block.byteCount + 1
    let (input, output) = (pending, packed)
    func inputRange(_ index: Int) -> Range<Int> {
      index * Block.byteCount..<min((index + 1) * Block.byteCount, total)
    }

    var packedSizes = [Int?](repeating: nil, count: count)
    if open!.packing != .raw {
      let sizes = ParallelResults<Int?>(repeating: nil, count: count)
      parallel(count) { index in
        let range = index * Block.byteCount..<min((index + 1) * Block.byteCount, total)
        sizes[index] = unsafe Zstd.compress(
          UnsafeRawBufferPointer(rebasing: input.bytes[range]),
          into: UnsafeMutableRawBufferPointer(rebasing: output.bytes[range]))
      }
      packedSizes = (0..<count).map { sizes[$0] }
      if open!.packing == .automatic {
        let stored = (0..<count).reduce(0) { $0 + (packedSizes[$1] ?? inputRange($1).count) }
        open!.packing = Double(stored) <= 0.97 * Double(total) ? .zstd : .raw
        if open!.packing == .raw { packedSizes = [Int?](repeating: nil, count: count) }
      }
      open!.segment.packing = open!.packing == .raw ? .raw : .zstd
    }
    for index in 0..<count {
      let range = inputRange(index)
      let bytes =
        unsafe packedSizes[index].map { 
          unsafe UnsafeRawBufferPointer(rebasing: output.bytes[range.lowerBound..<range.lowerBound + $0])
        } ?? UnsafeRawBufferPointer(rebasing: input.bytes[range])
      let offset = open!.segment.offset + open!.segment.storedByteCount
      do throws(SystemError) { try unsafe destination.file.write(bytes, at: offset) } catch {
        throw .system(action: "write", path: destination.temporaryPath, error)
      }
      unsafe directory.blocks.append(
        Block(
          storedByteCount: bytes.count, isCompressed: packedSizes[index] != nil, checksum: checksum(of: bytes),
          offset: offset))
      open!.segment.storedByteCount += bytes.count
    }
    let first = open!.segment.blocks.lowerBound
    open!.segment.blocks = first..<directory.blocks.count
    open!.segment.byteCount += total
    open!.pendingByteCount = 0
  }

  /// Completes the file: directory, header, sync, and only then its name.
  public func finish() throws(FormatError) {
    precondition(open == nil, "a segment is still open")
    let encoded = directory.encoded()
    let header = FileHeader(
      version: directory.entries.map(\.type.traits.firstVersion).max() ?? 1, fileSize: position + encoded.count,
      directoryOffset: position, directorySize: encoded.count,
      directoryChecksum: checksum(of: encoded), entryCount: UInt32(directory.entries.count),
      segmentCount: UInt32(directory.segments.count), blockCount: UInt32(directory.blocks.count))
    do throws(SystemError) {
      try destination.file.write(encoded, at: position)
      try destination.file.write(header.encoded(), at: 0)
      try destination.commit()
    } catch { throw .system(action: "write", path: path, error) }
    journal?.remove()
  }
}
