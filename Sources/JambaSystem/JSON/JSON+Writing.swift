extension JSON {
  /// How a text is laid out.
  public enum Style: Sendable, Equatable {
    /// No spaces, one line.
    case compact
    /// `", "` and `": "` between values, one line: as Python's `json.dumps` prints.
    case spaced
    /// One member or element a line.
    case indented(Int)
  }

  /// The value as JSON text; strings stay as they are except where JSON wants an escape. Not-a-number and infinities,
  /// which JSON lacks, are written as Python writes them (`NaN`, `Infinity`).
  public func text(_ style: Style = .compact) -> String {
    var output = ""
    write(to: &output, style: style, depth: 0)
    return output
  }

  private func write(to output: inout String, style: Style, depth: Int) {
    switch self {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .number(let value): output += JSON.text(of: value)
    case .largeInteger(let digits): output += digits
    case .string(let value): JSON.quote(value, into: &output)
    case .array(let elements):
      JSON.list(elements, "[", "]", to: &output, style: style, depth: depth) { element, output in
        element.write(to: &output, style: style, depth: depth + 1)
      }
    case .object(let object):
      JSON.list(object.members, "{", "}", to: &output, style: style, depth: depth) { member, output in
        JSON.quote(member.key, into: &output)
        output += style == .compact ? ":" : ": "
        member.value.write(to: &output, style: style, depth: depth + 1)
      }
    }
  }

  private static func list<Element>(
    _ elements: some Sequence<Element>, _ open: String, _ close: String, to output: inout String, style: Style,
    depth: Int, write: (Element, inout String) -> Void
  ) {
    var isFirst = true
    output += open
    for element in elements {
      if !isFirst { output += style == .spaced ? ", " : "," }
      if case .indented(let width) = style {
        output += "\n" + String(repeating: " ", count: width * (depth + 1))
      }
      write(element, &output)
      isFirst = false
    }
    if case .indented(let width) = style, !isFirst {
      output += "\n" + String(repeating: " ", count: width * depth)
    }
    output += close
  }

  /// The shortest text that reads back as the same number, in Python's spelling.
  package static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    var text = String(describing: value)
    // Swift writes 1e+20 from 2^54 on, Python 1e+16 from 10^16 on; between them the digits agree.
    if let exponent = text.firstIndex(of: "e") {
      let magnitude = abs(value)
      if magnitude >= 1e-4, magnitude < 1e16 {
        text = value == value.rounded() ? "\(Int(value)).0" : text
      } else {
        var digits = text[text.index(after: exponent)...]
        let sign = digits.first == "-" ? "-" : "+"
        if digits.first == "-" || digits.first == "+" { digits.removeFirst() }
        var mantissa = String(text[..<exponent])
        if mantissa.hasSuffix(".0") { mantissa.removeLast(2) }
        text = mantissa + "e" + sign + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return text
  }

  private static func quote(_ string: String, into output: inout String) {
    output += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{08}": output += "\\b"
      case "\u{0C}": output += "\\f"
      case "\u{00}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }
}
