/// Filters that make or unmake HTML.
extension Interpreter {
  func markupFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "escape", "e", "forceescape":
      _ = try arguments.bind(name, [])
      if name != "forceescape", case .markup = value { return value }
      return .markup(try string(PythonText.escapedForHTML(text(of: value))).text ?? "")
    case "safe":
      _ = try arguments.bind(name, [])
      return .markup(try text(of: value))
    case "striptags":
      _ = try arguments.bind(name, [])
      return try string(strippedOfTags(text(of: value)))
    case "xmlattr": return try string(attributes(value, arguments))
    case "urlize": return try string(linked(value, arguments))
    default: return nil
    }
  }

  func strippedOfTags(_ text: String) throws(TemplateError) -> String {
    try allocate(text.utf8.count)
    var bytes = Array(text.utf8)
    for (open, close) in [("<!--", "-->"), ("<", ">")] {
      let (open, close) = (ByteSearch(open.utf8), ByteSearch(close.utf8))
      var kept: [UInt8] = []
      var position = 0
      while let start = open.first(in: bytes, from: position),
        let end = close.first(in: bytes, from: start)
      {
        kept += bytes[position..<start]
        position = end + close.count
      }
      kept += bytes[position...]
      bytes = kept
    }
    let words = PythonText.splitAtSpace(PythonText.string(bytes), limit: -1).joined(separator: " ")
    return HTMLText.unescaped(words)
  }

  /// `name="value"` of a mapping's members, none and undefined ones aside.
  private func attributes(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> String {
    let hasSpace = try arguments.bind("xmlattr", ["autospace"])[0].isTrue(true)
    guard case .dict(let dictionary) = value else {
      if case .undefined(let undefined) = value { throw undefined.error }
      throw .runtime("'\(value.typeName)' object has no attribute 'items'")
    }
    var parts: [String] = []
    for (key, value) in zip(dictionary.keys, dictionary.values) {
      if case .none = value { continue }
      if value.isUndefined { continue }
      guard let name = key.text else { throw .runtime("expected string or bytes-like object, got '\(key.typeName)'") }
      guard !name.unicodeScalars.contains(where: { $0 == "/" || $0 == ">" || $0 == "=" || isAttributeSpace($0) }) else {
        throw .runtime("Invalid character in attribute name: \(PythonText.quoted(name))")
      }
      parts.append("\(try escaped(key))=\"\(try escaped(value))\"")
    }
    let text = parts.joined(separator: " ")
    return hasSpace && !text.isEmpty ? " " + text : text
  }

  private func isAttributeSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || 0x09...0x0D ~= scalar.value }

  /// Addresses in a text as links.
  private func linked(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> String {
    let bound = try arguments.bind("urlize", ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"])
    var rel = Set(PythonText.splitAtSpace(try bound[3].text("rel") ?? "", limit: -1))
    if bound[1].isTrue(false) { rel.insert("nofollow") }
    rel.insert("noopener")
    var links = HTMLLinks()
    links.rel = rel.sorted(by: PythonText.less).joined(separator: " ")
    links.target = try bound[2].text("target")
    if let limit = bound[0].given { links.limit = try Optional(limit).integer(0) }
    if let schemes = bound[4].given {
      for scheme in try elements(of: schemes) { links.schemes.append(try text(of: scheme)) }
    }
    let text = try escaped(value)
    try spend(text.utf8.count)
    return links.linked(text)
  }
}
