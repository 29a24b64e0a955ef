import CQuantizers
import JambaFormat
import JambaSystem
import Synchronization

/// Reads a tensor from its checkpoint in batches of rows, encodes them on all threads and appends them to the writer.
struct TensorEncoder {
  private let writer: JambaFileWriter
  private let pool: WorkerPool
  /// A batch as float32, and encoded.
  private let values: AlignedBuffer
  private let encoded: AlignedBuffer
  private let position: Position

  /// Values of a batch, unless eight rows are more.
  private static let batchValueCount = 2 << 20
  static let limit = 64 << 20

  /// Bytes of the segment appended so far.
  private final class Position {
    var count = 0
  }

  init(_ writer: JambaFileWriter, _ pool: WorkerPool) throws(ConversionError) {
    self.writer = writer
    self.pool = pool
    position = Position()
    do throws(SystemError) {
      // Reserved, not used: pages come into being as a batch touches them.
      values = try AlignedBuffer(byteCount: TensorEncoder.limit)
      encoded = try AlignedBuffer(byteCount: TensorEncoder.limit)
    } catch { throw .outOfMemory }
  }

  /// - Parameter moments: those of the matrix's inputs, where they are known.
  /// - Returns: the sums of squared errors and of squares.
  func encode(
    _ tensor: ConversionPlan<SourceTensor>.Tensor, _ moments: Importance.Moments?, progress: (Int) -> Bool
  ) throws(ConversionError) -> (error: Double, power: Double) {
    if tensor.offset == 0 { position.count = 0 }
    try append([UInt8](repeating: 0, count: tensor.offset - position.count))
    guard tensor.type == .vector else { return try encodeMatrix(tensor, moments, progress) }
    try encodeVector(tensor.source, progress)
    return (0, 1)
  }

  private func append(_ bytes: [UInt8]) throws(ConversionError) {
    guard !bytes.isEmpty else { return }
    do { try writer.append(bytes) } catch { throw .format(error) }
    position.count += bytes.count
  }

  private func encodeMatrix(
    _ tensor: ConversionPlan<SourceTensor>.Tensor, _ moments: Importance.Moments?, _ progress: (Int) -> Bool
  ) throws(ConversionError) -> (error: Double, power: Double) {
    let source = tensor.source
    let columns = source.columns
    let (type, step) = (tensor.type.kernelType, tensor.step)
    let stripByteCount = tensor.type.stripByteCount(columns: columns)!
    let batchRows = max(8, TensorEncoder.batchValueCount / columns / 8 * 8)
    var (error, power) = (0.0, 0.0)
    for first in stride(from: 0, to: source.rows, by: batchRows) {
      guard progress(source.byteCount(ofRows: first)) else { throw .cancelled }
      let rows = first..<min(first + batchRows, source.rows)
      let stripCount = (rows.count + 7) / 8
      guard rows.count * columns * 4 <= TensorEncoder.limit, stripCount * stripByteCount <= TensorEncoder.limit else {
        throw .unusable(path: source.checkpoint.path, reason: "\(source.name) is too wide")
      }
      if rows.upperBound < source.rows {
        source.prepare(rows.upperBound..<min(rows.upperBound + batchRows, source.rows))
      }

      let (values, encoded) = (values, encoded)
      let results = StripResults(stripCount: stripCount)
      pool.forEach(stripCount) { strip in
        let count = min(8, rows.count - 8 * strip)
        let floats = unsafe values.pointer(to: Float.self) + 8 * strip * columns
        let sourceRows = rows.lowerBound + 8 * strip..<rows.lowerBound + 8 * strip + count
        do throws(ConversionError) {
          try unsafe source.read(
            sourceRows, into: UnsafeMutableBufferPointer(start: floats, count: count * columns))
        } catch {
          results.fail(error)
          return
        }
        let sum = unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { sum in
          unsafe sum.initialize(repeating: 0)
          let output = unsafe encoded.base! + strip * stripByteCount
          unsafe jk_encode_strip(type, floats, columns, count, columns, moments?.columns, step, output, sum.baseAddress)
          if let moments {
            unsafe sum.update(repeating: 0)
            unsafe jk_refine_strip(
              type, floats, columns, count, columns, moments.blocks, moments.blockSize, step, output, sum.baseAddress)
          }
          return unsafe (sum[0], sum[1])
        }
        results.sums.withLock {
          $0[2 * strip] = sum.0
          $0[2 * strip + 1] = sum.1
        }
      }
      if let failure = results.failure { throw failure }
      source.release(rows)
      // Added in order, so that the sums do not depend on the threads.
      let all = results.sums.withLock { $0 }
      for strip in 0..<stripCount {
        error += all[2 * strip]
        power += all[2 * strip + 1]
      }
      do {
        try unsafe writer.append(
          UnsafeRawBufferPointer(start: encoded.base!, count: stripCount * stripByteCount))
      } catch { throw .format(error) }
      position.count += stripCount * stripByteCount
    }
    return (error, power)
  }

  private func encodeVector(
    _ source: SourceTensor, _ progress: (Int) -> Bool
  ) throws(ConversionError) {
    guard progress(0) else { throw .cancelled }
    let values = try source.allValues()
    try append(unsafe values.withUnsafeBytes { unsafe Array($0) })
    source.release(0..<source.rows)
  }
}

/// What the threads hand back from a batch: the sums of each strip, and why one could not be encoded.
private final class StripResults: Sendable {
  let sums: Mutex<[Double]>
  private let firstFailure = Mutex<ConversionError?>(nil)

  init(stripCount: Int) { sums = Mutex([Double](repeating: 0, count: 2 * stripCount)) }

  func fail(_ error: ConversionError) { firstFailure.withLock { $0 = $0 ?? error } }
  var failure: ConversionError? { firstFailure.withLock { $0 } }
}
