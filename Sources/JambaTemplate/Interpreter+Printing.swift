/// Values as text: `str`, `repr` and JSON, as Python writes them.
extension Interpreter {
  /// `str(value)`
  func text(of value: Value) throws(TemplateError) -> String {
    if let text = value.text { return text }
    if case .undefined = value { return "" }
    return try representation(of: value)
  }

  /// The decimal digits of an integer, as many as Python prints.
  func text(of value: BigInteger) throws(TemplateError) -> String {
    try spend(value.limbs.count * value.limbs.count >> 4)
    let text = value.text()
    let count = text.utf8.count - (value.isNegative ? 1 : 0)
    guard count <= TemplateLimits.integerDigits else {
      throw .runtime("Exceeds the limit (\(TemplateLimits.integerDigits) digits) for integer string conversion")
    }
    return text
  }

  /// `repr(value)`
  func representation(of value: Value) throws(TemplateError) -> String {
    var result = ""
    try represent(value, into: &result, depth: 0)
    try allocate(result.utf8.count)
    return result
  }

  private func represent(_ value: Value, into result: inout String, depth: Int) throws(TemplateError) {
    try spend()
    guard depth < TemplateLimits.valueDepth else { throw .limit("values nested too deep to print") }
    switch value {
    case .undefined: result += "Undefined"
    case .none: result += "None"
    case .bool(let value): result += value ? "True" : "False"
    case .int(let value): result += String(value)
    case .big(let value): result += try text(of: value)
    case .float(let value): result += FloatText.representation(of: value)
    case .string(let text):
      try scan(text.utf8.count)
      result += PythonText.quoted(text)
    case .markup(let text): result += "Markup(" + PythonText.quoted(text) + ")"
    case .list(let sequence): try represent(sequence.elements, "[", "]", into: &result, depth: depth)
    case .tuple(let sequence):
      let close = sequence.elements.count == 1 ? ",)" : ")"
      try represent(sequence.elements, "(", close, into: &result, depth: depth)
    case .dict(let dictionary): try represent(dictionary, into: &result, depth: depth)
    case .range(let range):
      result += "range(\(range.start), \(range.stop)" + (range.step == 1 ? ")" : ", \(range.step))")
    case .view(_, let view):
      result += view.rawValue + "("
      try represent(elements(of: value), "[", "]", into: &result, depth: depth)
      result += ")"
    case .namespace(let namespace):
      result += "<Namespace "
      try represent(namespace.attributes, into: &result, depth: depth)
      result += ">"
    case .macro(let macro): result += macro.name.map { "<Macro '\($0)'>" } ?? "<Macro anonymous>"
    case .loop(let loop): result += "<LoopContext \(loop.index0 + 1)/\(try loop.length())>"
    case .cursor(let cursor): result += "<\(cursor.typeName) object>"
    case .function(let function): result += "<function \(function.rawValue)>"
    case .method(let method): result += "<built-in method \(method.name) of \(method.receiver.typeName) object>"
    case .cycler: result += "<jinja2.utils.Cycler object>"
    case .joiner: result += "<jinja2.utils.Joiner object>"
    case .template: result += "<TemplateReference None>"
    case .block(let block): result += "<BlockReference '\(block.name)'>"
    }
    guard result.utf8.count <= TemplateLimits.stringBytes else {
      throw .limit("a string of more than \(TemplateLimits.stringBytes) bytes")
    }
  }

  private func represent(
    _ elements: [Value], _ open: String, _ close: String, into result: inout String, depth: Int
  ) throws(TemplateError) {
    result += open
    var isFirst = true
    for element in elements {
      if !isFirst { result += ", " }
      isFirst = false
      try represent(element, into: &result, depth: depth + 1)
    }
    result += close
  }

  private func represent(
    _ dictionary: Value.Dictionary, into result: inout String, depth: Int
  ) throws(TemplateError) {
    result += "{"
    for index in 0..<dictionary.count {
      if index > 0 { result += ", " }
      try represent(dictionary.keys[index], into: &result, depth: depth + 1)
      result += ": "
      try represent(dictionary.values[index], into: &result, depth: depth + 1)
    }
    result += "}"
  }
}

/// `json.dumps(value, …)` with the arguments of the filter `tojson`.
struct JSONWriter {
  private let interpreter: Interpreter
  private let ensuresASCII: Bool
  private let indentation: String?
  private let itemSeparator: String
  private let keySeparator: String
  private let sortsKeys: Bool
  private var result = ""

  static func text(
    _ value: Value, _ arguments: [Value?], _ interpreter: Interpreter
  ) throws(TemplateError) -> String {
    var writer = try JSONWriter(arguments, interpreter)
    try writer.write(value, depth: 0)
    return writer.result
  }

  /// Arguments: ensure_ascii, indent, separators, sort_keys.
  private init(_ arguments: [Value?], _ interpreter: Interpreter) throws(TemplateError) {
    self.interpreter = interpreter
    ensuresASCII = arguments[0].isTrue(false)
    if let indent = arguments[1].given {
      if let text = indent.text {
        indentation = text
      } else {
        let width = max(0, try Optional(indent).integer(0))
        try interpreter.allocate(width)
        indentation = String(repeating: " ", count: width)
      }
    } else {
      indentation = nil
    }
    if let separators = arguments[2].given {
      let pair = try interpreter.elements(of: separators)
      guard pair.count == 2, let item = pair[0].text, let key = pair[1].text else {
        throw .runtime("separators must be two strings")
      }
      (itemSeparator, keySeparator) = (item, key)
    } else {
      (itemSeparator, keySeparator) = (indentation == nil ? ", " : ",", ": ")
    }
    sortsKeys = arguments[3].isTrue(false)
  }

  private mutating func append(_ text: String) throws(TemplateError) {
    result += text
    guard result.utf8.count <= TemplateLimits.stringBytes else {
      throw .limit("a string of more than \(TemplateLimits.stringBytes) bytes")
    }
  }

  private mutating func newLine(_ depth: Int) throws(TemplateError) {
    guard let indentation else { return }
    try append("\n")
    guard !indentation.isEmpty else { return }
    for _ in 0..<depth { try append(indentation) }
  }

  private mutating func write(_ value: Value, depth: Int) throws(TemplateError) {
    try interpreter.spend()
    switch value {
    case .none: try append("null")
    case .bool(let value): try append(value ? "true" : "false")
    case .int(let value): try append(String(value))
    case .big(let value): try append(interpreter.text(of: value))
    case .float(let value): try append(Self.text(of: value))
    case .string(let text), .markup(let text): try quote(text)
    case .list(let sequence), .tuple(let sequence):
      guard !sequence.elements.isEmpty else { return try append("[]") }
      try append("[")
      for (index, element) in sequence.elements.enumerated() {
        if index > 0 { try append(itemSeparator) }
        try newLine(depth + 1)
        try write(element, depth: depth + 1)
      }
      try newLine(depth)
      try append("]")
    case .dict(let dictionary): try write(dictionary, depth: depth)
    default: throw .runtime("Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private mutating func write(_ dictionary: Value.Dictionary, depth: Int) throws(TemplateError) {
    guard dictionary.count > 0 else { return try append("{}") }
    var pairs: [Value] = []
    for (key, value) in zip(dictionary.keys, dictionary.values) { pairs.append(try interpreter.tuple([key, value])) }
    if sortsKeys { pairs = try interpreter.sorted(pairs, by: dictionary.keys, reverse: false) }
    try append("{")
    for (index, pair) in pairs.enumerated() {
      guard case .tuple(let pair) = pair else { continue }
      if index > 0 { try append(itemSeparator) }
      try newLine(depth + 1)
      switch pair.elements[0] {
      case .string(let text), .markup(let text): try quote(text)
      case .none: try append("\"null\"")
      case .bool(let value): try append(value ? "\"true\"" : "\"false\"")
      case .int(let value): try append("\"\(value)\"")
      case .big(let value): try append("\"\(interpreter.text(of: value))\"")
      case .float(let value): try append("\"\(Self.text(of: value))\"")
      case let key: throw .runtime("keys must be str, int, float, bool or None, not \(key.typeName)")
      }
      try append(keySeparator)
      try write(pair.elements[1], depth: depth + 1)
    }
    try newLine(depth)
    try append("}")
  }

  private static func text(of value: Double) -> String {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : FloatText.representation(of: value)
  }

  private mutating func quote(_ text: String) throws(TemplateError) {
    try interpreter.spend(text.utf8.count >> 6)
    var quoted = String.UnicodeScalarView()
    quoted.append("\"")
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted.append(contentsOf: "\\\"".unicodeScalars)
      case "\\": quoted.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": quoted.append(contentsOf: "\\n".unicodeScalars)
      case "\r": quoted.append(contentsOf: "\\r".unicodeScalars)
      case "\t": quoted.append(contentsOf: "\\t".unicodeScalars)
      case "\u{08}": quoted.append(contentsOf: "\\b".unicodeScalars)
      case "\u{0C}": quoted.append(contentsOf: "\\f".unicodeScalars)
      case "\u{00}"..<"\u{20}": quoted.append(contentsOf: Self.escape(UInt16(scalar.value)).unicodeScalars)
      default:
        if ensuresASCII, scalar.value > 0x7E {
          for unit in String(scalar).utf16 { quoted.append(contentsOf: Self.escape(unit).unicodeScalars) }
        } else {
          quoted.append(scalar)
        }
      }
    }
    quoted.append("\"")
    try append(String(quoted))
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
