/// The types of numbers that need nothing but widening to be float32, or, of double precision, rounding. Raw values are
/// safetensors' names.
enum StoredFloat: String {
  case bf16 = "BF16"
  case f16 = "F16"
  case f32 = "F32"
  case f64 = "F64"
  case e4m3 = "F8_E4M3"
  case e5m2 = "F8_E5M2"
  case e8m0 = "F8_E8M0"

  var byteCount: Int {
    switch self {
    case .e4m3, .e5m2, .e8m0: 1
    case .bf16, .f16: 2
    case .f32: 4
    case .f64: 8
    }
  }

  /// Little-endian numbers as float32.
  ///
  /// - Precondition: `bytes` are aligned to `byteCount`.
  func convert(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutablePointer<Float>) {
    guard let input = bytes.baseAddress else { return }
    let count = bytes.count / byteCount
    switch self {
    case .bf16:
      let halves = unsafe input.assumingMemoryBound(to: UInt16.self)
      for index in 0..<count {
        unsafe output[index] = Float(bitPattern: UInt32(UInt16(littleEndian: halves[index])) << 16)
      }
    case .f32:
      let words = unsafe input.assumingMemoryBound(to: UInt32.self)
      for index in 0..<count { unsafe output[index] = Float(bitPattern: UInt32(littleEndian: words[index])) }
    case .f64:
      let words = unsafe input.assumingMemoryBound(to: UInt64.self)
      for index in 0..<count {
        unsafe output[index] = Float(Double(bitPattern: UInt64(littleEndian: words[index])))
      }
    case .e4m3: unsafe StoredFloat.look(bytes, in: SmallFloat.e4m3, into: output)
    case .e5m2: unsafe StoredFloat.look(bytes, in: SmallFloat.e5m2, into: output)
    case .e8m0: unsafe StoredFloat.look(bytes, in: SmallFloat.e8m0, into: output)
    case .f16:
      let halves = unsafe input.assumingMemoryBound(to: UInt16.self)
      for index in 0..<count { unsafe output[index] = StoredFloat.float(half: UInt16(littleEndian: halves[index])) }
    }
  }

  private static func look(
    _ bytes: UnsafeRawBufferPointer, in table: [Float], into output: UnsafeMutablePointer<Float>
  ) {
    for index in bytes.indices { unsafe output[index] = table[Int(bytes[index])] }
  }

  /// float16 to float32, without the type that some platforms lack.
  static func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 31)
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0: return Float(bitPattern: sign | (Float(fraction) * 0x1p-24).bitPattern)
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  /// float32 to the nearest float16, of two the even one.
  static func half(_ value: Float) -> UInt16 {
    let sign = UInt16(value.bitPattern >> 16 & 0x8000)
    let magnitude = value.magnitude
    if magnitude.isNaN { return sign | 0x7E00 }
    // Halfway between the largest and what would be the next, which is even.
    if magnitude >= 65520 { return sign | 0x7C00 }
    if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
    let bits = magnitude.bitPattern - 112 << 23
    return sign | UInt16((bits &+ 0xFFF &+ (bits >> 13 & 1)) >> 13)
  }
}

/// Whether there is neither an infinity nor a not-a-number.
func areFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
  var worst: UInt32 = 0  // the largest exponent field
  for index in values.indices { unsafe worst = max(worst, values[index].bitPattern & 0x7F80_0000) }
  return worst < 0x7F80_0000
}
