// Four bits that stand for one of 16 numbers at unequal distances, and ternary codes.

extension GGUFType {
  private static let normal: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]
  /// Four-bit floats of two exponent bits and one of the fraction, doubled. The negative zero is a zero.
  private static let e2m1: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// d t[q], 32 to a block.
  static func decodeIQ4NL(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 18 {
      decodePairs(bytes, 18 * block + 2, half(bytes, 18 * block), normal, &values, 32 * block)
    }
  }

  /// d (s - 32) t[q], 32 to a group of 6 bits of s.
  static func decodeIQ4XS(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 136 {
      let b = 136 * block
      let (d, high) = (half(bytes, b), short(bytes, b + 2))
      for group in 0..<8 {
        let low = bytes[b + 4 + group / 2] >> UInt8(group % 2 * 4) & 15
        let scale = Int(low) | Int(high >> UInt16(2 * group) & 3) << 4
        decodePairs(bytes, b + 8 + 16 * group, d * Float(scale - 32), normal, &values, 256 * block + 32 * group)
      }
    }
  }

  /// A power of two for 32 numbers: d t[q], where t is doubled and d therefore half.
  static func decodeMXFP4(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 17 {
      let exponent = UInt32(bytes[17 * block])
      let d = Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
      decodePairs(bytes, 17 * block + 1, d, e2m1, &values, 32 * block)
    }
  }

  /// 16 codes to a scale, an eight-bit float of four exponent bits and three of the fraction, without a sign.
  static func decodeNVFP4(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 36 {
      for group in 0..<4 {
        let d = halfOfE4M3(bytes[36 * block + group])
        let (first, v) = (36 * block + 4 + 8 * group, 64 * block + 16 * group)
        for index in 0..<8 {
          let pair = Int(bytes[first + index])
          values[v + index] = d * e2m1[pair & 15]
          values[v + 8 + index] = d * e2m1[pair >> 4]
        }
      }
    }
  }

  private static func halfOfE4M3(_ bits: UInt8) -> Float {
    // 0x7F stands for no number, and counts as none.
    if bits == 0 || bits == 0x7F { return 0 }
    return SmallFloat.magnitude(Int(bits & 0x7F), fractionBits: 3, bias: 7) * 0.5
  }

  private static func decodePairs(
    _ bytes: Span<UInt8>, _ first: Int, _ d: Float, _ table: [Float], _ values: inout MutableSpan<Float>,
    _ v: Int
  ) {
    for index in 0..<16 {
      let pair = Int(bytes[first + index])
      values[v + index] = d * table[pair & 15]
      values[v + 16 + index] = d * table[pair >> 4]
    }
  }

  /// d (q - 1), five codes to a byte: its 256ths are digits of base 3 behind the point.
  static func decodeTQ10(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 54 {
      let b = 54 * block
      var v = 256 * block
      let d = half(bytes, b + 52)
      for (first, count, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
        var power: UInt8 = 1
        for _ in 0..<digits {
          for index in 0..<count {
            let code = (UInt16(bytes[b + first + index] &* power) * 3) >> 8
            values[v + index] = d * Float(Int(code) - 1)
          }
          v += count
          power &*= 3
        }
      }
    }
  }

  /// d (q - 1), 2 bits of q.
  static func decodeTQ20(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 66 {
      let (b, v) = (66 * block, 256 * block)
      let d = half(bytes, b + 64)
      for group in 0..<8 {
        for index in 0..<32 {
          let code = bytes[b + group / 4 * 32 + index] >> UInt8(group % 4 * 2) & 3
          values[v + 32 * group + index] = d * Float(Int(code) - 1)
        }
      }
    }
  }
}
