// The k-quants: blocks of 256 codes in groups of 16 or 32 with small scales, which have a scale d of their own; with offsets, those
// have one, too.

extension GGUFType {
  /// d s q - d' m, 16 to a group; 4 bits each of s and m.
  static func decodeQ2K(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 84 {
      let (b, v) = (84 * block, 256 * block)
      let (d, dMin) = (half(bytes, b + 80), half(bytes, b + 82))
      for group in 0..<16 {
        let scales = bytes[b + group]
        let (scale, offset) = (d * Float(scales & 15), dMin * Float(scales >> 4))
        let first = b + 16 + group / 8 * 32 + group % 2 * 16
        let shift = UInt8(group % 8 / 2 * 2)
        for index in 0..<16 {
          values[v + 16 * group + index] = scale * Float(bytes[first + index] >> shift & 3) - offset
        }
      }
    }
  }

  /// d (s - 32) q, 16 to a group; 6 bits of s, and 3 of q, whose highest, when it is not set, is 4 less.
  static func decodeQ3K(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 110 {
      let (b, v) = (110 * block, 256 * block)
      let d = half(bytes, b + 108)
      for group in 0..<16 {
        let low = bytes[b + 96 + group % 8] >> UInt8(group / 8 * 4) & 15
        let high = bytes[b + 104 + group % 4] >> UInt8(group / 4 * 2) & 3
        let scale = d * Float(Int(low | high << 4) - 32)
        let half = group % 2 * 16
        let first = b + 32 + group / 8 * 32 + half
        let shift = UInt8(group % 8 / 2 * 2)
        let bit = UInt8(1) << UInt8(group / 2)
        for index in 0..<16 {
          let less = bytes[b + half + index] & bit == 0 ? 4 : 0
          values[v + 16 * group + index] = scale * Float(Int(bytes[first + index] >> shift & 3) - less)
        }
      }
    }
  }

  /// d s q - d' m, 32 to a group; 6 bits each of s and m.
  static func decodeQ4K(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 144 {
      let (b, v) = (144 * block, 256 * block)
      let (d, dMin) = (half(bytes, b), half(bytes, b + 2))
      for group in 0..<8 {
        let (s, m) = scaleAndOffset(bytes, b + 4, group)
        let (scale, offset) = (d * Float(s), dMin * Float(m))
        let first = b + 16 + group / 2 * 32
        let shift = UInt8(group % 2 * 4)
        for index in 0..<32 {
          values[v + 32 * group + index] = scale * Float(bytes[first + index] >> shift & 15) - offset
        }
      }
    }
  }

  /// As Q4_K, with the fifth bits of all codes before the others.
  static func decodeQ5K(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 176 {
      let (b, v) = (176 * block, 256 * block)
      let (d, dMin) = (half(bytes, b), half(bytes, b + 2))
      for group in 0..<8 {
        let (s, m) = scaleAndOffset(bytes, b + 4, group)
        let (scale, offset) = (d * Float(s), dMin * Float(m))
        let first = b + 48 + group / 2 * 32
        let shift = UInt8(group % 2 * 4)
        for index in 0..<32 {
          let high = bytes[b + 16 + index] >> UInt8(group) & 1
          values[v + 32 * group + index] = scale * Float(bytes[first + index] >> shift & 15 | high << 4) - offset
        }
      }
    }
  }

  /// d s (q - 32), 16 to a group; 8 bits of s, with a sign.
  static func decodeQ6K(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    for block in 0..<bytes.count / 210 {
      let (b, v) = (210 * block, 256 * block)
      let d = half(bytes, b + 208)
      for group in 0..<16 {
        let scale = d * Float(Int8(bitPattern: bytes[b + 192 + group]))
        let (part, quarter) = (group / 8, group % 8 / 2)
        let half = group % 2 * 16
        let low = b + 64 * part + quarter % 2 * 32 + half
        let lowShift = UInt8(quarter / 2 * 4)
        let high = b + 128 + 32 * part + half
        let highShift = UInt8(2 * quarter)
        for index in 0..<16 {
          let code = bytes[low + index] >> lowShift & 15 | (bytes[high + index] >> highShift & 3) << 4
          values[v + 16 * group + index] = scale * Float(Int(code) - 32)
        }
      }
    }
  }

  /// Of eight groups, in 12 bytes: the first four have theirs in the low 6 bits of 4 and 4 bytes, the others have the high 2 bits
  /// there and the low 4 in the last 4 bytes.
  private static func scaleAndOffset(_ bytes: Span<UInt8>, _ offset: Int, _ group: Int) -> (scale: UInt8, offset: UInt8)
  {
    let (s, m) = (bytes[offset + group % 4], bytes[offset + 4 + group % 4])
    guard group >= 4 else { return (s & 63, m & 63) }
    let low = bytes[offset + 8 + group % 4]
    return (low & 15 | s >> 2 & 48, low >> 4 | m >> 2 & 48)
  }
}
