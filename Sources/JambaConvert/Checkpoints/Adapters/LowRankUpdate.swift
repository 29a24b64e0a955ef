import Synchronization

/// A product of two thin matrices that is added to a matrix: `W + scale x left x right`; of DoRA, with every row or column stretched
/// to a given length afterwards.
///
/// Its factors are read when the first row is asked for, and forgotten when the last has been, so that memory holds those of
/// the tensors that are being read.
final class LowRankUpdate: Sendable {
  /// Some rows and columns of an adapter's tensor.
  struct Slice: Sendable {
    let tensor: AdapterTensor
    let rows: Range<Int>
    let firstColumn: Int
    let columnStride: Int
    let columnCount: Int
    /// Whether rows and columns change places once they are read.
    let isTransposed: Bool
  }

  /// What has a length.
  enum Axis: Sendable {
    case rows, columns
  }

  /// What has been read.
  struct Factors: Sendable {
    /// `[rows, rank]`
    let left: [Float]
    /// `[rank, columns]`
    let right: [Float]
    let rank: Int
    let columns: Int
    /// Lengths of rows.
    var lengths: [Float] = []
    /// What columns are multiplied by.
    var stretch: [Double] = []
  }

  private let left: Slice
  private let right: Slice
  let scale: Double
  private let magnitude: Adapter.Magnitude?
  private let state = Mutex<Factors?>(nil)

  init(left: Slice, right: Slice, scale: Double, magnitude: Adapter.Magnitude?) {
    self.left = left
    self.right = right
    self.scale = scale
    self.magnitude = magnitude
  }

  var rank: Int { left.isTransposed ? left.rows.count : left.columnCount }

  /// Reads the factors, unless they are there.
  ///
  /// - Parameters:
  ///   - rowCount: of the matrix.
  ///   - readMatrix: reads rows of it as they are before the update.
  func factors(
    rowCount: Int,
    readMatrix: (Range<Int>, UnsafeMutableBufferPointer<Float>) throws(ConversionError) -> Void
  ) throws(ConversionError) -> Factors {
    try state.withLock { (state) throws(ConversionError) -> Factors in
      if let state { return state }
      var factors = Factors(
        left: try left.values(), right: try right.values(),
        rank: rank,
        columns: right.isTransposed ? right.rows.count : right.columnCount)
      switch magnitude?.axis {
      case nil: break
      case .rows?: factors.lengths = try lengths()
      case .columns?:
        let sums = try unsafe squares(factors, rowCount, readMatrix)
        factors.stretch = zip(try lengths(), sums).map { Double($0) / $1.squareRoot() }
      }
      state = factors
      return factors
    }
  }

  func forget() { state.withLock { $0 = nil } }

  private func lengths() throws(ConversionError) -> [Float] {
    guard let tensor = magnitude?.tensor else { return [] }
    return try tensor.values(ofRows: 0..<tensor.rowCount)
  }

  /// The sums of the squares of the updated matrix's columns.
  private func squares(
    _ factors: Factors, _ rowCount: Int,
    _ readMatrix: (Range<Int>, UnsafeMutableBufferPointer<Float>) throws(ConversionError) -> Void
  ) throws(ConversionError) -> [Double] {
    let columns = factors.columns
    let batch = max(1, (1 << 18) / columns)
    var sums = [Double](repeating: 0, count: columns)
    var values = [Float](repeating: 0, count: batch * columns)
    for first in stride(from: 0, to: rowCount, by: batch) {
      let rows = first..<min(first + batch, rowCount)
      var failure: ConversionError?
      unsafe values.withUnsafeMutableBufferPointer { buffer in
        let part = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<(rows.count * columns)])
        do throws(ConversionError) { try unsafe readMatrix(rows, part) } catch {
          failure = error
          return
        }
        unsafe add(to: part, rows: rows, factors) { _, sum in
          for column in 0..<columns { unsafe sums[column] += sum[column] * sum[column] }
        }
      }
      if let failure { throw failure }
    }
    return sums
  }

  /// Updates rows of the matrix.
  func apply(to values: UnsafeMutableBufferPointer<Float>, rows: Range<Int>, _ factors: Factors) {
    unsafe add(to: values, rows: rows, factors) { row, sum in
      if !factors.lengths.isEmpty {
        let norm = unsafe sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let stretch = Double(factors.lengths[rows.lowerBound + row]) / norm
        for column in sum.indices { unsafe sum[column] *= stretch }
      } else if !factors.stretch.isEmpty {
        for column in sum.indices { unsafe sum[column] *= factors.stretch[column] }
      }
      let first = row * factors.columns
      for column in sum.indices { unsafe values[first + column] = Float(sum[column]) }
    }
  }

  /// Hands over the sums of matrix and product in double precision, row by row.
  private func add(
    to values: UnsafeMutableBufferPointer<Float>, rows: Range<Int>, _ factors: Factors,
    _ body: (_ row: Int, _ sum: UnsafeMutableBufferPointer<Double>) -> Void
  ) {
    let (columns, rank) = (factors.columns, factors.rank)
    precondition(values.count == rows.count * columns, "the rows need another size")
    unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: columns) { sum in
      unsafe factors.right.withUnsafeBufferPointer { right in
        for row in 0..<rows.count {
          unsafe sum.initialize(repeating: 0)
          for index in 0..<rank {
            let factor = Double(factors.left[(rows.lowerBound + row) * rank + index])
            let first = index * columns
            for column in 0..<columns { unsafe sum[column] += factor * Double(right[first + column]) }
          }
          for column in 0..<columns {
            unsafe sum[column] = Double(values[row * columns + column]) + scale * sum[column]
          }
          unsafe body(row, sum)
        }
      }
    }
  }
}

extension LowRankUpdate.Slice {
  fileprivate func values() throws(ConversionError) -> [Float] {
    let stored = try tensor.values(ofRows: rows)
    let width = tensor.columns
    if !isTransposed, columnCount == width { return stored }
    var values = [Float](repeating: 0, count: rows.count * columnCount)
    for row in 0..<rows.count {
      for column in 0..<columnCount {
        let value = stored[row * width + firstColumn + column * columnStride]
        values[isTransposed ? column * rows.count + row : row * columnCount + column] = value
      }
    }
    return values
  }
}
