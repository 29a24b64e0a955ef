/// `format.format(…)`, with the sandbox's rules for attributes.
extension Interpreter {
  /// - Parameter escapes: what is put into a format that is marked safe is escaped.
  func braceFormat(_ format: String, _ arguments: Arguments, escapes: Bool = false) throws(TemplateError) -> String {
    try scan(format.utf8.count)
    var automatic = 0
    return try braceFormat(format, arguments, &automatic, depth: 2, escapes)
  }

  private func braceFormat(
    _ format: String, _ arguments: Arguments, _ automatic: inout Int, depth: Int, _ escapes: Bool
  ) throws(TemplateError) -> String {
    guard depth >= 0 else { throw .runtime("Max string recursion exceeded") }
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      if scalar == "{" || scalar == "}", scalars.first == scalar {
        scalars.removeFirst()
        result.unicodeScalars.append(scalar)
        continue
      }
      guard scalar == "{" else {
        guard scalar != "}" else { throw .runtime("Single '}' encountered in format string") }
        result.unicodeScalars.append(scalar)
        continue
      }
      var field = ""
      var level = 1
      while let next = scalars.popFirst() {
        if next == "{" { level += 1 }
        if next == "}" { level -= 1 }
        if level == 0 { break }
        field.unicodeScalars.append(next)
      }
      guard level == 0 else { throw .runtime("expected '}' before end of string") }
      result += try braceField(field, arguments, &automatic, depth: depth, escapes)
      try allocate(result.utf8.count)
    }
    return result
  }

  private func braceField(
    _ field: String, _ arguments: Arguments, _ automatic: inout Int, depth: Int, _ escapes: Bool
  ) throws(TemplateError) -> String {
    let scalars = Array(field.unicodeScalars)
    let nameEnd = scalars.firstIndex { $0 == "!" || $0 == ":" } ?? scalars.count
    var rest = scalars[nameEnd...]
    var conversion: Unicode.Scalar?
    if rest.first == "!" {
      rest = rest.dropFirst()
      conversion = rest.popFirst()
      guard rest.isEmpty || rest.first == ":" else { throw .runtime("expected ':' after conversion specifier") }
    }
    var value = try braceValue(scalars[..<nameEnd], arguments, &automatic)
    let spec = try braceFormat(String(rest.dropFirst()), arguments, &automatic, depth: depth - 1, escapes)
    switch conversion {
    case nil: break
    case "s": value = .string(try text(of: value))
    case "r": value = .string(try representation(of: value))
    case "a": value = .string(PythonText.ascii(try representation(of: value)))
    default: throw .runtime("Unknown conversion specifier")
    }
    guard escapes else { return try formatted(value, spec) }
    if case .markup(let text) = value {
      guard spec.isEmpty else { throw .runtime("Unsupported format specification for Markup.") }
      return text
    }
    return PythonText.escapedForHTML(try formatted(value, spec))
  }

  private func braceValue(
    _ path: ArraySlice<Unicode.Scalar>, _ arguments: Arguments, _ automatic: inout Int
  ) throws(TemplateError) -> Value {
    let nameEnd = path.firstIndex { $0 == "." || $0 == "[" } ?? path.endIndex
    let name = String(path[..<nameEnd])
    var value: Value
    let index = name.isEmpty ? automatic : Int(name)
    if let index {
      guard (name.isEmpty && automatic >= 0) || (!name.isEmpty && automatic <= 0) else {
        throw .runtime("cannot mix manual field specification with automatic field numbering")
      }
      automatic = name.isEmpty ? automatic + 1 : -1
      guard arguments.positional.indices.contains(index) else {
        throw .runtime("Replacement index \(index) out of range for positional args tuple")
      }
      value = arguments.positional[index]
    } else {
      guard let found = arguments.named.first(where: { PythonText.equal($0.name, name) }) else {
        throw .runtime("KeyError: \(PythonText.quoted(name))")
      }
      value = found.value
    }
    var rest = path[nameEnd...]
    while let mark = rest.popFirst() {
      if mark == "." {
        let attribute = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest[attribute.endIndex...]
        value = try self.attribute(String(attribute), of: value)
      } else {
        let key = rest.prefix { $0 != "]" }
        rest = rest[key.endIndex...].dropFirst()
        let text = String(key)
        value = try item(Int(text).map { .int($0) } ?? .string(text), of: value)
      }
    }
    return value
  }

  /// `format(value, spec)`
  private func formatted(_ value: Value, _ spec: String) throws(TemplateError) -> String {
    if spec.isEmpty { return try text(of: value) }
    var format = NumberFormat()
    var scalars = spec.unicodeScalars[...]
    let aligns = "<>=^".unicodeScalars
    if let second = scalars.dropFirst().first, aligns.contains(second), let first = scalars.first {
      format.fill = first
      format.align = second
      scalars = scalars.dropFirst(2)
    } else if let first = scalars.first, aligns.contains(first) {
      format.align = first
      scalars.removeFirst()
    }
    var hasSign = false
    if let first = scalars.first, "+- ".unicodeScalars.contains(first) {
      hasSign = true
      format.sign = first
      scalars.removeFirst()
    }
    if scalars.first == "#" {
      format.isAlternate = true
      scalars.removeFirst()
    }
    if scalars.first == "0" {
      scalars.removeFirst()
      if format.align == nil { format.padsWithZeros = true }
    }
    format.width = try Self.number(&scalars) ?? 0
    if let first = scalars.first, first == "," || first == "_" {
      format.grouping = first
      scalars.removeFirst()
    }
    if scalars.first == "." {
      scalars.removeFirst()
      guard let precision = try Self.number(&scalars) else { throw .runtime("Format specifier missing precision") }
      format.precision = precision
    }
    format.kind = scalars.popFirst()
    guard scalars.isEmpty else { throw .runtime("Invalid format specifier") }
    let unknown = TemplateError.runtime(
      "Unknown format code '\(format.kind.map { String($0) } ?? "")' for object of type '\(value.typeName)'")
    switch value {
    case .string(let text), .markup(let text):
      guard format.kind == nil || format.kind == "s" else { throw unknown }
      guard format.grouping == nil else { throw .runtime("Cannot specify ',' with 's'.") }
      guard !hasSign else { throw .runtime("Sign not allowed in string format specifier") }
      guard format.align != "=" else { throw .runtime("'=' alignment not allowed in string format specifier") }
      if format.padsWithZeros { format.fill = "0" }
      let shown = format.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
      return try format.aligned(shown, self)
    case .int, .big, .bool:
      guard let integer = value.whole else { throw unknown }
      switch format.kind {
      case nil where format.precision == nil, "d", "n", "x", "X", "o", "b": return try format.formatted(integer, self)
      case "c":
        guard let scalar = integer.int.flatMap({ UInt32(exactly: $0) }).flatMap(Unicode.Scalar.init) else { throw unknown }
        return try format.aligned(String(scalar), self)
      case "e", "E", "f", "F", "g", "G", "%": 
        guard integer.double.isFinite else { throw tooLarge }
        return try format.formatted(integer.double, self)
      default: throw unknown
      }
    case .float(let number):
      guard format.kind == nil || "eEfFgGn%".unicodeScalars.contains(format.kind ?? " ") else { throw unknown }
      return try format.formatted(number, self)
    default: throw .runtime("unsupported format string passed to \(value.typeName).__format__")
    }
  }
}
