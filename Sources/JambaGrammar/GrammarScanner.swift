/// What readers of grammars have in common: a place in a text, numbers and escapes, and where something is wrong.
protocol GrammarScanner {
  var scalars: [Unicode.Scalar] { get }
  var position: Int { get set }
  /// How deep parentheses nest in what was read last, and repetitions of repetitions.
  var height: Int { get set }
}

extension GrammarScanner {
  /// A grammar's text, if it is not too long.
  static func scalars(of source: String) throws(GrammarError) -> [Unicode.Scalar] {
    guard source.utf8.count <= GrammarLimits.sourceBytes else {
      throw .tooLarge("its text has more than \(GrammarLimits.sourceBytes) bytes")
    }
    // Editors of some systems write a mark of the byte order first.
    return Array(source.unicodeScalars.drop { $0 == "\u{FEFF}" })
  }

  var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  func failure(_ reason: String, at place: Int? = nil) -> GrammarError {
    let place = min(place ?? position, scalars.count)
    let line = scalars[..<place].count { $0 == "\n" } + 1
    let lineStart = scalars[..<place].lastIndex(of: "\n").map { $0 + 1 } ?? 0
    return .syntax(reason, line: line, column: place - lineStart + 1)
  }

  /// Reads what is nested in `height` levels as one more.
  mutating func nest() throws(GrammarError) {
    height += 1
    guard height <= GrammarLimits.nesting else {
      throw failure("parentheses and repetitions of repetitions nest deeper than \(GrammarLimits.nesting)")
    }
  }

  mutating func skip(_ text: String) -> Bool {
    let wanted = text.unicodeScalars
    guard position <= scalars.count, scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func skipBlanks() {
    while current == " " || current == "\t" { position += 1 }
  }

  /// A number of repetitions.
  mutating func number() throws(GrammarError) -> Int {
    skipBlanks()
    var digits = ""
    while let scalar = current, "0"..."9" ~= scalar {
      digits.unicodeScalars.append(scalar)
      position += 1
    }
    guard !digits.isEmpty else { throw failure("expected a number") }
    guard let value = Int(digits), value <= GrammarLimits.repetitions else {
      throw failure("a repetition of more than \(GrammarLimits.repetitions)")
    }
    return value
  }

  /// Bounds of a repetition, from behind the brace that opens them to the one that closes them.
  mutating func bounds() throws(GrammarError) -> (least: Int, most: Int?) {
    skipBlanks()
    let least = current == "," ? 0 : try number()
    var most: Int? = least
    skipBlanks()
    if skip(",") {
      skipBlanks()
      most = current == "}" ? nil : try number()
      skipBlanks()
    }
    guard current == "}" else { throw failure("expected }") }
    if let most, most < least { throw failure("the repetition's bounds are the wrong way round") }
    return (least, most)
  }

  /// A character by its number.
  mutating func codePoint(digits count: Int) throws(GrammarError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let scalar = current, let digit = Character(scalar).hexDigitValue, scalar.isASCII else {
        throw failure("expected \(count) hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    guard let scalar = Unicode.Scalar(value) else { throw failure("not a character's number") }
    return scalar
  }
}
