/// A decimal number of any length, exactly: 0.d₁d₂… × 10^`exponent`.
struct Decimal: Hashable, Sendable {
  let isNegative: Bool
  /// Without zeros at either end; none for zero.
  let digits: [UInt8]
  let exponent: Int

  static let zero = Decimal(isNegative: false, digits: [], exponent: 0)

  init(isNegative: Bool, digits: [UInt8], exponent: Int) {
    let leading = digits.prefix { $0 == 0 }.count
    var kept = Array(digits.dropFirst(leading))
    while kept.last == 0 { kept.removeLast() }
    self.isNegative = isNegative && !kept.isEmpty
    self.digits = kept
    self.exponent = kept.isEmpty ? 0 : exponent - leading
  }

  /// A number as JSON writes it; nil for what is none, or is too large to be meant.
  init?(_ text: String) {
    var digits: [UInt8] = []
    var point: Int?
    var exponent = 0
    var rest = text.utf8[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest = rest.dropFirst() }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "."): point = digits.count
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        if rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        guard let value = Int(String(decoding: rest, as: UTF8.self)), abs(value) < 10_000 else { return nil }
        exponent = value
        rest = rest.suffix(0)
      default: return nil
      }
    }
    guard !digits.isEmpty else { return nil }
    self.init(isNegative: isNegative, digits: digits, exponent: (point ?? digits.count) + exponent)
  }

  var isZero: Bool { digits.isEmpty }
  var isWhole: Bool { digits.count <= exponent || isZero }
  /// Its value, if it is a whole number of at most 17 digits.
  var whole: Int? {
    guard isWhole, exponent <= 17 else { return nil }
    let value = wholeDigits.reduce(0) { 10 * $0 + Int($1) }
    return isNegative ? -value : value
  }

  var magnitude: Decimal { Decimal(isNegative: false, digits: digits, exponent: exponent) }
  var negated: Decimal { Decimal(isNegative: !isNegative, digits: digits, exponent: exponent) }

  /// The digits before the point, at least one.
  var wholeDigits: [UInt8] {
    guard exponent > 0 else { return [0] }
    return Array(digits.prefix(exponent)) + Array(repeating: 0, count: max(0, exponent - digits.count))
  }

  /// The digits behind the point, without zeros at the end.
  var fractionDigits: [UInt8] {
    if exponent >= digits.count { return [] }
    if exponent >= 0 { return Array(digits.dropFirst(exponent)) }
    return Array(repeating: 0, count: -exponent) + digits
  }

  /// Whether it is a whole multiple of `modulus` / 10^`places`.
  func isMultiple(of modulus: Int, places: Int) -> Bool {
    // The digits as a whole number are the value × 10^(digits − exponent).
    let shift = places - (digits.count - exponent)
    guard shift >= 0 || isZero else { return false }
    var remainder = 0
    for digit in digits { remainder = (remainder * 10 + Int(digit)) % modulus }
    for _ in 0..<max(0, shift) where remainder != 0 { remainder = remainder * 10 % modulus }
    return remainder == 0
  }
}

extension Decimal: Comparable {
  static func < (a: Decimal, b: Decimal) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    return a.isNegative ? isLess(b, a) : isLess(a, b)
  }

  private static func isLess(_ a: Decimal, _ b: Decimal) -> Bool {
    if a.isZero || b.isZero { return a.isZero && !b.isZero }
    if a.exponent != b.exponent { return a.exponent < b.exponent }
    return a.digits.lexicographicallyPrecedes(b.digits)
  }
}
