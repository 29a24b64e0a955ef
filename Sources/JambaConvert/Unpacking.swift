import JambaFormat

/// Copies a .jamba file with nothing packed, for a fast disk.
public func unpack(
  _ path: String, to output: String, threads: Int, progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) {
  let pool = try WorkerPool(threads: threads)
  var isCancelled = false
  do throws(FormatError) {
    let file = try JambaFile(path: path)
    let writer = try JambaFileWriter(path: output, parallel: { pool.forEach($0, $1) })
    let total = file.directory.segments.reduce(0) { $0 + $1.byteCount }
    var done = 0
    let reader = try BlockReader(file)
    var buffer = [UInt8](repeating: 0, count: Block.byteCount)
    for (index, segment) in file.directory.segments.enumerated() {
      writer.beginSegment(byteCount: segment.byteCount, packing: .raw)
      for block in segment.blocks {
        isCancelled = isCancelled || !progress(done, total)
        if isCancelled { break }
        let count = file.decodedRange(ofBlock: block, in: segment).count
        var failure: FormatError?
        unsafe buffer.withUnsafeMutableBytes { bytes in
          let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
          do throws(FormatError) {
            try unsafe reader.read(block..<block + 1, of: segment, into: part)
            try unsafe writer.append(UnsafeRawBufferPointer(part))
          } catch { failure = error }
        }
        if let failure { throw failure }
        done += count
      }
      if isCancelled { break }
      try writer.endSegment(
        entries: file.directory.entries.filter { $0.segment == index }.map { ($0.name, $0.type, $0.shape, $0.offset) })
    }
    if !isCancelled { try writer.finish() }
  } catch { throw .format(error) }
  if isCancelled { throw .cancelled }
}
