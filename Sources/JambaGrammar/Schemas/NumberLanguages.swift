/// The texts of numbers as regular languages.
///
/// Numbers are written with at most 18 digits before the point (more where a bound has more), at most 20 behind it, and an
/// exponent of at most two digits. Of those the *tidy* ones can be compared with a bound digit by digit: decimals without an
/// exponent, and one digit before the point with one; zero has no sign there.
struct NumberLanguages {
  let table: LanguageTable

  static let wholeDigits = 18
  static let fractionDigits = 20
  static let exponents = -99...99

  private func digits(_ range: ClosedRange<Int>) -> Language {
    table.set(ScalarSet([UInt32(0x30 + range.lowerBound)...UInt32(0x30 + range.upperBound)]))
  }

  private func digit(_ value: UInt8) -> Language { digits(Int(value)...Int(value)) }
  private var anyDigit: Language { digits(0...9) }
  private var minus: Language { table.text("-") }
  private var point: Language { table.text(".") }
  private var someExponent: Language {
    table.sequence([
      table.set(ScalarSet(of: "eE")), table.optional(table.set(ScalarSet(of: "+-"))), table.repeated(anyDigit, 1, 2),
    ])
  }

  private func whole(_ most: Int) -> Language {
    table.union([table.text("0"), table.sequence(digits(1...9), table.repeated(anyDigit, 0, most - 1))])
  }

  private func fraction(_ most: Int) -> Language {
    most <= 0 ? table.blank : table.optional(table.sequence(point, table.repeated(anyDigit, 1, most)))
  }

  /// Every number that is written.
  var numbers: Language {
    table.sequence([
      table.optional(minus), whole(NumberLanguages.wholeDigits), fraction(NumberLanguages.fractionDigits),
      table.optional(someExponent),
    ])
  }

  /// Whole numbers without point and exponent.
  var integers: Language { table.sequence(table.optional(minus), whole(NumberLanguages.wholeDigits)) }

  /// What may be a whole number, whatever it looks like.
  var outerIntegers: Language {
    table.sequence([
      table.optional(minus), table.repeated(anyDigit, 1, nil),
      table.union([
        table.sequence([table.optional(table.sequence(point, table.repeated(anyDigit, 1, nil))), someExponent]),
        table.optional(table.sequence(point, table.repeated(digit(0), 1, nil))),
      ]),
    ])
  }

  /// Texts that are compared with no bound: zero with a sign, and exponents behind anything but one digit.
  var untidy: Language {
    let plain = table.sequence(whole(1000), fraction(1000))
    let scientific = table.sequence([
      digits(1...9), table.optional(table.sequence(point, table.repeated(anyDigit, 1, nil))), someExponent,
    ])
    let tidy = table.union([plain, scientific, table.sequence(minus, table.union([plain, scientific]))])
    let zero = table.sequence([
      minus, table.text("0"), table.optional(table.sequence(point, table.repeated(digit(0), 1, nil))),
    ])
    return table.both([numbers, table.union([table.complement(tidy), zero])])
  }

  var withExponent: Language { table.both([numbers, table.sequence([table.anything, someExponent])]) }

  // MARK: Bounds

  /// A bound, and whether it is not reached.
  struct Bound: Hashable {
    var value: Decimal
    var isExcluded: Bool
  }

  /// Tidy texts of numbers between two bounds; of whole ones only, without point and exponent.
  func between(_ low: Bound?, _ high: Bound?, whole isWhole: Bool) -> Language {
    if let low, let high {
      if high.value < low.value { return table.nothing }
      if low.value == high.value, low.isExcluded || high.isExcluded { return table.nothing }
    }
    // A text of 15 digits is another floating-point number than a bound that it is not equal to; a longer one may be the same.
    var fraction = NumberLanguages.fractionDigits
    for bound in [low, high] {
      guard let bound, bound.isExcluded, !bound.value.isZero else { continue }
      fraction = min(fraction, max(0, 15 - bound.value.wholeDigits.count))
    }
    let zero = Bound(value: .zero, isExcluded: false)
    let reachesUp = high.map { !$0.value.isNegative && !($0.value.isZero && $0.isExcluded) } ?? true
    let reachesDown = low.map { $0.value.isNegative } ?? true
    var parts: [Language] = []
    if reachesUp {
      let start = low.flatMap { $0.value.isNegative ? nil : $0 } ?? zero
      parts.append(magnitudes(start, high, isWhole, fraction))
    }
    if reachesDown {
      // The same mirrored; zero has been written without a sign.
      let mirrored = high.flatMap { $0.value.isNegative ? Bound(value: $0.value.negated, isExcluded: $0.isExcluded) : nil }
      let start = mirrored ?? Bound(value: .zero, isExcluded: true)
      let end = low.map { Bound(value: $0.value.negated, isExcluded: $0.isExcluded) }
      parts.append(table.sequence(minus, magnitudes(start, end, isWhole, fraction)))
    }
    return table.union(parts)
  }

  private func magnitudes(_ low: Bound, _ high: Bound?, _ isWhole: Bool, _ fraction: Int) -> Language {
    let ends = [low.value.wholeDigits.count, high?.value.wholeDigits.count ?? 0].filter { $0 <= 40 }
    let longest = max(NumberLanguages.wholeDigits, ends.max() ?? 0)
    let form = table.sequence(whole(longest), isWhole ? table.blank : self.fraction(fraction))
    var plain = [form, atLeast(low)]
    if let high, high.value.wholeDigits.count <= longest { plain.append(atMost(high)) }
    let decimals = table.both(plain)
    return isWhole ? decimals : table.union([decimals, scientific(low, high, min(fraction, 14 + (fraction == 20 ? 6 : 0)))])
  }

  /// Decimals without sign and exponent that are large enough.
  private func atLeast(_ bound: Bound) -> Language {
    let (before, behind) = (bound.value.wholeDigits, bound.value.fractionDigits)
    var rest = fraction(atLeast: behind[...], isExcluded: bound.isExcluded)
    let free = table.sequence(table.repeated(anyDigit, 0, nil), table.optional(table.sequence(point, table.repeated(anyDigit, 1, nil))))
    for (index, digit) in before.enumerated().reversed() {
      let left = before.count - 1 - index
      var parts = [table.sequence(self.digit(digit), rest)]
      if digit < 9 {
        parts.append(
          table.sequence([
            digits(Int(digit) + 1...9), table.repeated(anyDigit, left, left),
            table.optional(table.sequence(point, table.repeated(anyDigit, 1, nil))),
          ]))
      }
      rest = table.union(parts)
    }
    // More digits before the point, of which the first is no zero.
    let longer = table.sequence([digits(1...9), table.repeated(anyDigit, before.count, before.count), free])
    return table.union([rest, longer])
  }

  private func fraction(atLeast behind: ArraySlice<UInt8>, isExcluded: Bool) -> Language {
    let some = table.repeated(anyDigit, 0, nil)
    let positive = table.sequence([table.repeated(digit(0), 0, nil), digits(1...9), some])
    var rest = isExcluded ? positive : some
    for digit in behind.reversed() {
      var parts = [table.sequence(self.digit(digit), rest)]
      if digit < 9 { parts.append(table.sequence(digits(Int(digit) + 1...9), some)) }
      rest = table.union(parts)
    }
    let written = table.sequence(point, table.both([rest, table.repeated(anyDigit, 1, nil)]))
    return behind.isEmpty && !isExcluded ? table.optional(written) : written
  }

  /// Decimals without sign and exponent that are small enough.
  private func atMost(_ bound: Bound) -> Language {
    let (before, behind) = (bound.value.wholeDigits, bound.value.fractionDigits)
    let someFraction = table.optional(table.sequence(point, table.repeated(anyDigit, 1, nil)))
    var rest = fraction(atMost: behind[...], isExcluded: bound.isExcluded)
    for (index, digit) in before.enumerated().reversed() {
      let left = before.count - 1 - index
      var parts = [table.sequence(self.digit(digit), rest)]
      if digit > 0 {
        parts.append(table.sequence([digits(0...Int(digit) - 1), table.repeated(anyDigit, left, left), someFraction]))
      }
      rest = table.union(parts)
    }
    guard before.count > 1 else { return rest }
    return table.union([rest, table.sequence(table.repeated(anyDigit, 1, before.count - 1), someFraction)])
  }

  private func fraction(atMost behind: ArraySlice<UInt8>, isExcluded: Bool) -> Language {
    let some = table.repeated(anyDigit, 0, nil)
    var rest = isExcluded ? table.nothing : table.repeated(digit(0), 0, nil)
    for digit in behind.reversed() {
      var parts = [table.sequence(self.digit(digit), rest), table.blank]
      if digit > 0 { parts.append(table.sequence(digits(0...Int(digit) - 1), some)) }
      rest = table.union(parts)
    }
    let written = table.sequence(point, table.both([rest, table.repeated(anyDigit, 1, nil)]))
    return behind.isEmpty && isExcluded ? written : table.optional(written)
  }

  // MARK: Exponents

  /// One digit that is no zero, a fraction and an exponent.
  private func scientific(_ low: Bound, _ high: Bound?, _ fraction: Int) -> Language {
    let first = low.value.isZero ? NumberLanguages.exponents.lowerBound - 1 : low.value.exponent - 1
    let last = high.map { $0.value.exponent - 1 } ?? NumberLanguages.exponents.upperBound + 1
    if let high, high.value.isZero { return table.nothing }
    guard first <= last else { return table.nothing }
    let mantissa = table.sequence(digits(1...9), self.fraction(fraction))
    func atExponent(_ exponent: Int, _ bounds: [Language]) -> Language {
      guard NumberLanguages.exponents.contains(exponent) else { return table.nothing }
      return table.sequence([table.both([mantissa] + bounds), self.exponent(exponent...exponent)])
    }
    func shifted(_ bound: Bound) -> Bound {
      Bound(value: Decimal(isNegative: false, digits: bound.value.digits, exponent: 1), isExcluded: bound.isExcluded)
    }
    if first == last, let high { return atExponent(first, [atLeast(shifted(low)), atMost(shifted(high))]) }
    var parts: [Language] = []
    if !low.value.isZero { parts.append(atExponent(first, [atLeast(shifted(low))])) }
    if let high { parts.append(atExponent(last, [atMost(shifted(high))])) }
    let free = max(first + 1, NumberLanguages.exponents.lowerBound)
    let end = min(last - 1, NumberLanguages.exponents.upperBound)
    if free <= end { parts.append(table.sequence(mantissa, exponent(free...end))) }
    return table.union(parts)
  }

  private func exponent(_ range: ClosedRange<Int>) -> Language {
    var parts: [Language] = []
    func magnitudes(_ range: ClosedRange<Int>) -> Language {
      let low = Bound(value: Decimal("\(range.lowerBound)")!, isExcluded: false)
      let high = Bound(value: Decimal("\(range.upperBound)")!, isExcluded: false)
      return table.both([
        table.union([table.repeated(anyDigit, 1, 1), table.repeated(anyDigit, 2, 2)]),
        table.sequence(table.optional(digit(0)), table.both([whole(2), atLeast(low), atMost(high)])),
      ])
    }
    if range.upperBound >= 0 {
      let up = magnitudes(max(0, range.lowerBound)...range.upperBound)
      parts.append(table.sequence(table.optional(table.text("+")), up))
    }
    if range.lowerBound < 0 {
      parts.append(table.sequence(minus, magnitudes(max(1, -range.upperBound)...(-range.lowerBound))))
    }
    if range.contains(0) { parts.append(table.sequence(minus, table.repeated(digit(0), 1, 2))) }
    return table.sequence(table.set(ScalarSet(of: "eE")), table.union(parts))
  }

  // MARK: Multiples

  /// Decimals that are multiples of `modulus` / 10^`places`; nil where that takes too many states.
  func multiples(of modulus: Int, places: Int) -> Language? {
    // Factors of ten are zeros at the end.
    var (modulus, zeros) = (modulus, 0)
    if places == 0 {
      while modulus % 10 == 0 {
        modulus /= 10
        zeros += 1
      }
    }
    guard modulus <= DigitRemainder.largestModulus else { return nil }
    let fraction = table.optional(table.sequence(point, table.repeated(digit(0), 1, nil)))
    var body = table.multiple(DigitRemainder(modulus: modulus, places: places))
    if zeros > 0 {
      let number = table.both([body, table.repeated(anyDigit, 1, nil)])
      body = table.union([
        table.sequence([number, table.repeated(digit(0), zeros, zeros), fraction]), table.sequence(table.text("0"), fraction),
      ])
    }
    return table.sequence(table.optional(minus), body)
  }
}
