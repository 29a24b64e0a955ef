import JambaSystem

/// `minimum` and its like: whole numbers.
struct NumberBounds {
  /// The least and the largest value, or the value that is just not reached.
  var low: Int?
  var high: Int?
  var excludesLow = false
  var excludesHigh = false

  /// The largest magnitude of a bound: fractions of six digits must be exact beside it.
  static let magnitude = 1_000_000_000

  init(_ object: JSONObject, at path: String) throws(GrammarError) {
    func bound(_ keyword: String) throws(GrammarError) -> Int? {
      guard let value = object[keyword] else { return nil }
      guard let number = value.double else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a number")
      }
      guard let bound = Int(exactly: number), bound.magnitude <= NumberBounds.magnitude else {
        throw .unsupported(
          keyword: keyword, path: path,
          reason: "only whole numbers up to \(NumberBounds.magnitude), which \(value.text()) is not")
      }
      return bound
    }
    low = try bound("minimum")
    high = try bound("maximum")
    if let limit = try bound("exclusiveMinimum"), low.map({ limit >= $0 }) ?? true {
      (low, excludesLow) = (limit, true)
    }
    if let limit = try bound("exclusiveMaximum"), high.map({ limit <= $0 }) ?? true {
      (high, excludesHigh) = (limit, true)
    }
  }

  var isUnbounded: Bool { low == nil && high == nil }
}

extension SchemaCompiler {
  /// The largest whole number that is written: 18 digits.
  private static let largest = 999_999_999_999_999_999

  mutating func integer(_ bounds: NumberBounds, at path: String) throws(GrammarError) -> Expression {
    if bounds.isUnbounded { return try rule("integer") }
    let low = (bounds.low ?? -SchemaCompiler.largest) + (bounds.excludesLow ? 1 : 0)
    let high = (bounds.high ?? SchemaCompiler.largest) - (bounds.excludesHigh ? 1 : 0)
    guard low <= high else { throw .matchesNothing }
    var alternatives: [Expression] = []
    if high >= 0 { alternatives.append(SchemaCompiler.naturals(max(low, 0), high)) }
    if low < 0 { alternatives.append(.sequence([.text("-"), SchemaCompiler.naturals(max(1, -high), -low)])) }
    return try add(.choice(alternatives))
  }

  mutating func number(_ bounds: NumberBounds, at path: String) throws(GrammarError) -> Expression {
    if bounds.isUnbounded { return try rule("number") }
    if let low = bounds.low, let high = bounds.high {
      guard low < high || low == high && !bounds.excludesLow && !bounds.excludesHigh else { throw .matchesNothing }
    }
    var alternatives: [Expression] = []
    if bounds.high.map({ $0 > 0 || $0 == 0 && !bounds.excludesHigh }) ?? true {
      let low = max(bounds.low ?? 0, 0)
      alternatives += SchemaCompiler.decimals(
        low, bounds.high, excludesLow: bounds.excludesLow && bounds.low == low, excludesHigh: bounds.excludesHigh)
    }
    if bounds.low.map({ $0 < 0 }) ?? true {
      // The same mirrored; zero has been written without a sign.
      let low = max(-(bounds.high ?? 0), 0)
      let excludesLow = low == 0 || bounds.excludesHigh
      let decimals = SchemaCompiler.decimals(
        low, bounds.low.map { -$0 }, excludesLow: excludesLow, excludesHigh: bounds.excludesLow)
      if !decimals.isEmpty { alternatives.append(.sequence([.text("-"), .choice(decimals)])) }
    }
    return try add(.choice(alternatives))
  }

  /// Decimals between two magnitudes, without an exponent.
  private static func decimals(_ low: Int, _ high: Int?, excludesLow: Bool, excludesHigh: Bool) -> [Expression] {
    let digit = Expression.scalars(ScalarSet(["0"..."9"]))
    let fraction = Expression.optional(.sequence([.text("."), .repeated(digit, 1, 6)]))
    var alternatives: [Expression] = []
    // Whole parts whose every fraction is within the bounds.
    let first = excludesLow ? low + 1 : low
    let last = high.map { $0 - 1 } ?? largest
    if first <= last { alternatives.append(.sequence([naturals(first, last), fraction])) }
    if excludesLow, high.map({ low < $0 }) ?? true {
      let some = Expression.sequence([
        .text("."), .repeated(.text("0"), 0, 4), .scalars(ScalarSet(["1"..."9"])), .repeated(digit, 0, 1),
      ])
      alternatives.append(.sequence([.text(String(low)), some]))
    }
    if let high, !excludesHigh, high > low || !excludesLow {
      alternatives.append(
        .sequence([.text(String(high)), .optional(.sequence([.text("."), .repeated(.text("0"), 1, 6)]))]))
    }
    return alternatives
  }

  /// The whole numbers from `low` to `high`, neither negative, in decimal digits.
  private static func naturals(_ low: Int, _ high: Int) -> Expression {
    var alternatives: [Expression] = []
    var power = 1
    while power <= high {
      let (from, to) = (max(low, power == 1 ? 0 : power), min(high, power * 10 - 1))
      if from <= to {
        alternatives.append(digits(Array(String(from).unicodeScalars)[...], Array(String(to).unicodeScalars)[...]))
      }
      power *= 10
    }
    if high == 0 { alternatives.append(.text("0")) }
    return .choice(alternatives)
  }

  /// Texts of as many digits as the bounds have, from one to the other.
  private static func digits(_ low: ArraySlice<Unicode.Scalar>, _ high: ArraySlice<Unicode.Scalar>) -> Expression {
    guard let first = low.first, let last = high.first else { return .empty }
    let (lowRest, highRest) = (low.dropFirst(), high.dropFirst())
    let digit = Expression.scalars(ScalarSet(["0"..."9"]))
    if low.allSatisfy({ $0 == "0" }), high.allSatisfy({ $0 == "9" }) { return .repeated(digit, low.count, low.count) }
    if first == last { return .sequence([.scalars(ScalarSet(first)), digits(lowRest, highRest)]) }
    let zeros = Array(repeating: Unicode.Scalar("0"), count: lowRest.count)[...]
    let nines = Array(repeating: Unicode.Scalar("9"), count: lowRest.count)[...]
    var alternatives: [Expression] = [
      .sequence([.scalars(ScalarSet(first)), digits(lowRest, nines)]),
      .sequence([.scalars(ScalarSet(last)), digits(zeros, highRest)]),
    ]
    if first.value + 1 < last.value {
      let between = ScalarSet([first.value + 1...last.value - 1])
      alternatives.append(.sequence([.scalars(between), .repeated(digit, lowRest.count, lowRest.count)]))
    }
    return .choice(alternatives)
  }
}

extension ScalarSet {
  init(_ ranges: [ClosedRange<Unicode.Scalar>]) {
    self.init(ranges.map { $0.lowerBound.value...$0.upperBound.value })
  }
}
