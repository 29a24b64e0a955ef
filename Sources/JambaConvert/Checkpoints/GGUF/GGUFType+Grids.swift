// Codes that stand for 4 or 8 numbers at once, in a list of such points (`GGUFGrid`), and signs beside them. 256 to a block.

extension GGUFType {
  /// d (s + 1/2) / 4 times a point; for 32 numbers a word of four points, and one of four sets of signs and s.
  static func decodeIQ2XXS(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq2XXS
    for block in 0..<bytes.count / 66 {
      let (b, v) = (66 * block, 256 * block)
      let d = half(bytes, b)
      for group in 0..<8 {
        let first = b + 2 + 8 * group
        let bits = word(bytes, first + 4)
        let scale = d * (0.5 + Float(bits >> 28)) * 0.25
        for part in 0..<4 {
          let signs = GGUFGrid.evenSigns(bits >> UInt32(7 * part))
          grid.write(Int(bytes[first + part]), scale, signs, &values, v + 32 * group + 8 * part)
        }
      }
    }
  }

  /// The same, with 9 bits of a point and 7 of signs in a short, and 4 bits of s for 16 numbers.
  static func decodeIQ2XS(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq2XS
    for block in 0..<bytes.count / 74 {
      let (b, v) = (74 * block, 256 * block)
      let d = half(bytes, b)
      for part in 0..<32 {
        let code = short(bytes, b + 2 + 2 * part)
        let scale = d * (0.5 + Float(bytes[b + 66 + part / 4] >> UInt8(part / 2 % 2 * 4) & 15)) * 0.25
        grid.write(Int(code & 511), scale, GGUFGrid.evenSigns(UInt32(code >> 9)), &values, v + 8 * part)
      }
    }
  }

  /// The same, with 10 bits of a point, the highest two apart, and all signs.
  static func decodeIQ2S(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq2S
    for block in 0..<bytes.count / 82 {
      let (b, v) = (82 * block, 256 * block)
      let d = half(bytes, b)
      for part in 0..<32 {
        let high = Int(bytes[b + 66 + part / 4] >> UInt8(part % 4 * 2) & 3)
        let scale = d * (0.5 + Float(bytes[b + 74 + part / 4] >> UInt8(part / 2 % 2 * 4) & 15)) * 0.25
        grid.write(Int(bytes[b + 2 + part]) | high << 8, scale, bytes[b + 34 + part], &values, v + 8 * part)
      }
    }
  }

  /// d (s + 1/2) / 2 times a point of four numbers; for 32 numbers a word of four sets of signs and s.
  static func decodeIQ3XXS(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq3XXS
    for block in 0..<bytes.count / 98 {
      let (b, v) = (98 * block, 256 * block)
      let d = half(bytes, b)
      for group in 0..<8 {
        let bits = word(bytes, b + 66 + 4 * group)
        let scale = d * (0.5 + Float(bits >> 28)) * 0.5
        for part in 0..<8 {
          let signs = GGUFGrid.evenSigns(bits >> UInt32(part / 2 * 7)) >> UInt8(part % 2 * 4)
          grid.write(Int(bytes[b + 2 + 8 * group + part]), scale, signs, &values, v + 32 * group + 4 * part)
        }
      }
    }
  }

  /// d (2 s + 1) times a point of four numbers, with 9 bits of it, the highest apart, all signs, and 4 bits of s for 32 numbers.
  static func decodeIQ3S(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq3S
    for block in 0..<bytes.count / 110 {
      let (b, v) = (110 * block, 256 * block)
      let d = half(bytes, b)
      for part in 0..<64 {
        let high = Int(bytes[b + 66 + part / 8] >> UInt8(part % 8) & 1)
        let scale = d * Float(1 + 2 * (bytes[b + 106 + part / 16] >> UInt8(part / 8 % 2 * 4) & 15))
        let signs = bytes[b + 74 + part / 2] >> UInt8(part % 2 * 4)
        grid.write(Int(bytes[b + 2 + part]) | high << 8, scale, signs, &values, v + 4 * part)
      }
    }
  }

  /// d (2 s + 1) times a point of -1, 0 and 1, moved by an eighth; for 32 numbers a short of the points' high bits, s and
  /// where to.
  static func decodeIQ1S(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq1
    for block in 0..<bytes.count / 50 {
      let (b, v) = (50 * block, 256 * block)
      let d = half(bytes, b)
      for group in 0..<8 {
        let high = short(bytes, b + 34 + 2 * group)
        let scale = d * Float(2 * (high >> 12 & 7) + 1)
        let delta: Float = high & 0x8000 == 0 ? 0.125 : -0.125
        for part in 0..<4 {
          let code = Int(bytes[b + 2 + 4 * group + part]) | Int(high >> UInt16(3 * part) & 7) << 8
          grid.write(code, scale, delta: delta, &values, v + 32 * group + 8 * part)
        }
      }
    }
  }

  /// The same, with 3 bits of s for 16 numbers, and where to move for 8. What four shorts of s have to spare is d.
  static func decodeIQ1M(_ bytes: Span<UInt8>, _ values: inout MutableSpan<Float>) {
    let grid = GGUFGrid.iq1
    for block in 0..<bytes.count / 56 {
      let (b, v) = (56 * block, 256 * block)
      var bits: UInt16 = 0
      for index in 0..<4 { bits |= (short(bytes, b + 48 + 2 * index) & 0xF000) >> UInt16(12 - 4 * index) }
      let d = StoredFloat.float(half: bits)
      for part in 0..<32 {
        let high = bytes[b + 32 + part / 2] >> UInt8(part % 2 * 4)
        let scale = d * Float(2 * (short(bytes, b + 48 + part / 8 * 2) >> UInt16(part / 2 % 4 * 3) & 7) + 1)
        let delta: Float = high & 8 == 0 ? 0.125 : -0.125
        grid.write(Int(bytes[b + part]) | Int(high & 7) << 8, scale, delta: delta, &values, v + 8 * part)
      }
    }
  }
}
