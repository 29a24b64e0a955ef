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
    case JK_NL4, JK_R3, JK_R2: group = 32
    default: fatalError("The layout of \(matrix.value.type) is not described here.")
    }
    let scaleBytes = Layout.ringBits(of: matrix.value.type) == nil ? 8 : 4
    header = (32 + scaleBytes * ((columns + group - 1) / group) + 63) / 64 * 64
  }

  /// Bits that a weight adds to its row's ring; nil where codes are stored one by one.
  static func ringBits(of type: jk_type) -> Int? {
    switch type {
    case JK_R3: 3
    case JK_R2: 2
    default: nil
    }
  }

  /// The codes of a ring's indices.
  static func ringCodes(of type: jk_type) -> [Int] {
    let grid =
      type == JK_R3
      ? [81, 47, 107, 32, 60, 94, 19, 70, 93, 81, 50, 60, 38, 122, 71, 2]
      : [6, 68, 46, 101, 99, 47, 23, 73, 71, 126, 90, 52, 49, 89, 67, 28]
    return grid.map { $0 - 64 }
  }

  /// The columns of a tile, in the order of its rings.
  static let ring = (0..<4).flatMap { k in (0..<8).map { 4 * $0 + k } }

  /// The least sum of weight x (x - scale x code)^2 over all ways through a ring.
  static func leastRingError(_ x: [Double], _ weights: [Double], scale: Double, of type: jk_type) -> Double {
    let (bits, codes) = (ringBits(of: type)!, ringCodes(of: type).map { scale * Double($0) })
    let states = 16 >> bits
    let order = ring
    return (0..<states).map { start in
      var least = (0..<states).map { $0 == start ? 0 : Double.infinity }
      for column in order {
        var next = [Double](repeating: .infinity, count: states)
        for index in 0..<16 {
          let difference = x[column] - codes[index]
          next[index >> bits] = min(next[index >> bits], least[index % states] + weights[column] * difference * difference)
        }
        least = next
      }
      return least[start]
    }.min()!
  }

  /// Every code of a type, ascending.
  static func codes(of type: jk_type) -> [Int] {
    switch type {
    case JK_I8: Array(-127...127)
    case JK_I6: Array(-32...31)
    case JK_NL4: grid.map { $0 - 64 }
    case JK_R3, JK_R2: ringCodes(of: type).sorted()
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

  /// Group scales of ring types, by index.
  static let scaleGrid = [0, 40, -43, 47, -51, 55, -59, 64, -70, 75, -82, 88, -96, 103, -113, 120]

  func groupScale(_ row: Int, _ column: Int) -> Int {
    if Layout.ringBits(of: matrix.value.type) != nil {
      let word = (0..<4).reduce(0) { $0 | Int(strip(ofRow: row)[32 + 4 * (column / group) + $1]) << (8 * $1) }
      return Layout.scaleGrid[word >> (4 * (row % 8)) & 15]
    }
    return Int(Int8(bitPattern: strip(ofRow: row)[32 + 8 * (column / group) + row % 8]))
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
    case JK_R3, JK_R2: return Layout.ringCodes(of: matrix.value.type)[ringIndex(row, column)]
    default: fatalError("The layout of \(matrix.value.type) is not described here.")
    }
  }

  /// Of a ring type, the index of a weight's code.
  func ringIndex(_ row: Int, _ column: Int) -> Int {
    let bits = Layout.ringBits(of: matrix.value.type)!
    let tile = strip(ofRow: row) + header + column / 32 * 32 * bits
    let ring = (0..<4).flatMap { k in
      (0..<bits).flatMap { plane in (0..<8).map { Int(tile[32 * plane + 4 * (row % 8) + k] >> $0) & 1 } }
    }
    let first = Layout.ring.firstIndex(of: column % 32)! * bits
    return (0..<4).reduce(0) { $0 + ring[(first + $1) % ring.count] << $1 }
  }

  func scale(_ row: Int, _ column: Int) -> Double { Double(rowScale(row)) * Double(groupScale(row, column)) }
}
