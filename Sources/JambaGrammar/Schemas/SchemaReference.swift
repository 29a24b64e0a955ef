/// URIs as far as references between schemas need them (RFC 3986, 5.2).
enum SchemaReference {
  /// A reference without and with its fragment; nil where there is none.
  static func parts(_ reference: String) -> (address: String, fragment: String?) {
    guard let hash = reference.utf8.firstIndex(of: UInt8(ascii: "#")) else { return (reference, nil) }
    return (String(reference[..<hash]), String(reference[reference.utf8.index(after: hash)...]))
  }

  /// An address, as one that stands at `base` means it.
  static func resolved(_ address: String, against base: String) -> String {
    if address.isEmpty { return base }
    if hasScheme(address) || base.isEmpty { return address }
    let scheme = String(base.prefix { $0 != ":" }) + ":"
    if address.hasPrefix("//") { return (hasScheme(base) ? scheme : "") + address }
    // The place in `base` where its path begins.
    var root = base.startIndex
    if hasScheme(base) { root = base.index(after: base.firstIndex(of: ":")!) }
    if base[root...].hasPrefix("//") {
      root = base[root...].dropFirst(2).firstIndex(of: "/") ?? base.endIndex
    }
    if address.hasPrefix("/") { return base[..<root] + address }
    let folder = base[root...].lastIndex(of: "/").map { base[root...$0] } ?? base[root..<root]
    return base[..<root] + withoutDots(String(folder) + address)
  }

  private static func hasScheme(_ address: String) -> Bool {
    guard let colon = address.firstIndex(of: ":"), colon != address.startIndex else { return false }
    return address[..<colon].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+.-".contains($0)) }
  }

  private static func withoutDots(_ path: String) -> String {
    var kept: [Substring] = []
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      if part == ".." {
        if kept.count > 1 { kept.removeLast() }
      } else if part != "." {
        kept.append(part)
      }
    }
    return kept.joined(separator: "/")
  }

  /// A fragment without its percent signs; nil where they spell no text.
  static func decoded(_ fragment: String) -> String? {
    var bytes: [UInt8] = []
    var rest = fragment.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// A member's name within a JSON pointer, and back.
  static func escaped(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  static func unescaped(_ part: Substring) -> String {
    var text = ""
    var rest = part.unicodeScalars[...]
    while let first = rest.popFirst() {
      if first == "~", let second = rest.first, second == "0" || second == "1" {
        rest.removeFirst()
        text += second == "1" ? "/" : "~"
      } else {
        text.unicodeScalars.append(first)
      }
    }
    return text
  }
}
