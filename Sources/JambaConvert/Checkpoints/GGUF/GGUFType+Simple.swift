// Blocks of 32 codes, or of 64 or 128 shorter ones, with a scale d, in float16, or a scale and an offset m. Of two codes of 4 bits in a
// byte, the low one is of the first half of the block; shorter codes stand in order.

extension GGUFType {
  /// d (q - 8)
  static func decodeQ40(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 18 {
      let (b, v) = (18 * block, 32 * block)
      let d = half(bytes, b)
      for index in 0..<16 {
        let pair = Int(bytes[b + 2 + index])
        values[v + index] = d * Float(pair & 15 - 8)
        values[v + 16 + index] = d * Float(pair >> 4 - 8)
      }
    }
  }

  /// d q + m
  static func decodeQ41(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 20 {
      let (b, v) = (20 * block, 32 * block)
      let (d, m) = (half(bytes, b), half(bytes, b + 2))
      for index in 0..<16 {
        let pair = bytes[b + 4 + index]
        values[v + index] = d * Float(pair & 15) + m
        values[v + 16 + index] = d * Float(pair >> 4) + m
      }
    }
  }

  /// d (q - 16), the fifth bits of all codes before the others.
  static func decodeQ50(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 22 {
      let (b, v) = (22 * block, 32 * block)
      let d = half(bytes, b)
      let high = word(bytes, b + 2)
      for index in 0..<16 {
        let pair = Int(bytes[b + 6 + index])
        values[v + index] = d * Float((pair & 15 | fifthBit(high, index)) - 16)
        values[v + 16 + index] = d * Float((pair >> 4 | fifthBit(high, 16 + index)) - 16)
      }
    }
  }

  /// d q + m
  static func decodeQ51(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 24 {
      let (b, v) = (24 * block, 32 * block)
      let (d, m) = (half(bytes, b), half(bytes, b + 2))
      let high = word(bytes, b + 4)
      for index in 0..<16 {
        let pair = Int(bytes[b + 8 + index])
        values[v + index] = d * Float(pair & 15 | fifthBit(high, index)) + m
        values[v + 16 + index] = d * Float(pair >> 4 | fifthBit(high, 16 + index)) + m
      }
    }
  }

  private static func fifthBit(_ bits: UInt32, _ index: Int) -> Int { Int(bits >> UInt32(index) & 1) << 4 }

  /// d q
  static func decodeQ80(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 34 {
      let (b, v) = (34 * block, 32 * block)
      let d = half(bytes, b)
      for index in 0..<32 { values[v + index] = Float(Int8(bitPattern: bytes[b + 2 + index])) * d }
    }
  }

  /// d or -d, by a bit.
  static func decodeQ10(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 18 {
      let (b, v) = (18 * block, 128 * block)
      let d = half(bytes, b)
      for index in 0..<128 { values[v + index] = bytes[b + 2 + index / 8] >> UInt8(index % 8) & 1 == 1 ? d : -d }
    }
  }

  /// d (q - 1), 2 bits of q.
  static func decodeQ20(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 18 {
      let (b, v) = (18 * block, 64 * block)
      let d = half(bytes, b)
      for index in 0..<64 {
        let code = bytes[b + 2 + index / 4] >> UInt8(index % 4 * 2) & 3
        values[v + index] = Float(Int(code) - 1) * d
      }
    }
  }
}
