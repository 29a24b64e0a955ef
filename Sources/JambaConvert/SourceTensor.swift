import JambaSystem

/// Where the numbers of one tensor of the model come from: rows of a tensor of the checkpoint.
struct SourceTensor: Sendable {
  enum ElementType: String {
    case bf16 = "BF16"
    case f16 = "F16"
    case f32 = "F32"

    var byteCount: Int { self == .f32 ? 4 : 2 }
  }

  /// What happens to the numbers on their way.
  enum Transformation {
    case none
    /// `[channels, n]` becomes `[n, channels]`.
    case transposed
    /// A = -exp(A_log), transposed.
    case negatedExponential
  }

  let file: SafetensorsFile
  let type: ElementType
  /// Bytes of the first row in the file.
  let offset: Int
  let rows: Int
  let columns: Int
  let transformation: Transformation

  var rowByteCount: Int { columns * type.byteCount }
  var byteCount: Int { rows * rowByteCount }

  func range(ofRows range: Range<Int>) -> Range<Int> {
    offset + range.lowerBound * rowByteCount..<offset + range.upperBound * rowByteCount
  }

  /// Rows as float32, `[rows, columns]`.
  ///
  /// - Parameter name: of the tensor of the model, for an error.
  func values(ofRows rows: Range<Int>, name: String) throws(ConversionError) -> [Float] {
    let buffer: AlignedBuffer
    do { buffer = try AlignedBuffer(byteCount: rows.count * rowByteCount) } catch { throw .outOfMemory }
    try unsafe file.read(range(ofRows: rows), into: buffer.bytes)
    var values = [Float](repeating: 0, count: rows.count * columns)
    let isFinite = unsafe values.withUnsafeMutableBufferPointer { values in
      unsafe SourceTensor.convert(type, UnsafeRawPointer(buffer.base!), count: values.count, into: values.baseAddress!)
    }
    guard isFinite else { throw .notFinite(tensor: name) }
    return values
  }

  /// Turns stored numbers into float32; false when one is not finite.
  static func convert(
    _ type: ElementType, _ input: UnsafeRawPointer, count: Int, into output: UnsafeMutablePointer<Float>
  ) -> Bool {
    var worst: UInt32 = 0  // the largest exponent field
    switch type {
    case .bf16:
      let halves = unsafe input.assumingMemoryBound(to: UInt16.self)
      for index in 0..<count {
        let bits = unsafe UInt32(UInt16(littleEndian: halves[index])) << 16
        worst = max(worst, bits & 0x7F80_0000)
        unsafe output[index] = Float(bitPattern: bits)
      }
    case .f32:
      let words = unsafe input.assumingMemoryBound(to: UInt32.self)
      for index in 0..<count {
        let bits = unsafe UInt32(littleEndian: words[index])
        worst = max(worst, bits & 0x7F80_0000)
        unsafe output[index] = Float(bitPattern: bits)
      }
    case .f16:
      let halves = unsafe input.assumingMemoryBound(to: UInt16.self)
      for index in 0..<count {
        let value = unsafe SourceTensor.float(half: UInt16(littleEndian: halves[index]))
        worst = max(worst, value.bitPattern & 0x7F80_0000)
        unsafe output[index] = value
      }
    }
    return worst < 0x7F80_0000
  }

  /// float16 to float32, without the type that some platforms lack.
  private static func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 31)
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0: return Float(bitPattern: sign | (Float(fraction) * 0x1p-24).bitPattern)
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
