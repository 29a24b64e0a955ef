/// The filters of `value | name(arguments)`.
enum Filters {
  static let names: Set<String> = [
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat",
    "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list",
    "lower", "map", "max", "min", "pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "safe",
    "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate",
    "unique", "upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
  ]
}

extension Interpreter {
  func filter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    if let text = value.text { try scan(text.utf8.count) }
    if let result = try textFilter(name, value, arguments) { return result }
    if let result = try markupFilter(name, value, arguments) { return result }
    if let result = try numberFilter(name, value, arguments) { return result }
    if let result = try sequenceFilter(name, value, arguments) { return result }
    switch name {
    case "default", "d":
      let bound = try arguments.bind(name, ["default_value", "boolean"])
      let isMissing = value.isUndefined || (bound[1].isTrue(false) && !value.isTrue)
      return isMissing ? bound[0] ?? .string("") : value
    case "attr":
      guard let attribute = try arguments.bind(name, ["name"], required: 1)[0].text("attribute name") else {
        throw .runtime("attribute name must be string, not 'NoneType'")
      }
      if case .undefined(let undefined) = value { throw undefined.error }
      return try plainAttribute(attribute, of: value)
        ?? .undefined(Undefined("'\(value.objectName)' has no attribute '\(attribute)'"))
    case "tojson":
      let bound = try arguments.bind(name, ["ensure_ascii", "indent", "separators", "sort_keys"])
      return try string(JSONWriter.text(value, bound, self))
    case "map": return try map(value, arguments)
    case "select", "reject": return try select(value, arguments, keeps: name == "select", byAttribute: false)
    case "selectattr", "rejectattr":
      return try select(value, arguments, keeps: name == "selectattr", byAttribute: true)
    default: throw .runtime("No filter named '\(name)' found.")
    }
  }

  /// The path of an `attribute=` argument: names, and integers for what consists of digits.
  func path(_ attribute: Value?) throws(TemplateError) -> [Value] {
    guard let attribute = attribute.given else { return [] }
    guard let text = attribute.text else { return [attribute] }
    return PythonText.split(text, by: ".", limit: -1).map { part in
      if !part.isEmpty, part.unicodeScalars.allSatisfy(\.isASCIIDigit), let index = Int(part) { return .int(index) }
      return .string(part)
    }
  }

  /// Follows a path from an item.
  func follow(_ path: [Value], from item: Value, default fallback: Value? = nil) throws(TemplateError) -> Value {
    var value = item
    for part in path {
      value = try self.item(part, of: value)
      if let fallback, value.isUndefined { value = fallback }
    }
    return value
  }

  func ignoringCase(_ value: Value, _ caseSensitive: Bool) throws(TemplateError) -> Value {
    guard !caseSensitive, let text = value.text else { return value }
    return try string(PythonText.lower(text))
  }

  // MARK: Filters that apply others

  /// A generator over elements that are made when the first one is asked for, errors included.
  func lazily(_ value: Value, _ make: @escaping () throws(TemplateError) -> [Value]) throws(TemplateError) -> Value {
    try allocate(128)
    let depth = try Value.depth(around: [value]) + 1
    var elements: [Value]?
    var index = 0
    return .cursor(
      try Value.Cursor("generator", depth: depth) { () throws(TemplateError) -> Value? in
        let all: [Value]
        if let elements { all = elements } else { all = try make() }
        elements = all
        guard index < all.count else { return nil }
        defer { index += 1 }
        return all[index]
      })
  }

  /// A generator over what `step` makes of a value's elements; nil from it leaves an element out.
  func generate(
    _ value: Value, holding others: [Value] = [], _ step: @escaping (Value) throws(TemplateError) -> Value?
  ) throws(TemplateError) -> Value {
    guard value.isTrue else { return .cursor(try cursor(over: [], "generator", depth: 1)) }
    // As in the reference, nothing happens, errors included, before the first element is asked for.
    var source: Value.Cursor?
    try allocate(128)
    let depth = try Value.depth(around: [value] + others)
    return .cursor(
      try Value.Cursor("generator", depth: depth) { [self] () throws(TemplateError) -> Value? in
        try deeper { () throws(TemplateError) -> Value? in
          let cursor: Value.Cursor
          if let source { cursor = source } else { cursor = try iterate(value) }
          source = cursor
          while let item = try cursor.next() {
            try spend()
            if let result = try step(item) { return result }
          }
          return nil
        }
      })
  }

  private func map(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    var rest = arguments
    guard !arguments.positional.isEmpty else {
      guard let index = rest.named.firstIndex(where: { $0.name == "attribute" }) else {
        return try generate(value) { _ throws(TemplateError) in throw .runtime("map requires a filter argument") }
      }
      let path = try path(rest.named.remove(at: index).value)
      let fallback = rest.named.firstIndex { $0.name == "default" }.map { rest.named.remove(at: $0).value }.given
      if let extra = rest.named.first {
        throw .runtime("Unexpected keyword argument '\(extra.name)'")
      }
      return try generate(value, holding: path + [fallback ?? .none]) { [self] item throws(TemplateError) in
        try follow(path, from: item, default: fallback)
      }
    }
    let name = rest.positional.removeFirst()
    let held = [name] + rest.positional + rest.named.map(\.value)
    return try generate(value, holding: held) { [self] item throws(TemplateError) in
      guard let name = name.text else { throw .runtime("No filter named \(try representation(of: name)).") }
      guard Filters.names.contains(name) else { throw .runtime("No filter named '\(name)'.") }
      return try filter(name, item, rest)
    }
  }

  private func select(
    _ value: Value, _ arguments: Arguments, keeps: Bool, byAttribute: Bool
  ) throws(TemplateError) -> Value {
    var rest = arguments
    var path: [Value] = []
    if byAttribute {
      guard !rest.positional.isEmpty else {
        return try generate(value) { _ throws(TemplateError) in
          throw .runtime("Missing parameter for attribute name")
        }
      }
      path = try self.path(rest.positional.removeFirst())
    }
    let name = rest.positional.isEmpty ? nil : rest.positional.removeFirst()
    let held = path + [name ?? .none] + rest.positional + rest.named.map(\.value)
    return try generate(value, holding: held) { [self, path] item throws(TemplateError) in
      let subject = try follow(path, from: item)
      guard let name else { return subject.isTrue == keeps ? item : nil }
      guard let test = name.text, BuiltinTests.names.contains(test) else {
        throw .runtime("No test named \(try representation(of: name)).")
      }
      return try self.test(test, subject, rest) == keeps ? item : nil
    }
  }
}
