import CKernels
import CStorage

/// The numbers of a matrix of codes, read by the description in CStorage.h, not by the code that writes them.
struct Layout {
  let matrix: Matrix
  /// Columns that share a scale.
  let group: Int
  private let header: Int

  init(_ matrix: Matrix) {
    self.matrix = matrix
    let columns = Int(matrix.value.columns)
    switch matrix.value.type {
    case JK_I8, JK_I6: group = columns % 64 == 0 ? 64 : 32
    case JK_NL4: group = 32
    default: fatalError("The layout of \(matrix.value.type) is not described here.")
    }
    header = (32 + 8 * ((columns + group - 1) / group) + 63) / 64 * 64
  }

  /// Every code of a type, ascending.
  static func codes(of type: jk_type) -> [Int] {
    switch type {
    case JK_I8: Array(-127...127)
    case JK_I6: Array(-32...31)
    case JK_NL4: grid.map { $0 - 64 }
    default: fatalError("The codes of \(type) are not described here.")
    }
  }

  private static let grid = [0, 12, 22, 31, 39, 46, 53, 59, 65, 71, 77, 83, 91, 99, 109, 121]

  /// The code nearest to `x`, of two of NL4 the larger.
  static func nearestCode(to x: Double, of type: jk_type) -> Int {
    let codes = codes(of: type)
    if type != JK_NL4 { return Int(min(max(x, Double(codes.first!)), Double(codes.last!)).rounded()) }
    return codes.reversed().min { abs(Double($0) - x) < abs(Double($1) - x) }!
  }

  private func strip(ofRow row: Int) -> UnsafeMutablePointer<UInt8> {
    matrix.bytes.pointer + row / 8 * matrix.stripSize
  }

  func rowScale(_ row: Int) -> Float {
    UnsafeRawPointer(strip(ofRow: row)).load(fromByteOffset: 4 * (row % 8), as: Float.self)
  }

  func groupScale(_ row: Int, _ column: Int) -> Int {
    Int(Int8(bitPattern: strip(ofRow: row)[32 + 8 * (column / group) + row % 8]))
  }

  func code(_ row: Int, _ column: Int) -> Int {
    let (r, c) = (row % 8, column % 32)
    let tiles = strip(ofRow: row) + header
    switch matrix.value.type {
    case JK_I8:
      return Int(Int8(bitPattern: (tiles + column / 32 * 256)[c / 4 * 32 + 4 * r + c % 4]))
    case JK_I6:
      let tile = tiles + column / 32 * 192
      let low = tile[c % 16 / 4 * 32 + 4 * r + c % 4]
      let high = tile[128 + c / 16 * 32 + 4 * r + c % 4]
      return Int(c < 16 ? low & 15 : low >> 4) + 16 * Int(high >> (2 * (c % 16 / 4)) & 3) - 32
    case JK_NL4:
      let byte = (tiles + column / 32 * 128)[c % 16 / 4 * 32 + 4 * r + c % 4]
      return Layout.grid[Int(c < 16 ? byte & 15 : byte >> 4)] - 64
    default: fatalError("The layout of \(matrix.value.type) is not described here.")
    }
  }

  func scale(_ row: Int, _ column: Int) -> Double { Double(rowScale(row)) * Double(groupScale(row, column)) }
}
