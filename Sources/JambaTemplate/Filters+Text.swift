/// Filters that make text.
extension Interpreter {
  func textFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "string":
      _ = try arguments.bind(name, [])
      return if case .markup = value { value } else { try string(text(of: value)) }
    case "upper", "lower", "capitalize":
      _ = try arguments.bind(name, [])
      return try marked(callText(name, text(of: value), Arguments()).text ?? "", as: value)
    case "title":
      _ = try arguments.bind(name, [])
      return try string(titled(text(of: value)))
    case "trim":
      let characters = try arguments.bind(name, ["chars"])[0].text("chars")
      return try marked(PythonText.strip(text(of: value), characters), as: value)
    case "center":
      let width = try arguments.bind(name, ["width"])[0] ?? .int(80)
      return try marked(callText("center", text(of: value), Arguments(positional: [width])).text ?? "", as: value)
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
      let format = try text(of: value)
      if case .markup = value { return .markup(try percentFormat(format, values, escapes: true)) }
      return try string(percentFormat(format, values))
    case "pprint":
      _ = try arguments.bind(name, [])
      return try string(PrettyPrinter.text(value, self))
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
    case "wordwrap":
      let bound = try arguments.bind(name, ["width", "break_long_words", "wrapstring", "break_on_hyphens"])
      let wrap = WordWrap(
        width: try bound[0].integer(79), breaksLongWords: bound[1].isTrue(true), breaksOnHyphens: bound[3].isTrue(true))
      if case .undefined(let undefined) = value { throw undefined.error }
      guard let text = value.text else { throw .runtime("'\(value.typeName)' object has no attribute 'splitlines'") }
      let lines = PythonText.splitLines(text, keepEnds: false)
      guard wrap.width > 0 || lines.isEmpty else { throw .runtime("invalid width \(wrap.width) (must be > 0)") }
      try allocate(text.utf8.count * 2)
      let separator = try bound[2].text("wrapstring") ?? "\n"
      return try joined(lines.map { wrap.lines(of: $0).joined(separator: separator) }, separator)
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
      indention = " ".repeated(width)
    }
    try allocate(text.utf8.count)
    var lines = PythonText.splitLines(text + "\n", keepEnds: false)
    let indentsBlank = bound[2].isTrue(false)
    for index in lines.indices.dropFirst() where indentsBlank || !lines[index].isEmpty {
      try allocate(indention.utf8.count + lines[index].utf8.count)
      lines[index] = indention + lines[index]
    }
    let result = try joined(lines, "\n").text ?? ""
    return try marked(bound[1].isTrue(false) ? indention + result : result, as: value)
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
    var head = String(scalars[..<(length - endCount)])
    if !bound[1].isTrue(false) { head = PythonText.splitFromRight(head, by: " ", limit: 1)[0] }
    guard case .markup = value else { return try string(head + end) }
    return try marked(head + escaped(bound[2] ?? .string(end)), as: value)
  }

  private func urlEncoded(_ value: Value) throws(TemplateError) -> String {
    if let text = value.text { return try Self.percentEncoded(text, isQuery: false, self) }
    switch value {
    case .none, .bool, .int, .big, .float: return try Self.percentEncoded(text(of: value), isQuery: false, self)
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
