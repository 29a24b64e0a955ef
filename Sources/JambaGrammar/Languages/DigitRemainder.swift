/// What is left of a decimal number, read digit by digit, when it is divided: the state of a test for multiples of
/// `modulus` / 10^`places`.
struct DigitRemainder: Hashable {
  let modulus: Int
  let places: Int
  private var remainder = 0
  /// Digits behind the point; −1 before it.
  private var decimals = -1

  static let largestModulus = 4096

  init(modulus: Int, places: Int) {
    self.modulus = modulus
    self.places = places
  }

  /// Whether the digits so far are such a multiple.
  var isWhole: Bool {
    var remainder = remainder
    for _ in max(0, decimals)..<max(places, 0, decimals) { remainder = remainder * 10 % modulus }
    return remainder == 0
  }

  /// The state behind a digit or the point; nil where no multiple goes on so.
  func behind(_ value: UInt32) -> DigitRemainder? {
    var next = self
    if value == 0x2E {
      guard decimals < 0 else { return nil }
      next.decimals = 0
      return next
    }
    guard 0x30...0x39 ~= value else { return nil }
    let digit = Int(value) - 0x30
    if decimals >= places {
      return digit == 0 ? self : nil
    }
    if decimals >= 0 { next.decimals += 1 }
    next.remainder = (remainder * 10 + digit) % modulus
    return next
  }

  /// The scalars that it knows, each a set of its own.
  static let scalarSets = ([0x2E] + Array(0x30...0x39)).map { (value: UInt32) in ScalarSet([value...value]) }
}
