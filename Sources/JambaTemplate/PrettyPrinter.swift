/// Values as Python's `pprint.pformat` writes them: keys in order, lines of up to 80 characters where values can be broken.
struct PrettyPrinter {
  private let interpreter: Interpreter
  private var result = ""

  private static let width = 80

  static func text(_ value: Value, _ interpreter: Interpreter) throws(TemplateError) -> String {
    var printer = PrettyPrinter(interpreter: interpreter)
    try printer.print(printer.sorted(value), indent: 0, allowance: 0, level: 1)
    return printer.result
  }

  private init(interpreter: Interpreter) { self.interpreter = interpreter }

  /// The value with the keys of all its dictionaries in order.
  private func sorted(_ value: Value) throws(TemplateError) -> Value {
    try interpreter.spend()
    switch value {
    case .list(let sequence), .tuple(let sequence):
      var elements: [Value] = []
      for element in sequence.elements { elements.append(try sorted(element)) }
      return if case .list = value { try interpreter.list(elements) } else { try interpreter.tuple(elements) }
    case .dict(let dictionary):
      let order = Array(dictionary.keys.indices.map { Value.int($0) })
      let keys = dictionary.keys
      // Keys that do not compare are parted by their types' names.
      let areTexts = keys.allSatisfy { $0.text != nil } || keys.allSatisfy { $0.number != nil }
      let names = keys.map { Value.string($0.typeName) }
      let ordered = try interpreter.sorted(order, by: areTexts ? keys : names, reverse: false)
      let result = Value.Dictionary()
      for index in ordered.compactMap(\.integer) { try result.set(keys[index], sorted(dictionary.values[index])) }
      try interpreter.allocate(result.count * 96)
      return .dict(result)
    default: return value
    }
  }

  private mutating func write(_ text: String) throws(TemplateError) {
    try interpreter.allocate(text.utf8.count)
    result += text
  }

  private mutating func print(_ value: Value, indent: Int, allowance: Int, level: Int) throws(TemplateError) {
    let whole = try interpreter.representation(of: value)
    guard whole.unicodeScalars.count > PrettyPrinter.width - indent - allowance else { return try write(whole) }
    switch value {
    case .list(let sequence): try print(sequence.elements, "[", "]", indent, allowance + 1, level)
    case .tuple(let sequence):
      let close = sequence.elements.count == 1 ? ",)" : ")"
      try print(sequence.elements, "(", close, indent, allowance + close.utf8.count, level)
    case .dict(let dictionary):
      try write("{")
      for index in dictionary.keys.indices {
        let isLast = index == dictionary.count - 1
        let key = try interpreter.representation(of: dictionary.keys[index])
        try write(key + ": ")
        try print(
          dictionary.values[index], indent: indent + 3 + key.unicodeScalars.count, allowance: isLast ? allowance + 1 : 1,
          level: level + 1)
        if !isLast { try write(",\n" + String(repeating: " ", count: indent + 1)) }
      }
      try write("}")
    case .string(let text): try print(text, indent, allowance, isAlone: level == 1)
    default: try write(whole)
    }
  }

  private mutating func print(
    _ elements: [Value], _ open: String, _ close: String, _ indent: Int, _ allowance: Int, _ level: Int
  ) throws(TemplateError) {
    try write(open)
    for (index, element) in elements.enumerated() {
      if index > 0 { try write(",\n" + String(repeating: " ", count: indent + 1)) }
      try print(
        element, indent: indent + 1, allowance: index == elements.count - 1 ? allowance : 1, level: level + 1)
    }
    try write(close)
  }

  /// A string in pieces, at the ends of lines and of words.
  private mutating func print(_ text: String, _ indent: Int, _ allowance: Int, isAlone: Bool) throws(TemplateError) {
    let (indent, allowance) = isAlone ? (indent + 1, allowance + 1) : (indent, allowance)
    let room = PrettyPrinter.width - indent
    func length(_ text: String) -> Int { PythonText.quoted(text).unicodeScalars.count }
    var chunks: [String] = []
    let lines = PythonText.splitLines(text, keepEnds: true)
    for (number, line) in lines.enumerated() {
      let isLast = number == lines.count - 1
      if length(line) <= room - (isLast ? allowance : 0) {
        chunks.append(line)
        continue
      }
      let words = PrettyPrinter.words(line)
      var current = ""
      for (index, word) in words.enumerated() {
        try interpreter.scan(current.utf8.count)
        if length(current + word) > room - (isLast && index == words.count - 1 ? allowance : 0) {
          if !current.isEmpty { chunks.append(current) }
          current = word
        } else {
          current += word
        }
      }
      if !current.isEmpty { chunks.append(current) }
    }
    let quoted = chunks.map(PythonText.quoted).joined(separator: "\n" + String(repeating: " ", count: indent))
    try write(isAlone && chunks.count > 1 ? "(\(quoted))" : quoted)
  }

  /// Words, each with the white space behind it.
  private static func words(_ line: String) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    var isInSpace = false
    for scalar in line.unicodeScalars {
      if isInSpace, !scalar.isPythonSpace {
        words.append(String(word))
        word = String.UnicodeScalarView()
      }
      isInSpace = scalar.isPythonSpace
      word.append(scalar)
    }
    return words + [String(word)]
  }
}
