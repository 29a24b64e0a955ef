import JambaSystem

enum SchemaString {
  /// Characters that a JSON string holds as they are.
  static let raw = ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0xD7FF, 0xE000...0x10FFFF])

  /// One character of a set as a JSON string spells it, with an escape only where there must be one.
  static func spelling(of set: ScalarSet) -> GrammarRules.Expression {
    let plain = set.intersection(raw)
    var alternatives: [GrammarRules.Expression] = plain.isEmpty ? [] : [.scalars(plain)]
    for value in 0..<UInt32(0x5D) where value < 0x20 || value == 0x22 || value == 0x5C {
      guard let scalar = Unicode.Scalar(value), !set.intersection(ScalarSet(scalar)).isEmpty else { continue }
      alternatives.append(.text(String(JSON.string(String(Character(scalar))).text().dropFirst().dropLast())))
    }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }
}

extension SchemaCompiler {
  mutating func string(_ object: JSONObject, at path: String) throws(GrammarError) -> Expression {
    let (least, most) = try bounds("minLength", "maxLength", object, at: path)
    let isBounded = object["minLength"] != nil || object["maxLength"] != nil
    for keyword in ["format", "pattern"] where object[keyword] != nil {
      if isBounded || keyword == "format" && object["pattern"] != nil {
        throw .unsupported(keyword: keyword, path: path, reason: "it stands beside another keyword for strings")
      }
      guard let text = object[keyword]?.string else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a string")
      }
      let content: Expression
      if keyword == "format" {
        guard ["date", "time", "date-time", "uuid"].contains(text) else {
          throw .unsupported(
            keyword: keyword, path: path,
            reason: "\(JSON.string(text).text()); there are date, time, date-time and uuid")
        }
        content = try rule(text)
      } else {
        content = try PatternParser.parse(text, at: path)
      }
      return .sequence([.text("\""), content, .text("\"")])
    }
    guard isBounded else { return try rule("string") }
    return .sequence([.text("\""), .repeated(try rule("char"), least, most), .text("\"")])
  }
}

/// Reads a regular expression: literals, classes, groups, `|`, `* + ? {m,n}`, `.`, `\d \w \s` and `^`, `$` at the ends.
///
/// Classes are ASCII's, so that a text fits whether the reader of the schema takes them so or as Unicode's.
struct PatternParser {
  private typealias Expression = GrammarRules.Expression

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private let path: String

  private static let ascii = ScalarSet([0...0x7F])
  private static let digit = ScalarSet(["0"..."9"])
  private static let word = ScalarSet(["0"..."9", "A"..."Z", "a"..."z", "_"..."_"])
  private static let space = ScalarSet(of: " \t\n\r\u{0B}\u{0C}")
  private static let anything = ScalarSet(of: "\n\r\u{2028}\u{2029}").inverted

  /// The texts in which a pattern is found, as JSON strings spell them.
  static func parse(_ pattern: String, at path: String) throws(GrammarError) -> GrammarRules.Expression {
    var parser = PatternParser(scalars: Array(pattern.unicodeScalars), path: path + "/pattern")
    guard pattern.utf8.count <= 1 << 16 else { throw .tooLarge("a pattern of more than \(1 << 16) bytes") }
    // Anchors belong to an alternative, and only its ends can have them.
    var alternatives: [Expression] = []
    let around = Expression.any(SchemaString.spelling(of: .all))
    repeat {
      let isStart = parser.skip("^")
      let body = try parser.sequence(depth: 0)
      let isEnd = parser.skip("$")
      alternatives.append(.sequence([isStart ? .empty : around, body, isEnd ? .empty : around]))
    } while parser.skip("|")
    guard parser.current == nil else { throw parser.failure() }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private init(scalars: [Unicode.Scalar], path: String) {
    self.scalars = scalars
    self.path = path
  }

  private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    position += 1
    return true
  }

  private func failure() -> GrammarError {
    let found = current.map { "\"\($0.escaped(asASCII: false))\"" } ?? "the end"
    return .unsupported(keyword: "pattern", path: path, reason: "\(found) at character \(position + 1)")
  }

  private mutating func alternatives(depth: Int) throws(GrammarError) -> Expression {
    guard depth < GrammarLimits.nesting else { throw failure() }
    var alternatives = [try sequence(depth: depth)]
    while skip("|") { alternatives.append(try sequence(depth: depth)) }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private mutating func sequence(depth: Int) throws(GrammarError) -> Expression {
    var items: [Expression] = []
    while let scalar = current {
      var item: Expression
      switch scalar {
      case "|", ")": return .sequence(items)
      // The end, where nothing but an alternative follows.
      case "$": if depth == 0 { return .sequence(items) } else { throw failure() }
      case "(":
        position += 1
        if skip("?") { guard skip(":") else { throw failure() } }
        item = try alternatives(depth: depth + 1)
        guard skip(")") else { throw failure() }
      case "[": item = SchemaString.spelling(of: try characterClass())
      case ".":
        position += 1
        item = SchemaString.spelling(of: PatternParser.anything)
      case "\\": item = SchemaString.spelling(of: try escape())
      case "*", "+", "?", "{", "}", "]", "^": throw failure()
      default:
        position += 1
        item = SchemaString.spelling(of: ScalarSet(scalar))
      }
      item = try quantified(item)
      items.append(item)
    }
    return .sequence(items)
  }

  private mutating func quantified(_ item: Expression) throws(GrammarError) -> Expression {
    var result = item
    switch current {
    case "*": result = .repeated(item, 0, nil)
    case "+": result = .repeated(item, 1, nil)
    case "?": result = .repeated(item, 0, 1)
    case "{":
      position += 1
      let least = try number()
      var most: Int? = least
      if skip(",") { most = current == "}" ? nil : try number() }
      guard current == "}", most.map({ $0 >= least }) ?? true else { throw failure() }
      result = .repeated(item, least, most)
    default: return item
    }
    position += 1
    // How much is taken first makes no difference to what is found.
    _ = skip("?")
    return result
  }

  private mutating func number() throws(GrammarError) -> Int {
    var value: Int?
    while let scalar = current, let digit = Character(scalar).wholeNumberValue, scalar.isASCII {
      value = (value ?? 0) * 10 + digit
      guard value! <= GrammarLimits.repetitions else { throw failure() }
      position += 1
    }
    guard let value else { throw failure() }
    return value
  }

  /// The meaning of an escaped character.
  private mutating func escape() throws(GrammarError) -> ScalarSet {
    position += 1
    guard let kind = current else { throw failure() }
    switch kind {
    case "d", "w", "s", "D", "W", "S":
      position += 1
      let set =
        kind == "d" || kind == "D"
        ? PatternParser.digit : kind == "w" || kind == "W" ? PatternParser.word : PatternParser.space
      return "a"..."z" ~= kind ? set : PatternParser.ascii.subtracting(set)
    case "n", "r", "t", "f", "v":
      position += 1
      let values: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "r": "\r", "t": "\t", "f": "\u{0C}", "v": "\u{0B}"]
      return ScalarSet(values[kind]!)
    case "x", "u":
      position += 1
      var value: UInt32 = 0
      for _ in 0..<(kind == "x" ? 2 : 4) {
        guard let scalar = current, scalar.isASCII, let digit = Character(scalar).hexDigitValue else { throw failure() }
        value = value << 4 | UInt32(digit)
        position += 1
      }
      guard let scalar = Unicode.Scalar(value) else { throw failure() }
      return ScalarSet(scalar)
    default:
      // Letters and digits mean something; the rest means itself.
      guard kind.isASCII, ScalarSet(kind).intersection(PatternParser.word).isEmpty else { throw failure() }
      position += 1
      return ScalarSet(kind)
    }
  }

  private mutating func characterClass() throws(GrammarError) -> ScalarSet {
    position += 1
    let isInverted = skip("^")
    var set = ScalarSet([ClosedRange<UInt32>]())
    func member() throws(GrammarError) -> ScalarSet {
      guard let scalar = current, scalar != "[" else { throw failure() }
      if scalar == "\\" { return try escape() }
      position += 1
      return ScalarSet(scalar)
    }
    while let scalar = current, scalar != "]" {
      let low = try member()
      if current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        let high = try member()
        guard let first = low.onlyValue, let last = high.onlyValue, first <= last else { throw failure() }
        set = set.union(ScalarSet([first...last]))
      } else {
        set = set.union(low)
      }
    }
    guard skip("]"), !set.isEmpty else { throw failure() }
    return isInverted ? set.inverted : set
  }
}

extension ScalarSet {
  /// The one member's value.
  fileprivate var onlyValue: UInt32? {
    ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
  }
}
