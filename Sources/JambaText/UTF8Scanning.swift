/// Scalars of valid UTF-8: every text here comes out of a `String`, and is cut at scalar boundaries only.
extension ArraySlice<UInt8> {
  /// The scalar that begins at `position`, and the position behind it.
  package func scalar(at position: Int) -> (scalar: UInt32, end: Int) {
    let lead = UInt32(self[position])
    if lead < 0x80 { return (lead, position + 1) }
    let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    var scalar = lead & (0x7F >> UInt32(length))
    for offset in 1..<length { scalar = scalar << 6 | UInt32(self[position + offset]) & 0x3F }
    return (scalar, position + length)
  }

  /// The scalar that ends just before `position`, and the position where it begins.
  package func scalar(before position: Int) -> (scalar: UInt32, start: Int) {
    var start = position - 1
    while self[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(at: start).scalar, start)
  }

  package func hasPrefix(_ prefix: [UInt8], at position: Int) -> Bool {
    guard endIndex - position >= prefix.count else { return false }
    for offset in prefix.indices where self[position + offset] != prefix[offset] { return false }
    return true
  }
}

/// The classes of the reference's regular expressions `\s` and `\w`.
enum ScalarClass {
  static func isSpace(_ value: UInt32) -> Bool {
    Unicode.Scalar(value)?.properties.isWhitespace ?? false
  }

  /// Unicode's `\w` (UTS #18): letters, marks, decimal digits, connectors and the two joiners.
  static func isWord(_ value: UInt32) -> Bool {
    guard let properties = Unicode.Scalar(value)?.properties else { return false }
    if properties.isAlphabetic || properties.isJoinControl { return true }
    return switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
    default: false
    }
  }
}
