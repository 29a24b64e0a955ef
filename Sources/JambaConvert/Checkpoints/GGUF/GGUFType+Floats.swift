// Numbers that are floats, a block each.

extension GGUFType {
  static func decodeF32(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for index in 0..<values.count { values[index] = Float(bitPattern: word(bytes, 4 * index)) }
  }

  static func decodeF16(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for index in 0..<values.count { values[index] = half(bytes, 2 * index) }
  }

  static func decodeBF16(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for index in 0..<values.count { values[index] = Float(bitPattern: UInt32(short(bytes, 2 * index)) << 16) }
  }

  /// The little-endian numbers at an offset.
  static func short(_ bytes: Span<UInt8>, _ offset: Int) -> UInt16 {
    UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
  }

  static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt32 {
    UInt32(short(bytes, offset)) | UInt32(short(bytes, offset + 2)) << 16
  }

  static func half(_ bytes: Span<UInt8>, _ offset: Int) -> Float { StoredFloat.float(half: short(bytes, offset)) }
}
