/// The methods of a string that is marked safe: results are marked, too, and what is put into it is escaped.
extension Interpreter {
  func callMarkup(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    var arguments = arguments
    /// Escapes a positional argument.
    func escape(_ index: Int) throws(TemplateError) {
      guard arguments.positional.indices.contains(index) else { return }
      arguments.positional[index] = .string(try escaped(arguments.positional[index]))
    }
    switch name {
    case "unescape":
      _ = try arguments.bind(name, [])
      return try string(HTMLText.unescaped(text))
    case "striptags":
      _ = try arguments.bind(name, [])
      return try string(strippedOfTags(text))
    case "escape":
      return .markup(try escaped(arguments.bind(name, ["s"], required: 1)[0] ?? .none))
    case "format": return .markup(try braceFormat(text, arguments, escapes: true))
    case "format_map":
      let named = try mapping(arguments)
      return .markup(try braceFormat(text, named, escapes: true))
    case "replace", "ljust", "rjust", "center": try escape(1)
    case "join":
      var pieces: [Value] = []
      for item in try elements(of: arguments.bind(name, ["iterable"], required: 1)[0] ?? .none) {
        pieces.append(.string(try escaped(item)))
      }
      arguments.positional = [try list(pieces)]
    default: break
    }
    return try marked(callText(name, text, arguments))
  }

  /// A value as text that is safe in HTML.
  func escaped(_ value: Value) throws(TemplateError) -> String {
    if case .markup(let text) = value { return text }
    let text = PythonText.escapedForHTML(try text(of: value))
    try allocate(text.utf8.count)
    return text
  }

  /// Strings of a method's result, marked safe.
  private func marked(_ value: Value) throws(TemplateError) -> Value {
    switch value {
    case .string(let text): return .markup(text)
    case .list(let sequence), .tuple(let sequence):
      var elements: [Value] = []
      for element in sequence.elements { elements.append(try marked(element)) }
      return if case .list = value { try list(elements) } else { try tuple(elements) }
    default: return value
    }
  }

  /// A text marked safe where the value is: for filters that call a string's own methods.
  func marked(_ text: String, as value: Value) throws(TemplateError) -> Value {
    try allocate(text.utf8.count)
    return if case .markup = value { .markup(text) } else { .string(text) }
  }

  /// The members of `format_map(mapping)` as named arguments.
  func mapping(_ arguments: Arguments) throws(TemplateError) -> Arguments {
    let value = try arguments.bind("format_map", ["mapping"], required: 1)[0] ?? .none
    guard case .dict(let dictionary) = value else { throw .runtime("'\(value.typeName)' object is not a mapping") }
    var named = Arguments()
    for (key, value) in zip(dictionary.keys, dictionary.values) {
      if let name = key.text { named.named.append((name, value)) }
    }
    return named
  }
}
