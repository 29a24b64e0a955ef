/// Finds addresses in a text and makes links of them, as the filter `urlize` does.
struct HTMLLinks {
  var rel = ""
  var target: String?
  /// The most characters of an address that are shown.
  var limit: Int?
  /// More schemes that begin an address, such as `tel:`.
  var schemes: [String] = []

  /// - Parameter text: escaped for HTML.
  func linked(_ text: String) -> String {
    var result = ""
    var word: [Unicode.Scalar] = []
    func finish() {
      if !word.isEmpty { result += linkedWord(word) }
      word = []
    }
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace {
        finish()
        result.unicodeScalars.append(scalar)
      } else {
        word.append(scalar)
      }
    }
    finish()
    return result
  }

  private func linkedWord(_ word: [Unicode.Scalar]) -> String {
    var (head, middle, tail) = ("", String(word), "")
    var opening = 0
    // Brackets before the address, and quotation marks.
    while let found = ["&lt;", "(", "<"].first(where: { middle.utf8.starts(with: $0.utf8) }) {
      head += found
      middle = PythonText.string(Array(middle.utf8.dropFirst(found.utf8.count)))
      opening += 1
    }
    // Closing marks that the address does not open.
    while let found = [")", ">", ".", ",", "\n", "&gt;"].first(where: { HTMLLinks.ends(middle, with: $0) }) {
      tail = found + tail
      middle = PythonText.string(Array(middle.utf8.dropLast(found.utf8.count)))
    }
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
      let opened = PythonText.split(middle, by: open, limit: -1).count - 1
      guard opened > PythonText.split(middle, by: close, limit: -1).count - 1 else { continue }
      for _ in 0..<min(opened, PythonText.split(tail, by: close, limit: -1).count - 1) {
        let parts = PythonText.split(tail, by: close, limit: 1)
        middle += parts[0] + close
        tail = parts[1]
      }
    }
    return head + link(middle) + tail
  }

  private static func ends(_ text: String, with suffix: String) -> Bool {
    text.utf8.count >= suffix.utf8.count && text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  private func link(_ middle: String) -> String {
    let relation = rel.isEmpty ? "" : " rel=\"\(PythonText.escapedForHTML(rel))\""
    let frame = target.map { " target=\"\(PythonText.escapedForHTML($0))\"" } ?? ""
    if WebAddress.isWeb(middle) {
      let isWhole = middle.hasPrefix("https://") || middle.hasPrefix("http://")
      return "<a href=\"\(isWhole ? "" : "https://")\(middle)\"\(relation)\(frame)>\(shown(middle))</a>"
    }
    if middle.hasPrefix("mailto:"), WebAddress.isMail(String(middle.dropFirst(7))) {
      return "<a href=\"\(middle)\">\(middle.dropFirst(7))</a>"
    }
    if middle.utf8.contains(UInt8(ascii: "@")), !middle.hasPrefix("www."),
      !middle.dropFirst().contains(":"), WebAddress.isMail(middle)
    {
      return "<a href=\"mailto:\(middle)\">\(middle)</a>"
    }
    for scheme in schemes where middle != scheme && middle.hasPrefix(scheme) {
      return "<a href=\"\(middle)\"\(relation)\(frame)>\(middle)</a>"
    }
    return middle
  }

  private func shown(_ address: String) -> String {
    guard let limit, address.unicodeScalars.count > limit else { return address }
    return String(address.unicodeScalars.prefix(max(0, limit))) + "..."
  }
}

/// What passes for an address.
enum WebAddress {
  /// `http://…`, `https://…`, `www.…`, or a name under one of the oldest domains.
  static func isWeb(_ text: String) -> Bool {
    var rest = Array(text.unicodeScalars)[...]
    let hasScheme = dropScheme(&rest)
    let isWWW = !hasScheme && drop("www.", &rest)
    var host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let path = rest.dropFirst(host.count)
    guard path.allSatisfy({ !$0.isPythonSpace }) else { return false }
    if host.first == "[" {
      guard hasScheme, let end = host.firstIndex(of: "]") else { return false }
      let inside = host[(host.startIndex + 1)..<end]
      let parts = inside.split(separator: ":", omittingEmptySubsequences: false)
      return isPort(host[(end + 1)...]) && 3...9 ~= parts.count
        && parts.allSatisfy { $0.count <= 4 && $0.allSatisfy { ($0.asciiDigitValue ?? 99) < 16 } }
    }
    if let colon = host.firstIndex(of: ":") {
      guard isPort(host[colon...]) else { return false }
      host = host[..<colon]
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard let top = labels.last, labels.allSatisfy({ !$0.isEmpty }) else { return false }
    func isLabel(_ label: ArraySlice<Unicode.Scalar>) -> Bool { label.allSatisfy { isWord($0) || $0 == "%" || $0 == "-" } }
    if hasScheme, labels.count == 4,
      labels.allSatisfy({ 1...3 ~= $0.count && $0.allSatisfy { $0.properties.numericType == .decimal } })
    {
      return true
    }
    guard labels.dropLast().allSatisfy(isLabel) else { return false }
    if hasScheme || isWWW {
      let lower = PythonText.lower(String(top))
      if lower.hasPrefix("xn--") { return 2...59 ~= top.count - 4 && top.dropFirst(4).allSatisfy { isWord($0) || $0 == "%" } }
      return 2...63 ~= top.count && lower.unicodeScalars.allSatisfy { "a"..."z" ~= $0 }
    }
    return labels.count > 1 && labels.dropLast().allSatisfy { 2...63 ~= $0.count }
      && ["com", "net", "int", "edu", "gov", "org", "info", "mil"].contains(PythonText.lower(String(top)))
  }

  /// `name@domain.tld`
  static func isMail(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard let at = scalars.lastIndex(of: "@"), at > 0, scalars.allSatisfy({ !$0.isPythonSpace }) else { return false }
    let domain = scalars[(at + 1)...]
    guard let dot = domain.lastIndex(of: "."), dot > domain.startIndex, dot + 1 < domain.endIndex,
      let first = domain.first, isWord(first)
    else { return false }
    return domain[..<dot].allSatisfy { isWord($0) || $0 == "." || $0 == "-" } && domain[(dot + 1)...].allSatisfy(isWord)
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.isPythonAlphanumeric }

  private static func isPort(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
    text.isEmpty || text.first == ":" && 1...5 ~= text.count - 1
      && text.dropFirst().allSatisfy { $0.properties.numericType == .decimal }
  }

  private static func drop(_ prefix: String, _ text: inout ArraySlice<Unicode.Scalar>) -> Bool {
    let head = PythonText.lower(String(text.prefix(prefix.utf8.count)))
    guard head == prefix else { return false }
    text = text.dropFirst(prefix.utf8.count)
    return true
  }

  private static func dropScheme(_ text: inout ArraySlice<Unicode.Scalar>) -> Bool {
    drop("https://", &text) || drop("http://", &text)
  }
}
