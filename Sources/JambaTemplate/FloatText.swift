/// Floating-point numbers as text, digit for digit as Python writes them.
enum FloatText {
  /// `repr`: the shortest text that reads back as the same number.
  static func representation(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    // Swift's digits are the shortest too; where they become an exponent differs.
    var digits: [Character] = []
    var point = 0
    var exponent = 0
    var seenPoint = false
    var text = Array(String(describing: value.magnitude))
    if let e = text.firstIndex(of: "e") {
      exponent = Int(String(text[(e + 1)...])) ?? 0
      text.removeSubrange(e...)
    }
    for character in text {
      if character == "." {
        seenPoint = true
      } else {
        digits.append(character)
        if !seenPoint { point += 1 }
      }
    }
    point += exponent
    while digits.count > 1, digits.first == "0" {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    if point > 16 || point < -3 {
      let fraction = digits.count > 1 ? "." + String(digits[1...]) : ""
      return sign + String(digits[0]) + fraction + exponentText(point - 1)
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + String(digits) }
    if point >= digits.count {
      return sign + String(digits) + String(repeating: "0", count: point - digits.count) + ".0"
    }
    return sign + String(digits[..<point]) + "." + String(digits[point...])
  }

  private static func exponentText(_ exponent: Int, letter: String = "e") -> String {
    letter + (exponent < 0 ? "-" : "+") + (abs(exponent) < 10 ? "0" : "") + String(abs(exponent))
  }

  /// All decimal digits of a finite magnitude, exactly, with the position of the point among them.
  private static func exactDigits(_ value: Double) -> (digits: [UInt8], point: Int) {
    guard value != 0 else { return ([0], 1) }
    var mantissa = value.significandBitPattern
    var exponent = Int(value.exponentBitPattern)
    if exponent == 0 { exponent = 1 } else { mantissa |= 1 << 52 }
    exponent -= 1075
    let zeros = mantissa.trailingZeroBitCount
    mantissa >>= UInt64(zeros)
    exponent += zeros
    // mantissa × 2^exponent, or mantissa × 5^-exponent / 10^-exponent
    var limbs = [UInt64](repeating: 0, count: 0)
    var rest = mantissa
    while rest > 0 {
      limbs.append(rest % 1_000_000_000)
      rest /= 1_000_000_000
    }
    for _ in 0..<abs(exponent) {
      var carry: UInt64 = 0
      for index in limbs.indices {
        let product = limbs[index] * (exponent > 0 ? 2 : 5) + carry
        limbs[index] = product % 1_000_000_000
        carry = product / 1_000_000_000
      }
      if carry > 0 { limbs.append(carry) }
    }
    var digits: [UInt8] = []
    for limb in limbs.reversed() {
      let text = Array(String(limb).utf8)
      if !digits.isEmpty { digits += Array(repeating: 0, count: 9 - text.count) }
      digits += text.map { $0 - 48 }
    }
    return (digits, digits.count - max(0, -exponent))
  }

  /// The digits rounded to `count` of them, half to even; `count` may be zero or less.
  private static func rounded(_ digits: [UInt8], _ point: Int, to count: Int) -> (digits: [UInt8], point: Int) {
    guard count < digits.count else { return (digits + Array(repeating: 0, count: count - digits.count), point) }
    guard count >= 0 else { return ([], point) }
    var kept = Array(digits[..<count])
    let next = digits[count]
    let isOdd = (kept.last ?? 0) % 2 == 1
    let exactlyHalf = next == 5 && digits[(count + 1)...].allSatisfy { $0 == 0 }
    guard next > 5 || (next == 5 && (!exactlyHalf || isOdd)) else { return (kept, point) }
    var index = count - 1
    while index >= 0 {
      if kept[index] < 9 {
        kept[index] += 1
        return (kept, point)
      }
      kept[index] = 0
      index -= 1
    }
    return ([1] + kept, point + 1)
  }

  private static func text(_ digits: some Swift.Sequence<UInt8>) -> String {
    String(decoding: digits.map { $0 + 48 }, as: UTF8.self)
  }

  /// The magnitude of a finite number with `precision` digits after the point.
  static func fixed(_ value: Double, precision: Int) -> String {
    let (exact, exactPoint) = exactDigits(value.magnitude)
    var (digits, point) = rounded(exact, exactPoint, to: exactPoint + precision)
    if point <= 0 {
      digits = Array(repeating: 0, count: 1 - point) + digits
      point = 1
    }
    if digits.count < point + precision { digits += Array(repeating: 0, count: point + precision - digits.count) }
    let whole = text(digits[..<point])
    return precision == 0 ? whole : whole + "." + text(digits[point..<(point + precision)])
  }

  /// The magnitude of a finite number as one digit, `precision` digits and an exponent.
  static func scientific(_ value: Double, precision: Int, letter: String = "e") -> String {
    let (exact, exactPoint) = exactDigits(value.magnitude)
    let (digits, point) = rounded(exact, exactPoint, to: precision + 1)
    let shown = Array(digits.prefix(precision + 1))
    let fraction = precision == 0 ? "" : "." + text(shown[1...])
    return text(shown[..<1]) + fraction + exponentText(value == 0 ? 0 : point - 1, letter: letter)
  }

  /// `%g`: the shorter of both, without trailing zeros unless `keepsZeros`.
  static func general(_ value: Double, precision: Int, letter: String = "e", keepsZeros: Bool = false) -> String {
    let precision = max(precision, 1)
    let (exact, exactPoint) = exactDigits(value.magnitude)
    let (_, point) = rounded(exact, exactPoint, to: precision)
    let exponent = value == 0 ? 0 : point - 1
    func trimmed(_ text: String) -> String {
      guard !keepsZeros, text.utf8.contains(UInt8(ascii: ".")) else { return text }
      var text = text
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
      return text
    }
    if exponent < -4 || exponent >= precision {
      let full = scientific(value, precision: precision - 1, letter: letter)
      let parts = PythonText.split(full, by: letter, limit: 1)
      return trimmed(parts[0]) + letter + parts[1]
    }
    return trimmed(fixed(value, precision: precision - 1 - exponent))
  }

  /// `round(value, places)`: the nearest decimal, exact halves to even.
  static func round(_ value: Double, places: Int) -> Double {
    guard value.isFinite, value != 0, places < 324 else { return value }
    guard places > -310 else { return value < 0 ? -0.0 : 0.0 }
    let (exact, exactPoint) = exactDigits(value.magnitude)
    let (digits, point) = rounded(exact, exactPoint, to: exactPoint + places)
    let significant = digits.isEmpty ? "0" : text(digits)
    let magnitude = Double(significant + "e" + String(point - digits.count)) ?? 0
    return value < 0 ? -magnitude : magnitude
  }

  /// `float.hex`
  static func hexadecimal(_ value: Double) -> String {
    guard value.isFinite else { return representation(of: value) }
    let sign = value.sign == .minus ? "-" : ""
    guard value != 0 else { return sign + "0x0.0p+0" }
    let digits = String(value.significandBitPattern, radix: 16)
    let isNormal = value.isNormal
    let exponent = isNormal ? Int(value.exponent) : -1022
    let fraction = String(repeating: "0", count: 13 - digits.utf8.count) + digits
    return sign + "0x\(isNormal ? 1 : 0)." + fraction + "p" + (exponent < 0 ? "-" : "+") + String(abs(exponent))
  }

  /// The number that `float(text)` reads; nil for a text that it refuses.
  static func parse(_ text: String) -> Double? {
    let stripped = PythonText.strip(text, nil)
    var body = ""
    var previousIsDigit = false
    let scalars = stripped.unicodeScalars.map { scalar in
      scalar.isASCII ? scalar : scalar.decimalValue.flatMap { Unicode.Scalar(UInt32(48 + $0)) } ?? scalar
    }
    for (index, scalar) in scalars.enumerated() {
      if scalar == "_" {
        guard previousIsDigit, index + 1 < scalars.count, scalars[index + 1].isASCIIDigit else { return nil }
        previousIsDigit = false
        continue
      }
      previousIsDigit = scalar.isASCIIDigit
      body.unicodeScalars.append(scalar)
    }
    let lower = PythonText.lower(body)
    let unsigned = lower.hasPrefix("-") || lower.hasPrefix("+") ? String(lower.dropFirst()) : lower
    switch unsigned {
    case "inf", "infinity": return lower.hasPrefix("-") ? -.infinity : .infinity
    case "nan": return .nan
    default:
      guard let first = unsigned.utf8.first, first == UInt8(ascii: ".") || (48...57).contains(first),
        unsigned.utf8.allSatisfy({ (48...57).contains($0) || "e.+-".utf8.contains($0) })
      else { return nil }
      // Swift takes neither ".5" nor "5." everywhere; Python takes both.
      let parts = PythonText.split(unsigned, by: "e", limit: -1)
      guard parts.count <= 2 else { return nil }
      var mantissa = parts[0]
      guard mantissa.utf8.contains(where: { (48...57).contains($0) }) else { return nil }
      if mantissa.hasPrefix(".") { mantissa = "0" + mantissa }
      if mantissa.hasSuffix(".") { mantissa += "0" }
      guard let magnitude = Double(mantissa + (parts.count == 2 ? "e" + parts[1] : "")) else { return nil }
      return lower.hasPrefix("-") ? -magnitude : magnitude
    }
  }
}
