import JambaFormat

/// A tensor of a .safetensors file, and the file. Ranges are of its own bytes and numbers.
struct StoredTensor: Sendable {
  let file: SafetensorsFile
  let header: SafetensorsHeader.Tensor

  var name: String { header.name }
  var type: String { header.type }
  var shape: [Int] { header.shape }
  var byteCount: Int { header.range.count }
  /// Numbers that it has; whatever they are packed in counts as one.
  var count: Int { shape.reduce(1, *) }
  /// The type of its numbers, where they are floats.
  var float: StoredFloat? { StoredFloat(rawValue: type) }

  private func placed(_ range: Range<Int>) -> Range<Int> {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(name) has no such bytes")
    return header.range.lowerBound + range.lowerBound..<header.range.lowerBound + range.upperBound
  }

  func bytes(_ range: Range<Int>) throws(ConversionError) -> [UInt8] { try file.bytes(placed(range)) }

  /// Numbers as float32.
  func floats(_ type: StoredFloat, _ numbers: Range<Int>) throws(ConversionError) -> [Float] {
    var values = [Float](repeating: 0, count: numbers.count)
    var failure: ConversionError?
    unsafe values.withUnsafeMutableBufferPointer { values in
      do throws(ConversionError) { try unsafe read(type, numbers, into: values) } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }

  /// Writes numbers as float32.
  func read(
    _ type: StoredFloat, _ numbers: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    let bytes = placed(numbers.lowerBound * type.byteCount..<numbers.upperBound * type.byteCount)
    try unsafe file.readFloats(type, bytes, into: values)
  }

  /// Columns of rows of bytes: `[rows.count, columns.count]`.
  ///
  /// - Parameters:
  ///   - rows: of `rowByteCount` each.
  ///   - columns: the bytes of a row that are wanted.
  func bytes(
    _ columns: Range<Int>, ofRows rows: Range<Int>, rowByteCount: Int
  ) throws(ConversionError) -> [UInt8] {
    if columns.count == rowByteCount {
      return try bytes(rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount)
    }
    var all: [UInt8] = []
    all.reserveCapacity(rows.count * columns.count)
    // Whole rows where what is wanted is a good part of them.
    let isDense = columns.count * 4 >= rowByteCount
    let step = isDense ? max(1, StoredTensor.pieceByteCount / rowByteCount) : 1
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
      let count = min(step, rows.upperBound - first)
      if count == 1 {
        let start = first * rowByteCount
        all += try bytes(start + columns.lowerBound..<start + columns.upperBound)
      } else {
        let piece = try bytes(first * rowByteCount..<(first + count) * rowByteCount)
        for row in 0..<count {
          all += piece[row * rowByteCount + columns.lowerBound..<row * rowByteCount + columns.upperBound]
        }
      }
    }
    return all
  }

  private static let pieceByteCount = 64 << 10

  /// All numbers of a tensor of whole numbers, which is small.
  func integers() throws(ConversionError) -> [Int] {
    let width = type == "I64" ? 8 : type == "I32" ? 4 : 1
    let bytes = try bytes(0..<byteCount)
    return stride(from: 0, to: bytes.count, by: width).map { first in
      let bits = (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[first + $1]) << UInt64(8 * $1) }
      switch width {
      case 8: return Int(Int64(bitPattern: bits))
      case 4: return Int(Int32(truncatingIfNeeded: bits))
      default: return type == "I8" ? Int(Int8(truncatingIfNeeded: bits)) : Int(bits)
      }
    }
  }

  /// Asks the system to read ahead.
  func prepare(_ range: Range<Int>) { file.prepare(placed(range)) }

  /// Says that bytes will not be asked for again.
  func forget(_ range: Range<Int>) { file.forget(placed(range)) }
}
