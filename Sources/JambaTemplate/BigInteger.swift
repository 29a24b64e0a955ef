/// A whole number of any size, for those that 64 bits do not hold.
struct BigInteger: Hashable, Sendable {
  let isNegative: Bool
  /// The magnitude in base 2^32, the lowest limb first, without zeros at the end; empty for zero.
  let limbs: [UInt32]

  init(isNegative: Bool = false, limbs: [UInt32]) {
    var limbs = limbs
    while limbs.last == 0 { limbs.removeLast() }
    self.limbs = limbs
    self.isNegative = isNegative && !limbs.isEmpty
  }

  init(_ value: Int) {
    let magnitude = value.magnitude
    self.init(
      isNegative: value < 0, limbs: [UInt32(truncatingIfNeeded: magnitude), UInt32(truncatingIfNeeded: magnitude >> 32)])
  }

  /// A finite number, rounded down.
  init(floor value: Double) {
    let whole = value.rounded(.down)
    guard whole != 0 else {
      self.init(limbs: [])
      return
    }
    let exponent = Int(whole.exponent) - 52
    let significand = UInt64(whole.significandBitPattern | 1 << 52)
    let big = BigInteger(limbs: [UInt32(truncatingIfNeeded: significand), UInt32(truncatingIfNeeded: significand >> 32)])
    let shifted = exponent >= 0 ? big.shiftedLeft(exponent) : big.shiftedRight(-exponent)
    self.init(isNegative: whole < 0, limbs: shifted.limbs)
  }

  /// The value of digits below the radix; their count is what bounds the work.
  init(digits: [UInt8], radix: Int, isNegative: Bool = false) {
    var limbs: [UInt32] = []
    for digit in digits {
      var carry = UInt64(digit)
      for index in limbs.indices {
        let product = UInt64(limbs[index]) * UInt64(radix) + carry
        limbs[index] = UInt32(truncatingIfNeeded: product)
        carry = product >> 32
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
    }
    self.init(isNegative: isNegative, limbs: limbs)
  }

  var isZero: Bool { limbs.isEmpty }
  var magnitude: BigInteger { BigInteger(limbs: limbs) }
  var negated: BigInteger { BigInteger(isNegative: !isNegative, limbs: limbs) }

  /// nil for what does not fit.
  var int: Int? {
    guard limbs.count <= 2 else { return nil }
    let magnitude = UInt(limbs.first ?? 0) | (limbs.count > 1 ? UInt(limbs[1]) << 32 : 0)
    if isNegative { return magnitude <= Int.min.magnitude ? Int(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int(exactly: magnitude)
  }

  /// The bits of the magnitude.
  var bitWidth: Int { limbs.count * 32 - (limbs.last?.leadingZeroBitCount ?? 0) }

  /// The nearest number of 53 bits, halves to the even one; infinite where it is too large.
  var double: Double {
    let shift = max(0, bitWidth - 64)
    let top = shiftedRight(shift)
    var bits = UInt64(top.limbs.first ?? 0) | (top.limbs.count > 1 ? UInt64(top.limbs[1]) << 32 : 0)
    if shift > 0, hasBits(below: shift) { bits |= 1 }
    guard shift < 1024 else { return isNegative ? -.infinity : .infinity }
    let value = Double(sign: .plus, exponent: shift, significand: Double(bits))
    return isNegative ? -value : value
  }

  private func hasBits(below count: Int) -> Bool {
    let (whole, rest) = (count / 32, count % 32)
    if limbs.prefix(whole).contains(where: { $0 != 0 }) { return true }
    return rest > 0 && whole < limbs.count && limbs[whole] & (1 << rest - 1) != 0
  }

  func shiftedLeft(_ count: Int) -> BigInteger {
    let (whole, rest) = (count / 32, count % 32)
    var shifted = [UInt32](repeating: 0, count: whole)
    var carry: UInt32 = 0
    for limb in limbs {
      shifted.append(limb << rest | carry)
      carry = rest == 0 ? 0 : limb >> (32 - rest)
    }
    shifted.append(carry)
    return BigInteger(isNegative: isNegative, limbs: shifted)
  }

  /// The magnitude's lower bits fall away.
  func shiftedRight(_ count: Int) -> BigInteger {
    let (whole, rest) = (count / 32, count % 32)
    guard whole < limbs.count else { return BigInteger(limbs: []) }
    var shifted: [UInt32] = []
    for index in whole..<limbs.count {
      let upper = index + 1 < limbs.count && rest > 0 ? limbs[index + 1] << (32 - rest) : 0
      shifted.append(limbs[index] >> rest | upper)
    }
    return BigInteger(isNegative: isNegative, limbs: shifted)
  }

  func text(radix: Int = 10, uppercase: Bool = false) -> String {
    guard !isZero else { return "0" }
    // As many digits at a time as a limb holds.
    var (chunk, width) = (radix, 1)
    while chunk * radix <= Int(UInt32.max) { (chunk, width) = (chunk * radix, width + 1) }
    var rest = limbs
    var pieces: [String] = []
    while !rest.isEmpty {
      var remainder: UInt64 = 0
      for index in rest.indices.reversed() {
        let value = remainder << 32 | UInt64(rest[index])
        rest[index] = UInt32(value / UInt64(chunk))
        remainder = value % UInt64(chunk)
      }
      while rest.last == 0 { rest.removeLast() }
      let piece = String(remainder, radix: radix, uppercase: uppercase)
      pieces.append(rest.isEmpty ? piece : String(repeating: "0", count: width - piece.utf8.count) + piece)
    }
    return (isNegative ? "-" : "") + pieces.reversed().joined()
  }
}

// MARK: - Arithmetic

extension BigInteger: Comparable {
  static func < (a: BigInteger, b: BigInteger) -> Bool {
    guard a.isNegative == b.isNegative else { return a.isNegative }
    return a.isNegative ? isLess(b.limbs, a.limbs) : isLess(a.limbs, b.limbs)
  }

  private static func isLess(_ a: [UInt32], _ b: [UInt32]) -> Bool {
    guard a.count == b.count else { return a.count < b.count }
    for index in a.indices.reversed() where a[index] != b[index] { return a[index] < b[index] }
    return false
  }

  static func + (a: BigInteger, b: BigInteger) -> BigInteger {
    if a.isNegative == b.isNegative { return BigInteger(isNegative: a.isNegative, limbs: sum(a.limbs, b.limbs)) }
    return isLess(a.limbs, b.limbs)
      ? BigInteger(isNegative: b.isNegative, limbs: difference(b.limbs, a.limbs))
      : BigInteger(isNegative: a.isNegative, limbs: difference(a.limbs, b.limbs))
  }

  static func - (a: BigInteger, b: BigInteger) -> BigInteger { a + b.negated }

  private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var carry: UInt64 = 0
    for index in 0..<max(a.count, b.count) {
      carry += UInt64(index < a.count ? a[index] : 0) + UInt64(index < b.count ? b[index] : 0)
      result.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    result.append(UInt32(carry))
    return result
  }

  /// Of magnitudes, the first the larger one.
  private static func difference(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var borrow: Int64 = 0
    for index in a.indices {
      let value = Int64(a[index]) - Int64(index < b.count ? b[index] : 0) + borrow
      result.append(UInt32(truncatingIfNeeded: value))
      borrow = value < 0 ? -1 : 0
    }
    return result
  }

  static func * (a: BigInteger, b: BigInteger) -> BigInteger {
    var result = [UInt32](repeating: 0, count: a.limbs.count + b.limbs.count)
    for (i, x) in a.limbs.enumerated() {
      var carry: UInt64 = 0
      for (j, y) in b.limbs.enumerated() {
        let value = UInt64(x) * UInt64(y) + UInt64(result[i + j]) + carry
        result[i + j] = UInt32(truncatingIfNeeded: value)
        carry = value >> 32
      }
      result[i + b.limbs.count] = UInt32(carry)
    }
    return BigInteger(isNegative: a.isNegative != b.isNegative, limbs: result)
  }

  /// Quotient and remainder, the quotient rounded down; the divisor is not zero.
  func dividedDown(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
    let (quotient, rest) = BigInteger.divide(limbs, divisor.limbs)
    var floored = BigInteger(isNegative: isNegative != divisor.isNegative, limbs: quotient)
    var remainder = BigInteger(isNegative: isNegative, limbs: rest)
    if !remainder.isZero, isNegative != divisor.isNegative {
      floored = floored - BigInteger(1)
      remainder = remainder + divisor
    }
    return (floored, remainder)
  }

  /// Long division (Knuth, volume 2, algorithm D).
  private static func divide(_ a: [UInt32], _ b: [UInt32]) -> (quotient: [UInt32], remainder: [UInt32]) {
    if isLess(a, b) { return ([], a) }
    if b.count == 1 {
      var quotient = a
      var rest: UInt64 = 0
      for index in a.indices.reversed() {
        let value = rest << 32 | UInt64(a[index])
        quotient[index] = UInt32(value / UInt64(b[0]))
        rest = value % UInt64(b[0])
      }
      return (quotient, [UInt32(rest)])
    }
    let shift = b.last!.leadingZeroBitCount
    let divisor = BigInteger(limbs: b).shiftedLeft(shift).limbs
    var rest = BigInteger(limbs: a).shiftedLeft(shift).limbs
    while rest.count <= a.count { rest.append(0) }
    let n = divisor.count
    var quotient = [UInt32](repeating: 0, count: rest.count - n)
    for j in quotient.indices.reversed() {
      let top = UInt64(rest[j + n]) << 32 | UInt64(rest[j + n - 1])
      var estimate = top / UInt64(divisor[n - 1])
      var remainder = top % UInt64(divisor[n - 1])
      while estimate >> 32 != 0 || estimate * UInt64(divisor[n - 2]) > remainder << 32 | UInt64(rest[j + n - 2]) {
        estimate -= 1
        remainder += UInt64(divisor[n - 1])
        if remainder >> 32 != 0 { break }
      }
      var borrow: Int64 = 0
      var carry: UInt64 = 0
      for i in 0..<n {
        carry += estimate * UInt64(divisor[i])
        let value = Int64(rest[i + j]) - Int64(carry & 0xFFFF_FFFF) + borrow
        rest[i + j] = UInt32(truncatingIfNeeded: value)
        borrow = value >> 32
        carry >>= 32
      }
      let value = Int64(rest[j + n]) - Int64(carry) + borrow
      rest[j + n] = UInt32(truncatingIfNeeded: value)
      if value < 0 {
        estimate -= 1
        var back: UInt64 = 0
        for i in 0..<n {
          back += UInt64(rest[i + j]) + UInt64(divisor[i])
          rest[i + j] = UInt32(truncatingIfNeeded: back)
          back >>= 32
        }
        rest[j + n] = UInt32(truncatingIfNeeded: UInt64(rest[j + n]) + back)
      }
      quotient[j] = UInt32(estimate)
    }
    return (quotient, BigInteger(limbs: rest).shiftedRight(shift).limbs)
  }

  /// The quotient as the nearest floating-point number; infinite where it is too large. The divisor is not zero.
  func divided(by divisor: BigInteger) -> Double {
    // 66 bits of the quotient, and whether there are more, decide how it is rounded.
    let shift = bitWidth - divisor.bitWidth - 66
    let numerator = shift < 0 ? magnitude.shiftedLeft(-shift) : magnitude
    let denominator = shift > 0 ? divisor.magnitude.shiftedLeft(shift) : divisor.magnitude
    let (quotient, remainder) = numerator.dividedDown(by: denominator)
    let sticky = remainder.isZero ? quotient : quotient.shiftedLeft(1) + BigInteger(1)
    let exponent = remainder.isZero ? shift : shift - 1
    let value = Double(sign: .plus, exponent: exponent, significand: sticky.double)
    return isNegative != divisor.isNegative ? -value : value
  }

  /// The power by squaring; the exponent is not negative.
  func power(_ exponent: Int) -> BigInteger {
    var (result, base, rest) = (BigInteger(1), self, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = result * base }
      rest >>= 1
      if rest > 0 { base = base * base }
    }
    return result
  }
}
