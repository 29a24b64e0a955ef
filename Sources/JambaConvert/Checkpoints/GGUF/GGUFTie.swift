/// Whether a file's embedding and head are one matrix. No key says so, and files of tied models hold the head as well, mostly in another
/// type, so that the numbers differ by what the types lose.
enum GGUFTie {
  /// Rows that are compared, as far apart as they may be.
  private static let sampleCount = 256
  /// Matrices that have nothing to do with each other are at a distance of 1 or more.
  private static let distanceLimit = 0.7

  typealias Matrix = (file: GGUFFile, tensor: GGUFFile.Tensor, type: GGUFType)

  /// - Throws: as reading.
  static func areOne(_ a: Matrix, _ b: Matrix) throws(ConversionError) -> Bool {
    guard a.tensor.shape == b.tensor.shape, a.tensor.shape.count == 2 else { return false }
    let (rows, columns) = (a.tensor.shape[0], a.tensor.shape[1])
    guard columns <= 1 << 17 else { return false }
    var (difference, power) = (0.0, 0.0)
    for row in stride(from: 0, to: rows, by: max(1, rows / sampleCount)) {
      let first = try values(of: row, a)
      let second = try values(of: row, b)
      for column in 0..<columns {
        let (x, y) = (Double(first[column]), Double(second[column]))
        difference += (x - y) * (x - y)
        power += max(x * x, y * y)
      }
    }
    let noise =
      a.type == b.type && a.type.isFloat ? 0 : min(noise(of: a.type) + noise(of: b.type), distanceLimit)
    return difference <= noise * noise * power
  }

  /// More than a type loses of weights, relative to them.
  private static func noise(of type: GGUFType) -> Double {
    type == .f32 ? 0 : Double(sign: .plus, exponent: -min(Int(type.bitsPerWeight), 9), significand: 4)
  }

  private static func values(of row: Int, _ matrix: Matrix) throws(ConversionError) -> [Float] {
    var values = [Float](repeating: 0, count: matrix.tensor.shape[1])
    var failure: ConversionError?
    unsafe values.withUnsafeMutableBufferPointer { values in
      do throws(ConversionError) {
        try unsafe matrix.type.read(
          matrix.tensor.range(of: row..<row + 1, matrix.type), of: matrix.file.file, into: values)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }
}
