/// Where and why a text is not JSON.
public struct JSONError: Error, CustomStringConvertible, Equatable {
  /// Byte offset in the text.
  public let offset: Int
  public let reason: String
  public var description: String { "not valid JSON at byte \(offset): \(reason)" }
}

extension JSON {
  /// Arrays and objects may nest this deep: the parser recurses, and its input is not to be trusted.
  public static let maximumDepth = 128

  /// Parses UTF-8 text by RFC 8259. Refuses invalid UTF-8, lone surrogates in escapes, duplicate names and trailing text.
  ///
  /// - Complexity: O(bytes).
  public static func parse(_ text: some Collection<UInt8>) throws(JSONError) -> JSON {
    let bytes = ContiguousArray(text)
    var parser = JSONParser(bytes: bytes)
    return try parser.document()
  }

  /// Parses what Python's `json.dump` may have written: JSON, and the numbers that JSON lacks (`NaN`, `Infinity`,
  /// `-Infinity`), as checkpoints have them.
  package static func parse(python text: some Collection<UInt8>) throws(JSONError) -> JSON {
    var parser = JSONParser(bytes: ContiguousArray(text), takesPythonNumbers: true)
    return try parser.document()
  }

  public static func parse(_ text: String) throws(JSONError) -> JSON {
    try parse(text.utf8)
  }
}

private struct JSONParser {
  let bytes: ContiguousArray<UInt8>
  var takesPythonNumbers = false
  var position = 0

  mutating func document() throws(JSONError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw failure("text after the value") }
    return value
  }

  func failure(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    guard depth < JSON.maximumDepth else { throw failure("nested deeper than \(JSON.maximumDepth)") }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N") where takesPythonNumbers: return try word("NaN", .number(.nan))
    case UInt8(ascii: "I") where takesPythonNumbers: return try word("Infinity", .number(.infinity))
    case UInt8(ascii: "-") where takesPythonNumbers && bytes[position...].starts(with: "-I".utf8):
      return try word("-Infinity", .number(-.infinity))
    case nil: throw failure("the text ends where a value should be")
    default: return try number()
    }
  }

  mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    for expected in word.description.utf8 {
      guard current == expected else { throw failure("expected \(word)") }
      position += 1
    }
    return value
  }

  mutating func array(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var elements: [JSON] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      switch current {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements)
      default: throw failure("expected , or ]")
      }
    }
  }

  mutating func object(depth: Int) throws(JSONError) -> JSON {
    position += 1
    var object = JSONObject()
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return .object(object)
    }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
      let name = try string()
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw failure("expected :") }
      position += 1
      let member = try value(depth: depth + 1)
      guard object.insertNew(name, member) else { throw failure("the name \"\(name)\" occurs twice") }
      skipSpace()
      switch current {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return .object(object)
      default: throw failure("expected , or }")
      }
    }
  }

  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    var unescaped: [UInt8]?  // only where there is an escape
    var copied = start
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        defer { position += 1 }
        let text: String?
        if var buffer = unescaped {
          buffer += bytes[copied..<position]
          text = String(validating: buffer, as: UTF8.self)
        } else {
          text = String(validating: bytes[start..<position], as: UTF8.self)
        }
        guard let text else { throw JSONError(offset: start, reason: "a string is not valid UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        unescaped = (unescaped ?? []) + bytes[copied..<position]
        position += 1
        try escape(into: &unescaped!)
        copied = position
      case 0..<0x20: throw failure("a control character in a string")
      default: position += 1
      }
    }
    throw failure("the text ends inside a string")
  }

  mutating func escape(into buffer: inout [UInt8]) throws(JSONError) {
    guard let character = current else { throw failure("the text ends inside a string") }
    position += 1
    switch character {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(character)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if 0xD800..<0xDC00 ~= code, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = try hexadecimal()
        guard 0xDC00..<0xE000 ~= low else { throw failure("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
      buffer += UTF8.encode(scalar)!
    default: throw failure("an unknown escape")
    }
  }

  mutating func hexadecimal() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let character = current, let digit = Character(Unicode.Scalar(character)).hexDigitValue else {
        throw failure("expected four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  mutating func number() throws(JSONError) -> JSON {
    let start = position
    var whole = true
    if current == UInt8(ascii: "-") { position += 1 }
    guard let first = current, isDigit(first) else { throw failure("expected a value") }
    position += 1
    if first != UInt8(ascii: "0") { skipDigits() }
    if current == UInt8(ascii: ".") {
      whole = false
      position += 1
      try requireDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      whole = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try requireDigits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if whole { return Int(text).map { .integer($0) } ?? .largeInteger(text) }
    guard let value = Double(text) else { throw failure("a number that cannot be read") }
    return .number(value)
  }

  func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

  mutating func skipDigits() {
    while let byte = current, isDigit(byte) { position += 1 }
  }

  mutating func requireDigits() throws(JSONError) {
    guard let byte = current, isDigit(byte) else { throw failure("expected a digit") }
    skipDigits()
  }
}
