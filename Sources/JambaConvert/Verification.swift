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
  _ path: String, against checkpointPath: String?, adapters: [AdapterSource] = [], threads: Int,
  progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> VerificationReport {
  let checkpoint = try checkpointPath.map { (path) throws(ConversionError) in
    try openCheckpoint(path, adapters: adapters)
  }
  return try verify(path, with: checkpoint, threads: threads, progress: progress)
}

/// As `verify(_:against:)`, for a checkpoint that is open.
package func verify(
  _ path: String, with checkpoint: (any Checkpoint)?, threads: Int, progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> VerificationReport {
  let file: JambaFile
  do { file = try JambaFile(path: path) } catch { throw .format(error) }
  let pool = try WorkerPool(threads: threads)
  let configuration = try validConfiguration(of: file)
  let specifications = ModelTensors(configuration).all
  try checkTensors(file, specifications)

  let total = file.directory.segments.reduce(0) { $0 + $1.byteCount } * (checkpoint == nil ? 1 : 2)
  var done = 0
  for segment in file.directory.segments {
    guard progress(done, total) else { throw .cancelled }
    try checkBlocks(of: segment, file, pool)
    done += segment.byteCount
  }
  guard let checkpoint else {
    return VerificationReport(
      blockCount: file.directory.blocks.count, tensorCount: specifications.count, tensors: [])
  }

  guard checkpoint.configuration == configuration else {
    throw .unusable(path: path, reason: "its configuration is not that of \(checkpoint.path)")
  }
  let sources = try SourceTensors(checkpoint)
  var tensors: [VerificationReport.Tensor] = []
  for specification in specifications {
    guard progress(done, total) else { throw .cancelled }
    let entry = file.entry(named: specification.name)!
    let error = try relativeError(entry, file, sources[specification.id])
    guard error <= entry.type.traits.errorBound else {
      throw .unusable(
        path: path,
        reason: "\(specification.name) is not that of \(checkpoint.path), its relative error is \(error)")
    }
    tensors.append(.init(name: specification.name, type: entry.type, relativeError: error))
    done += entry.byteCount
  }
  return VerificationReport(
    blockCount: file.directory.blocks.count, tensorCount: specifications.count,
    tensors: tensors.sorted { $0.relativeError > $1.relativeError })
}

func validConfiguration(of file: JambaFile) throws(ConversionError) -> ModelConfiguration {
  let configuration: Result<ModelConfiguration, ConfigurationError>
  do { configuration = try file.configuration() } catch { throw .format(error) }
  do { return try configuration.get() } catch { throw .configuration(path: file.path, error) }
}

func checkTensors(_ file: JambaFile, _ specifications: [TensorSpecification]) throws(ConversionError) {
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

/// ‖stored - source‖ / ‖source‖ over all values of a tensor, in the memory of some rows.
private func relativeError(
  _ entry: Entry, _ file: JambaFile, _ source: SourceTensor
) throws(ConversionError) -> Double {
  let stored = StoredRows(entry, of: file)
  guard entry.type.isMatrix else {
    let found = try stored.values(0..<stored.rowCount)
    return try source.allValues().elementsEqual(found) { $0.bitPattern == $1.bitPattern } ? 0 : .infinity
  }
  var (error, power) = (0.0, 0.0)
  for first in stride(from: 0, to: source.rows, by: stored.batchCount) {
    let rows = first..<min(first + stored.batchCount, source.rows)
    let found = try stored.values(rows)
    let expected = try source.values(ofRows: rows)
    source.release(rows)
    for index in expected.indices {
      let value = Double(expected[index])
      let difference = Double(found[index]) - value
      error += difference * difference
      power += value * value
    }
  }
  return power > 0 ? (error / power).squareRoot() : error == 0 ? 0 : .infinity
}
