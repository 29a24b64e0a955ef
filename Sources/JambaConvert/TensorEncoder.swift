import CQuantizers
import JambaFormat
import JambaSystem
import Synchronization

/// Reads a tensor from its checkpoint in batches of rows, encodes them on all threads and appends them to the writer.
struct TensorEncoder {
  private let writer: JambaFileWriter
  private let pool: WorkerPool
  /// A batch as stored, as float32, and encoded.
  private let stored: AlignedBuffer
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
      stored = try AlignedBuffer(byteCount: TensorEncoder.limit)
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
    return tensor.type == .vector ? (try encodeVector(tensor, progress), 1) : try encodeMatrix(tensor, moments, progress)
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
      guard progress(first * source.rowByteCount) else { throw .cancelled }
      let rows = first..<min(first + batchRows, source.rows)
      let byteCount = rows.count * source.rowByteCount
      let stripCount = (rows.count + 7) / 8
      guard byteCount <= TensorEncoder.limit, rows.count * columns * 4 <= TensorEncoder.limit,
        stripCount * stripByteCount <= TensorEncoder.limit
      else { throw .unusable(path: source.file.path, reason: "\(tensor.specification.name) is too wide") }
      try unsafe source.file.read(
        source.range(ofRows: rows), into: UnsafeMutableRawBufferPointer(rebasing: stored.bytes[..<byteCount]))
      if rows.upperBound < source.rows {
        source.file.prepare(
          source.range(ofRows: rows.upperBound..<min(rows.upperBound + batchRows, source.rows)))
      }

      let (stored, values, encoded) = (stored, values, encoded)
      let results = StripResults(stripCount: stripCount)
      pool.forEach(stripCount) { strip in
        let count = min(8, rows.count - 8 * strip)
        let start = 8 * strip * columns
        let floats = unsafe values.pointer(to: Float.self) + start
        if unsafe !SourceTensor.convert(
          source.type, UnsafeRawPointer(stored.base!) + start * source.type.byteCount, count: count * columns,
          into: floats)
        {
          results.isFinite.store(false, ordering: .relaxed)
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
      guard results.isFinite.load(ordering: .relaxed) else { throw .notFinite(tensor: tensor.specification.name) }
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

  private func encodeVector(_ tensor: ConversionPlan<SourceTensor>.Tensor, _ progress: (Int) -> Bool) throws(ConversionError) -> Double {
    guard progress(0) else { throw .cancelled }
    try append(TensorEncoder.vectorBytes(tensor.source, name: tensor.specification.name))
    return 0
  }

  /// A tensor that stays float32, transformed as the file wants it.
  static func vectorBytes(_ source: SourceTensor, name: String) throws(ConversionError) -> [UInt8] {
    var values = try source.values(ofRows: 0..<source.rows, name: name)
    if source.transformation != .none {
      let stored = values
      for row in 0..<source.rows {
        for column in 0..<source.columns {
          let value = stored[row * source.columns + column]
          values[column * source.rows + row] =
            source.transformation == .transposed ? value : Float(-exponential(Double(value)))
        }
      }
    }
    return unsafe values.withUnsafeBytes { unsafe Array($0) }
  }
}

/// What the threads hand back from a batch: the sums of each strip, and whether all values are finite.
private final class StripResults: Sendable {
  let sums: Mutex<[Double]>
  let isFinite = Atomic<Bool>(true)

  init(stripCount: Int) { sums = Mutex([Double](repeating: 0, count: 2 * stripCount)) }
}
