import JambaSystem

/// The container of a saved session (docs/SESSIONS.md): a description, and contents in blocks. What they mean is the
/// runtime's business.
package enum SessionFile {
  static let currentVersion: UInt32 = 2
  static let readVersions: ClosedRange<UInt32> = 1...2
  static let magic: [UInt8] = [0x8D, 0x4A, 0x53, 0x45, 0x53, 0x53, 0x0D, 0x0A]
  static let headerByteCount = 40
  static let blockByteCount = 256 << 10
  /// No session has a description or contents beyond these; a damaged size does not get far.
  static let descriptionLimit = 1 << 16
  static let contentsLimit = 1 << 40

  package typealias Parallel = (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void

  struct Block {
    var storedByteCount: Int
    var checksum: UInt32

    static let byteCount = 8
  }

  static func blockCount(_ contents: Int) -> Int { (contents + blockByteCount - 1) / blockByteCount }

  /// Writes a file: whatever happens, `path` is the old one or the new one, whole.
  ///
  /// - Parameter contents: parts of the contents, in order.
  package static func write(
    to path: String, description: [UInt8], contents: [UnsafeRawBufferPointer], parallel: Parallel
  ) throws(FormatError) {
    precondition(description.count <= descriptionLimit, "the description is too long")
    do throws(SystemError) {
      var output = try AtomicFile(path)
      let total = unsafe contents.reduce(0) { $0 + $1.count }
      var position = headerByteCount + description.count + blockCount(total) * Block.byteCount
      var blocks: [Block] = []
      try unsafe forEachBatch(of: contents, parallel) { (stored, checksum) throws(SystemError) in
        try unsafe output.file.write(stored, at: position)
        blocks.append(Block(storedByteCount: stored.count, checksum: checksum))
        position += stored.count
      }
      try output.file.write(header(description, contents: total, blocks, fileSize: position), at: 0)
      try output.commit()
    } catch { throw .system(action: "write", path: path, error) }
  }

  private static func header(_ description: [UInt8], contents: Int, _ blocks: [Block], fileSize: Int) -> [UInt8] {
    func bytes(checksum: UInt32) -> [UInt8] {
      var writer = ByteWriter()
      for byte in magic { writer.write(byte) }
      writer.write(currentVersion)
      writer.write(checksum)
      writer.write(UInt64(fileSize))
      writer.write(UInt64(contents))
      writer.write(UInt32(description.count))
      writer.write(UInt32(blocks.count))
      for byte in description { writer.write(byte) }
      for block in blocks {
        writer.write(UInt32(block.storedByteCount))
        writer.write(block.checksum)
      }
      return writer.bytes
    }
    return bytes(checksum: checksum(of: bytes(checksum: 0)))
  }

  /// Blocks that are packed together, in parallel.
  private static let batch = 16

  /// Cuts the parts into blocks, packs them, and hands out each as it is stored.
  private static func forEachBatch(
    of parts: [UnsafeRawBufferPointer], _ parallel: Parallel,
    _ body: (UnsafeRawBufferPointer, UInt32) throws(SystemError) -> Void
  ) throws(SystemError) {
    let input = try AlignedBuffer(byteCount: batch * blockByteCount)
    let output = try AlignedBuffer(byteCount: batch * blockByteCount)
    var used = 0
    func flush() throws(SystemError) {
      let total = used
      let count = blockCount(total)
      let results = ParallelResults<(size: Int?, checksum: UInt32)>(repeating: (nil, 0), count: max(count, 1))
      @Sendable func range(_ index: Int, _ size: Int?) -> Range<Int> {
        let start = index * blockByteCount
        return start..<(size.map { start + $0 } ?? min(start + blockByteCount, total))
      }
      @Sendable func pack(_ index: Int, compressing: Bool) {
        let block = unsafe UnsafeRawBufferPointer(rebasing: input.bytes[range(index, nil)])
        let space = unsafe UnsafeMutableRawBufferPointer(rebasing: output.bytes[range(index, nil)])
        // Mamba states shrink by a twelfth, which is not worth the time of unpacking them.
        let size =
          compressing ? unsafe Zstd.compress(block, into: space).flatMap { $0 <= block.count / 8 * 7 ? $0 : nil } : nil
        let stored = unsafe size.map { unsafe UnsafeRawBufferPointer(rebasing: space[..<$0]) } ?? block
        results[index] = unsafe (size, checksum(of: stored))
      }
      // Where neither the first nor the last block shrinks, as in keys and values, those between are not tried.
      let ends = count > 1 ? [0, count - 1] : Array(0..<count)
      parallel(ends.count) { pack(ends[$0], compressing: true) }
      let shrinks = ends.contains { results[$0].size != nil }
      parallel(max(0, count - 2)) { pack($0 + 1, compressing: shrinks) }
      for index in 0..<count {
        let (size, checksum) = results[index]
        try unsafe body(
          UnsafeRawBufferPointer(rebasing: (size == nil ? input : output).bytes[range(index, size)]), checksum)
      }
      used = 0
    }
    for index in unsafe parts.indices {
      var rest = unsafe parts[index][...]
      while unsafe !rest.isEmpty {
        let count = unsafe min(rest.count, input.byteCount - used)
        unsafe input.bytes[used..<used + count].copyBytes(from: rest.prefix(count))
        used += count
        unsafe rest = rest.dropFirst(count)
        if used == input.byteCount { try flush() }
      }
    }
    try flush()
  }
}
