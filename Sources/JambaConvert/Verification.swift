import CKernels
public import JambaFormat
import JambaSystem
import Synchronization

/// What `verify` found about a sound file.
public struct VerificationReport: Sendable {
  public struct Tensor: Sendable {
    public let name: String
    public let type: StorageType
    /// ‖stored - source‖ / ‖source‖; 0 when equal.
    public let relativeError: Double
    /// The same in decibels.
    public var signalToNoise: Double { -20 * decimalLogarithm(relativeError) }
  }

  public let blockCount: Int
  public let tensorCount: Int
  /// Against a checkpoint: every tensor, the worst first.
  public let tensors: [Tensor]
}

/// Checks every block of a .jamba file, decodes what is packed, checks that the tensors are those of its configuration,
/// and, with a checkpoint, compares every value.
///
/// - Throws: `format` for a damaged or incomplete file; `unusable` when a tensor differs from the checkpoint by more than
///   its type can explain.
public func verify(
  _ path: String, against checkpointPath: String?, threads: Int, progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> VerificationReport {
  let file: JambaFile
  do { file = try JambaFile(path: path) } catch { throw .format(error) }
  let pool = try WorkerPool(threads: threads)
  let configuration = try configuration(of: file)
  let specifications = ModelTensors(configuration).all
  try checkTensors(file, specifications)

  let total = file.directory.segments.reduce(0) { $0 + $1.byteCount } * (checkpointPath == nil ? 1 : 2)
  var done = 0
  for segment in file.directory.segments {
    guard progress(done, total) else { throw .cancelled }
    try checkBlocks(of: segment, file, pool)
    done += segment.byteCount
  }
  guard let checkpointPath else {
    return VerificationReport(
      blockCount: file.directory.blocks.count, tensorCount: specifications.count, tensors: [])
  }

  let checkpoint = try Checkpoint(path: checkpointPath)
  guard checkpoint.configuration == configuration else {
    throw .unusable(path: path, reason: "its configuration is not that of \(checkpointPath)")
  }
  let sources = try SourceTensors(checkpoint)
  var tensors: [VerificationReport.Tensor] = []
  for specification in specifications {
    guard progress(done, total) else { throw .cancelled }
    let entry = file.entry(named: specification.name)!
    let error = try relativeError(entry, file, sources.sources[specification.name]!, pool)
    guard error <= entry.type.traits.errorBound else {
      throw .unusable(path: path, reason: "\(specification.name) is not that of \(checkpointPath), its relative error is \(error)")
    }
    tensors.append(.init(name: specification.name, type: entry.type, relativeError: error))
    done += entry.byteCount
  }
  return VerificationReport(
    blockCount: file.directory.blocks.count, tensorCount: specifications.count,
    tensors: tensors.sorted { $0.relativeError > $1.relativeError })
}

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

private func configuration(of file: JambaFile) throws(ConversionError) -> ModelConfiguration {
  let config: JSON?
  let generation: JSON?
  do {
    config = try file.json(DocumentName.configuration)
    generation = try file.json(DocumentName.generationConfiguration)
  } catch { throw .format(error) }
  guard let config else { throw .format(.invalidModel(path: file.path, reason: "config.json is missing")) }
  do { return try ModelConfiguration(config, generation: generation) } catch {
    throw .configuration(path: file.path, error)
  }
}

private func checkTensors(_ file: JambaFile, _ specifications: [TensorSpecification]) throws(ConversionError) {
  for specification in specifications {
    guard let entry = file.entry(named: specification.name) else {
      throw .format(.invalidModel(path: file.path, reason: "\(specification.name) is missing"))
    }
    guard entry.shape == specification.shape, entry.type.isMatrix == (specification.kind == .matrix) else {
      throw .format(.invalidModel(path: file.path, reason: "\(specification.name) has the wrong shape or type"))
    }
  }
  let count = file.directory.entries.count { $0.type != .document }
  guard count == specifications.count else {
    throw .format(.invalidModel(path: file.path, reason: "it holds tensors that are not part of the model"))
  }
}

private func checkBlocks(of segment: Segment, _ file: JambaFile, _ pool: WorkerPool) throws(ConversionError) {
  let results = Failure()
  let batch = BlockReader.maximumBlockCount
  pool.forEach((segment.blocks.count + batch - 1) / batch) { index in
    let first = segment.blocks.lowerBound + index * batch
    let blocks = first..<min(first + batch, segment.blocks.upperBound)
    do throws(FormatError) {
      let decoded = file.decodedRange(ofBlock: blocks.upperBound - 1, in: segment).upperBound
        - file.decodedRange(ofBlock: first, in: segment).lowerBound
      let scratch: AlignedBuffer
      do throws(SystemError) { scratch = try AlignedBuffer(byteCount: decoded) } catch {
        throw .system(action: "read", path: file.path, error)
      }
      try unsafe BlockReader(file).read(blocks, of: segment, into: scratch.bytes)
    } catch {
      results.record(error)
    }
  }
  if let error = results.first { throw .format(error) }
}

/// The first error of a parallel loop.
private final class Failure: Sendable {
  private let error = Mutex<FormatError?>(nil)

  func record(_ new: FormatError) { error.withLock { $0 = $0 ?? new } }
  var first: FormatError? { error.withLock { $0 } }
}

/// ‖stored - source‖ / ‖source‖ over all values of a tensor.
private func relativeError(
  _ entry: Entry, _ file: JambaFile, _ source: SourceTensor, _ pool: WorkerPool
) throws(ConversionError) -> Double {
  let stored: [UInt8]
  do { stored = try file.contents(of: entry) } catch { throw .format(error) }
  if entry.type == .vector {
    return try TensorEncoder.vectorBytes(source, name: entry.name) == stored ? 0 : .infinity
  }
  let columns = source.columns
  let batch = max(1, (1 << 20) / columns)
  let input: AlignedBuffer
  do { input = try AlignedBuffer(byteCount: batch * source.rowByteCount) } catch { throw .outOfMemory }
  var expected = [Float](repeating: 0, count: columns)
  var found = [Float](repeating: 0, count: columns)
  var (error, power) = (0.0, 0.0)
  for first in stride(from: 0, to: source.rows, by: batch) {
    let rows = first..<min(first + batch, source.rows)
    try unsafe source.file.read(
      source.range(ofRows: rows),
      into: UnsafeMutableRawBufferPointer(rebasing: input.bytes[..<(rows.count * source.rowByteCount)]))
    for row in rows {
      unsafe expected.withUnsafeMutableBufferPointer { expected in
        _ = unsafe SourceTensor.convert(
          source.type, UnsafeRawPointer(input.base!) + (row - first) * source.rowByteCount, count: columns,
          into: expected.baseAddress!)
      }
      unsafe stored.withUnsafeBytes { strips in
        var matrix = unsafe jk_matrix(
          strips: strips.baseAddress, type: entry.type.kernelType, rows: UInt32(source.rows), columns: UInt32(columns))
        unsafe found.withUnsafeMutableBufferPointer { unsafe jk_decode_row(&matrix, row, $0.baseAddress) }
      }
      for column in 0..<columns {
        let difference = Double(found[column]) - Double(expected[column])
        error += difference * difference
        power += Double(expected[column]) * Double(expected[column])
      }
    }
  }
  return power > 0 ? (error / power).squareRoot() : error == 0 ? 0 : .infinity
}
