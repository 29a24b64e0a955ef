/// Thoughts as the `encrypted_content` of a reasoning item: a text that clients carry along without looking into it, so that
/// a conversation which is not stored keeps its thoughts. There is nothing in it to hide from them: it is Base64 and no cipher.
package enum SealedThoughts {
  private static let mark = "thoughts."
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  package static func seal(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var sealed = Array(mark.utf8)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * (3 - UInt32(group.count)))
      bits <<= 8
      for place in 0..<4 {
        sealed.append(place <= group.count ? digits[Int(bits >> 26)] : UInt8(ascii: "="))
        bits <<= 6
      }
    }
    return String(decoding: sealed, as: UTF8.self)
  }

  /// nil for what another server has sealed.
  package static func open(_ text: String) -> String? {
    guard text.hasPrefix(mark) else { return nil }
    var bytes: [UInt8] = []
    var bits = UInt32(0)
    var count = 0
    for digit in text.utf8.dropFirst(mark.utf8.count) where digit != UInt8(ascii: "=") {
      guard let value = value(of: digit) else { return nil }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
