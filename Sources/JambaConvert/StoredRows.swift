import CKernels
import JambaFormat
import JambaSystem

/// The rows of a matrix, or of a vector's array, that a .jamba file holds, as float32.
struct StoredRows {
  private let file: JambaFile
  let entry: Entry
  let columns: Int
  let rowCount: Int

  init(_ entry: Entry, of file: JambaFile) {
    self.file = file
    self.entry = entry
    columns = entry.shape.last ?? 1
    rowCount = entry.shape.dropLast().reduce(1, *)
  }

  /// Rows that are read at a time: a multiple of a strip's 8, of about two million numbers.
  var batchCount: Int { max(8, (1 << 21) / columns / 8 * 8) }

  /// Some rows, `[rows.count, columns]`.
  ///
  /// - Precondition: of a matrix, they begin with a strip, whose rows are 8.
  func values(_ rows: Range<Int>) throws(ConversionError) -> [Float] {
    guard entry.type.isMatrix else {
      let bytes = try stored(4 * columns * rows.lowerBound..<4 * columns * rows.upperBound)
      return (0..<rows.count * columns).map { index in
        Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 * index + $1]) << UInt32(8 * $1) })
      }
    }
    precondition(rows.lowerBound % 8 == 0, "the rows begin within a strip")
    let stripByteCount = entry.type.stripByteCount(columns: columns)!
    let strips = try stored(rows.lowerBound / 8 * stripByteCount..<(rows.upperBound + 7) / 8 * stripByteCount)
    var values = [Float](repeating: 0, count: rows.count * columns)
    unsafe strips.withUnsafeBytes { strips in
      var matrix = unsafe jk_matrix(
        strips: strips.baseAddress, type: entry.type.kernelType, rows: UInt32(rows.count), columns: UInt32(columns))
      unsafe values.withUnsafeMutableBufferPointer { values in
        for row in 0..<rows.count { unsafe jk_decode_row(&matrix, row, values.baseAddress! + row * columns) }
      }
    }
    return values
  }

  private func stored(_ range: Range<Int>) throws(ConversionError) -> [UInt8] {
    do { return try file.contents(of: entry, range) } catch { throw .format(error) }
  }
}
