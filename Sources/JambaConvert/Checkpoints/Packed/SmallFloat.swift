/// Floats of eight bits and less: the value of every code.
enum SmallFloat {
  /// A sign, four bits of the exponent, three of the fraction. There is no infinity, and 0x7F and 0xFF are no number.
  static let e4m3 = signed(bits: 8, fractionBits: 3, bias: 7) { $0 == 0x7F ? .nan : nil }
  /// A sign, five bits of the exponent, two of the fraction.
  static let e5m2 = signed(bits: 8, fractionBits: 2, bias: 15) { $0 == 0x7C ? .infinity : $0 > 0x7C ? .nan : nil }
  /// A sign, two bits of the exponent, three of the fraction.
  static let e2m3 = signed(bits: 6, fractionBits: 3, bias: 1) { _ in nil }
  /// A sign, two bits of the exponent, one of the fraction.
  static let e2m1 = signed(bits: 4, fractionBits: 1, bias: 1) { _ in nil }
  /// Eight bits of the exponent alone: powers of two.
  static let e8m0 = (0..<256).map { code in
    code == 255 ? Float.nan : Float(sign: .plus, exponent: code - 127, significand: 1)
  }

  /// The value of the bits of exponent and fraction.
  static func magnitude(_ code: Int, fractionBits: Int, bias: Int) -> Float {
    let (exponent, fraction) = (code >> fractionBits, code & (1 << fractionBits - 1))
    let digits = exponent == 0 ? fraction : fraction + 1 << fractionBits
    return Float(digits) * Float(sign: .plus, exponent: max(exponent, 1) - bias - fractionBits, significand: 1)
  }

  private static func signed(bits: Int, fractionBits: Int, bias: Int, special: (Int) -> Float?) -> [Float] {
    let half = 1 << (bits - 1)
    let positive = (0..<half).map { special($0) ?? magnitude($0, fractionBits: fractionBits, bias: bias) }
    return positive + positive.map { -$0 }
  }
}
