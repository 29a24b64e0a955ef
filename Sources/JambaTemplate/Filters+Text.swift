/// Filters that make text.
extension Interpreter {
  func textFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "string":
      _ = try arguments.bind(name, [])
      return if case .markup = value { value } else { try string(text(of: value)) }
    case "upper", "lower", "capitalize":
      _ = try arguments.bind(name, [])
      return try callText(name, text(of: value), Arguments())
    case "title":
      _ = try arguments.bind(name, [])
      return try string(titled(text(of: value)))
    case "trim":
      let characters = try arguments.bind(name, ["chars"])[0].text("chars")
      return try string(PythonText.strip(text(of: value), characters))
    case "center":
      let width = try arguments.bind(name, ["width"])[0] ?? .int(80)
      return try callText("center", text(of: value), Arguments(positional: [width]))
    case "replace":
      let bound = try arguments.bind(name, ["old", "new", "count"], required: 2)
      return try replace(
        text(of: value),
        [
          .string(text(of: bound[0] ?? .none)), .string(text(of: bound[1] ?? .none)), bound[2].given,
        ])
    case "format":
      guard arguments.positional.isEmpty || arguments.named.isEmpty else {
        throw .runtime("can't handle positional and keyword arguments at the same time")
      }
      let values: Value
      if arguments.named.isEmpty {
        values = try tuple(arguments.positional)
      } else {
        values = .dict(try Globals.dictionary(arguments, self))
      }
      return try string(percentFormat(text(of: value), values))
    case "indent": return try indent(value, arguments)
    case "truncate": return try truncate(value, arguments)
    case "wordcount":
      _ = try arguments.bind(name, [])
      var count = 0
      var inWord = false
      for scalar in try text(of: value).unicodeScalars {
        let isWord = scalar == "_" || scalar.isPythonAlphanumeric
        if isWord, !inWord { count += 1 }
        inWord = isWord
      }
      return .int(count)
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
    case "urlencode":
      _ = try arguments.bind(name, [])
      return try string(urlEncoded(value))
    default: return nil
    }
  }

  /// Words begin after white space and after any of `-({[<`.
  private func titled(_ text: String) throws(TemplateError) -> String {
    try allocate(text.utf8.count)
    var result = ""
    var word: [Unicode.Scalar] = []
    func finish() {
      guard let first = word.first else { return }
      result += PythonText.upper(String(first)) + PythonText.lower(String(word.dropFirst()))
      word = []
    }
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        finish()
        result.unicodeScalars.append(scalar)
      } else {
        word.append(scalar)
      }
    }
    finish()
    return result
  }

  private func indent(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("indent", ["width", "first", "blank"])
    if case .undefined(let undefined) = value { throw undefined.error }
    guard let text = value.text else {
      throw .runtime("unsupported operand type(s) for +=: '\(value.typeName)' and 'str'")
    }
    let indention: String
    if let given = bound[0]?.text {
      indention = given
    } else {
      let width = max(0, try bound[0].integer(4))
      try allocate(width)
      indention = String(repeating: " ", count: width)
    }
    try allocate(text.utf8.count)
    var lines = PythonText.splitLines(text + "\n", keepEnds: false)
    let indentsBlank = bound[2].isTrue(false)
    for index in lines.indices.dropFirst() where indentsBlank || !lines[index].isEmpty {
      try allocate(indention.utf8.count + lines[index].utf8.count)
      lines[index] = indention + lines[index]
    }
    let result = try joined(lines, "\n").text ?? ""
    return try string(bound[1].isTrue(false) ? indention + result : result)
  }

  private func truncate(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("truncate", ["length", "killwords", "end", "leeway"])
    let length = try bound[0].integer(255)
    let end = try bound[2].text("end") ?? "..."
    let leeway = try bound[3].given.integer(5)
    let endCount = end.unicodeScalars.count
    guard length >= endCount else { throw .runtime("expected length >= \(endCount), got \(length)") }
    guard leeway >= 0 else { throw .runtime("expected leeway >= 0, got \(leeway)") }
    guard let text = value.text else {
      guard try self.length(of: value) > length.addingReportingOverflow(leeway).partialValue else { return value }
      throw .runtime("truncate wants a string, not \(value.typeName)")
    }
    let scalars = Array(text.unicodeScalars)
    let (longest, overflow) = length.addingReportingOverflow(leeway)
    guard !overflow, scalars.count > longest else { return value }
    let head = String(scalars[..<(length - endCount)])
    if bound[1].isTrue(false) { return try string(head + end) }
    return try string(PythonText.splitFromRight(head, by: " ", limit: 1)[0] + end)
  }

  private func strippedOfTags(_ text: String) throws(TemplateError) -> String {
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
    return Self.unescaped(words)
  }

  /// The entities that `escape` writes, and numbers, as characters again.
  private static func unescaped(_ text: String) -> String {
    let named = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}"]
    let pieces = PythonText.split(text, by: "&", limit: -1)
    var result = pieces[0]
    for piece in pieces.dropFirst() {
      let parts = PythonText.split(piece, by: ";", limit: 1)
      var decoded = named[parts[0]]
      if decoded == nil, parts[0].hasPrefix("#") {
        let digits = parts[0].dropFirst()
        let isHex = digits.hasPrefix("x") || digits.hasPrefix("X")
        let code = isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        decoded = code.flatMap(Unicode.Scalar.init).map { String($0) }
      }
      if let decoded, parts.count == 2 { result += decoded + parts[1] } else { result += "&" + piece }
    }
    return result
  }

  private func urlEncoded(_ value: Value) throws(TemplateError) -> String {
    if let text = value.text { return try Self.percentEncoded(text, isQuery: false, self) }
    switch value {
    case .none, .bool, .int, .float: return try Self.percentEncoded(text(of: value), isQuery: false, self)
    default: break
    }
    var pairs = value
    if case .dict(let dictionary) = value { pairs = .view(dictionary, .items) }
    var parts: [String] = []
    for pair in try elements(of: pairs) {
      let pair = try elements(of: pair)
      guard pair.count == 2 else { throw .runtime("urlencode wants pairs") }
      parts.append(
        try Self.percentEncoded(text(of: pair[0]), isQuery: true, self) + "="
          + Self.percentEncoded(text(of: pair[1]), isQuery: true, self))
    }
    return parts.joined(separator: "&")
  }

  private static func percentEncoded(
    _ text: String, isQuery: Bool, _ interpreter: Interpreter
  ) throws(TemplateError) -> String {
    try interpreter.allocate(text.utf8.count * 3)
    let hexadecimal = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      case UInt8(ascii: "/") where !isQuery: bytes.append(byte)
      case UInt8(ascii: " ") where isQuery: bytes.append(UInt8(ascii: "+"))
      default: bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
      }
    }
    return PythonText.string(bytes)
  }
}
