/// What is taken from codes before they are scaled, a number for each scale.
enum ZeroPoints: Sendable {
  /// Whole numbers or floats of a byte.
  case bytes(StoredTensor, table: [Float])
  /// Codes as those of the weights, one behind the other down the rows of a column of groups.
  case packed(StoredTensor, BitCodes)

  var tensor: StoredTensor {
    switch self {
    case .bytes(let tensor, _), .packed(let tensor, _): tensor
    }
  }

  /// - Returns: nil where they are no such, or not as many as there are scales.
  init?(_ tensor: StoredTensor, bits: Int, grid: ScaleGrid, matrices: Int) {
    let scaleCount = grid.rows * grid.columns * (grid.isOfMatrix ? matrices : 1)
    switch tensor.type {
    case "I8", "F8_E4M3":
      guard tensor.count == scaleCount else { return nil }
      self = .bytes(tensor, table: tensor.type == "I8" ? ByteTables.signed : SmallFloat.e4m3)
    case "I32":
      let codes = BitCodes(bits: bits)
      guard grid.blockRows == 1, tensor.count == matrices * codes.wordCount(grid.rows) * grid.columns else {
        return nil
      }
      self = .packed(tensor, codes)
    default: return nil
    }
  }

  /// Those of some rows, `[rows, groups]`.
  func read(_ rows: Range<Int>, ofMatrix matrix: Int, grid: ScaleGrid) throws(ConversionError) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(rows.count * grid.columns)
    switch self {
    case .bytes(let tensor, let table):
      let first = grid.line(ofRow: rows.lowerBound, matrix: matrix)
      let bytes = try tensor.bytes(first..<grid.line(ofRow: rows.upperBound - 1, matrix: matrix) + grid.columns)
      for row in rows {
        let line = grid.line(ofRow: row, matrix: matrix) - first
        for group in 0..<grid.columns { values.append(table[Int(bytes[line + group])]) }
      }
    case .packed(let tensor, let codes):
      // Rows of words, of which a code has one or two.
      let before = matrix * codes.wordCount(grid.rows)
      let words = rows.lowerBound * codes.bits / 32..<codes.wordCount(rows.upperBound)
      let rowByteCount = 4 * grid.columns
      let bytes = try tensor.bytes(
        (before + words.lowerBound) * rowByteCount..<(before + words.upperBound) * rowByteCount)
      for row in rows {
        for group in 0..<grid.columns {
          var code = 0
          for bit in 0..<codes.bits {
            let position = row * codes.bits + bit - 32 * words.lowerBound
            let byte = bytes[position / 32 * rowByteCount + 4 * group + position % 32 / 8]
            code |= (Int(byte) >> (position % 8) & 1) << bit
          }
          values.append(Float(code - 1 << (codes.bits - 1)))
        }
      }
    }
    return values
  }
}

/// The values of bytes.
enum ByteTables {
  static let signed = (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) }

  /// Of codes of fewer bits, which count from 0.
  static func unsigned(bits: Int) -> [Float] { (0..<1 << bits).map { Float($0) } }

  /// Of codes of fewer bits that are stored without a sign, the least as 0.
  static func offset(bits: Int) -> [Float] { (0..<1 << bits).map { Float($0 - 1 << (bits - 1)) } }
}
