/// Splits a template into tokens by the rules of Jinja with `trim_blocks` and `lstrip_blocks`:
///
/// - the first newline after a block or comment tag goes, unless the tag ends with `+`;
/// - spaces between the start of a line and a block or comment tag go, unless the tag begins with `+`;
/// - `-` at either side of any tag takes all white space there;
/// - one trailing newline of the source goes.
struct Lexer {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var tokens: [Token] = []
  /// Closing brackets awaited: inside brackets, `}}` and `%}` are not the end of a tag.
  private var awaited: [Unicode.Scalar] = []
  /// Whether the last match ended a line, so that the text after it begins one.
  private var isLineStart = true
  private var lines = LineCounter()
  private var characterNames = CharacterNames()

  static func tokens(of source: String) throws(TemplateError) -> [Token] {
    guard source.utf8.count <= TemplateLimits.sourceBytes else {
      throw .limit("a template of more than \(TemplateLimits.sourceBytes) bytes")
    }
    var lexer = Lexer(source)
    try lexer.root()
    lexer.emit(.end, at: lexer.source.count)
    return lexer.tokens
  }

  private init(_ text: String) {
    var scalars: [Unicode.Scalar] = []
    var previousIsReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\n", previousIsReturn {
        previousIsReturn = false
        continue
      }
      previousIsReturn = scalar == "\r"
      scalars.append(previousIsReturn ? "\n" : scalar)
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  // MARK: Text and tags

  private mutating func root() throws(TemplateError) {
    while position < source.count {
      guard let tag = nextTag() else {
        emitData(position..<source.count)
        position = source.count
        return
      }
      let text = stripped(position..<tag.start, before: tag)
      emitData(text)
      position = tag.contentStart
      isLineStart = source[position - 1] == "\n"
      switch tag.kind {
      case .comment: try comment(from: tag)
      case .raw: try raw(from: tag)
      case .variable:
        emit(.variableBegin, at: tag.start)
        try expression(until: .variable)
      case .block:
        emit(.blockBegin, at: tag.start)
        try expression(until: .block)
      }
    }
  }

  private struct Tag {
    enum Kind { case variable, block, comment, raw }
    var kind: Kind
    var start: Int
    /// `-`, `+` or nothing, after the opening braces.
    var sign: Unicode.Scalar?
    var contentStart: Int
  }

  private func nextTag() -> Tag? {
    var index = position
    while index + 1 < source.count {
      if source[index] == "{" {
        switch source[index + 1] {
        case "{": return tag(.variable, at: index)
        case "#": return tag(.comment, at: index)
        case "%":
          var found = tag(.block, at: index)
          if let end = endOfRawTag(after: found.contentStart) {
            found.kind = .raw
            found.contentStart = end
          }
          return found
        default: break
        }
      }
      index += 1
    }
    return nil
  }

  private func tag(_ kind: Tag.Kind, at start: Int) -> Tag {
    let sign = sign(at: start + 2)
    return Tag(kind: kind, start: start, sign: sign, contentStart: start + (sign == nil ? 2 : 3))
  }

  private func sign(at index: Int) -> Unicode.Scalar? {
    guard index < source.count, source[index] == "-" || source[index] == "+" else { return nil }
    return source[index]
  }

  /// Where the text of a raw block begins, when the tag at hand opens one.
  private func endOfRawTag(after start: Int) -> Int? {
    var index = skippingSpace(start)
    guard matches("raw", at: index) else { return nil }
    index = skippingSpace(index + 3)
    if matches("-%}", at: index) { return skippingSpace(index + 3) }
    return matches("%}", at: index) ? index + 2 : nil
  }

  private func matches(_ text: StaticString, at index: Int) -> Bool {
    var index = index
    for expected in text.description.unicodeScalars {
      guard index < source.count, source[index] == expected else { return false }
      index += 1
    }
    return true
  }

  private func skippingSpace(_ start: Int) -> Int {
    var index = start
    while index < source.count, source[index].isPythonSpace { index += 1 }
    return index
  }

  /// The text before a tag, less the white space that the tag takes.
  private func stripped(_ text: Range<Int>, before tag: Tag) -> Range<Int> {
    var end = text.upperBound
    if tag.sign == "-" {
      while end > text.lowerBound, source[end - 1].isPythonSpace { end -= 1 }
    } else if tag.sign == nil, tag.kind != .variable {
      var lineStart = end
      while lineStart > text.lowerBound, source[lineStart - 1] != "\n" { lineStart -= 1 }
      if lineStart > text.lowerBound || isLineStart,
        source[lineStart..<end].allSatisfy({ $0.isPythonSpace })
      {
        end = lineStart
      }
    }
    return text.lowerBound..<end
  }

  /// Consumes a tag's end, its sign and the white space it takes; nil where there is no such end.
  private func endOfTag(_ close: StaticString, at index: Int, trims: Bool) -> Int? {
    if trims, index < source.count, source[index] == "+", matches(close, at: index + 1) { return index + 3 }
    if index < source.count, source[index] == "-", matches(close, at: index + 1) { return skippingSpace(index + 3) }
    guard matches(close, at: index) else { return nil }
    let end = index + 2
    return trims && end < source.count && source[end] == "\n" ? end + 1 : end
  }

  private mutating func comment(from tag: Tag) throws(TemplateError) {
    // As in the reference, a source that ends with the opening braces is not an error.
    if position == source.count { return }
    var index = position
    while index < source.count {
      if let end = endOfTag("#}", at: index, trims: true) {
        finishTag(at: end)
        return
      }
      index += 1
    }
    throw .syntax("Missing end of comment tag", at: place(tag.start))
  }

  private mutating func raw(from tag: Tag) throws(TemplateError) {
    if position == source.count { return }
    var index = position
    while index < source.count {
      if matches("{%", at: index) {
        var closing = self.tag(.block, at: index)
        var cursor = skippingSpace(closing.contentStart)
        if matches("endraw", at: cursor) {
          cursor = skippingSpace(cursor + 6)
          if let end = endOfTag("%}", at: cursor, trims: true) {
            closing.kind = .block
            emitData(stripped(position..<index, before: closing))
            finishTag(at: end)
            return
          }
        }
      }
      index += 1
    }
    throw .syntax("Missing end of raw directive", at: place(tag.start))
  }

  private mutating func finishTag(at end: Int) {
    isLineStart = source[end - 1] == "\n"
    position = end
  }

  // MARK: Inside a tag

  private mutating func expression(until kind: Tag.Kind) throws(TemplateError) {
    awaited.removeAll()
    while position < source.count {
      if awaited.isEmpty {
        let end =
          kind == .variable
          ? endOfTag("}}", at: position, trims: false) : endOfTag("%}", at: position, trims: true)
        if let end {
          emit(kind == .variable ? .variableEnd : .blockEnd, at: position)
          finishTag(at: end)
          return
        }
      }
      let scalar = source[position]
      if scalar.isPythonSpace {
        position = skippingSpace(position)
      } else if scalar.isASCIIDigit {
        try number()
      } else if scalar == "_" || scalar.isPythonAlphanumeric {
        try name()
      } else if scalar == "\"" || scalar == "'" {
        try string(quote: scalar)
      } else {
        try symbol()
      }
    }
  }

  private mutating func name() throws(TemplateError) {
    let start = position
    while position < source.count, source[position] == "_" || source[position].isPythonAlphanumeric { position += 1 }
    let first = source[start]
    guard first == "_" || first.properties.isXIDStart else {
      throw .syntax("Invalid character in identifier", at: place(start))
    }
    emit(.name(String(source[start..<position])), at: start)
  }

  private mutating func symbol() throws(TemplateError) {
    let start = position
    let scalar = source[start]
    let next = start + 1 < source.count ? source[start + 1] : " "
    switch (scalar, next) {
    case ("/", "/"), ("*", "*"), ("=", "="), ("!", "="), (">", "="), ("<", "="):
      position += 2
    case ("+", _), ("-", _), ("/", _), ("*", _), ("%", _), ("~", _), (">", _), ("<", _), ("=", _), (".", _), (":", _),
      ("|", _), (",", _), (";", _):
      position += 1
    case ("(", _): try open(")")
    case ("[", _): try open("]")
    case ("{", _): try open("}")
    case (")", _), ("]", _), ("}", _):
      guard let expected = awaited.popLast() else {
        throw .syntax("unexpected '\(scalar)'", at: place(start))
      }
      guard expected == scalar else {
        throw .syntax("unexpected '\(scalar)', expected '\(expected)'", at: place(start))
      }
      position += 1
    default: throw .syntax("unexpected char \(PythonText.quoted(String(scalar))) at \(start)", at: place(start))
    }
    emit(.symbol(String(source[start..<position])), at: start)
  }

  private mutating func open(_ closing: Unicode.Scalar) throws(TemplateError) {
    awaited.append(closing)
    position += 1
  }

  // MARK: Literals

  private mutating func number() throws(TemplateError) {
    let start = position
    let afterDot = start > 0 && source[start - 1] == "."
    if !afterDot, let end = endOfFloat(from: start) {
      position = end
      let text = String(source[start..<end].filter { $0 != "_" })
      guard let value = Double(text) else { throw .syntax("invalid number \(text)", at: place(start)) }
      emit(.float(value), at: start)
      return
    }
    var radix = 10
    var end = start
    if source[start] == "0", start + 1 < source.count {
      let prefix: [Unicode.Scalar: Int] = ["b": 2, "B": 2, "o": 8, "O": 8, "x": 16, "X": 16]
      if let found = prefix[source[start + 1]] {
        let digitsEnd = endOfDigits(from: start + 2, radix: found, mayBeginWithUnderscore: true)
        if digitsEnd > start + 2 {
          radix = found
          end = digitsEnd
        }
      }
    }
    if end == start {
      end =
        source[start] == "0"
        ? endOfDigits(from: start, radix: 1, mayBeginWithUnderscore: false)
        : endOfDigits(from: start, radix: 10, mayBeginWithUnderscore: false)
    }
    position = end
    let digits = String(source[(radix == 10 ? start : start + 2)..<end].filter { $0 != "_" })
    if let value = Int(digits, radix: radix) {
      emit(.integer(value), at: start)
    } else {
      let values = digits.unicodeScalars.compactMap { $0.asciiDigitValue.map { UInt8($0) } }
      do throws(TemplateError) {
        emit(.bigInteger(BigInteger(digits: try TemplateLimits.checked(values), radix: radix)), at: start)
      } catch { throw .syntax(error.message, at: place(start)) }
    }
  }

  /// The end of digits with single underscores between them; radix 1 takes zeros only.
  private func endOfDigits(from start: Int, radix: Int, mayBeginWithUnderscore: Bool) -> Int {
    func isDigit(_ index: Int) -> Bool {
      guard index < source.count else { return false }
      if radix == 1 { return source[index] == "0" }
      guard let value = source[index].asciiDigitValue else { return false }
      return value < radix
    }
    var index = start
    var may = mayBeginWithUnderscore
    while index < source.count {
      if isDigit(index) {
        index += 1
      } else if may, source[index] == "_", isDigit(index + 1) {
        index += 2
      } else {
        break
      }
      may = true
    }
    return index
  }

  private func endOfFloat(from start: Int) -> Int? {
    let whole = endOfDigits(from: start, radix: 10, mayBeginWithUnderscore: false)
    var end = whole
    if end + 1 < source.count, source[end] == ".", source[end + 1].isASCIIDigit {
      end = endOfDigits(from: end + 1, radix: 10, mayBeginWithUnderscore: false)
    }
    if end < source.count, source[end] == "e" || source[end] == "E" {
      var exponent = end + 1
      if exponent < source.count, source[exponent] == "+" || source[exponent] == "-" { exponent += 1 }
      if exponent < source.count, source[exponent].isASCIIDigit {
        end = endOfDigits(from: exponent, radix: 10, mayBeginWithUnderscore: false)
      }
    }
    return end > whole ? end : nil
  }

  private mutating func string(quote: Unicode.Scalar) throws(TemplateError) {
    let start = position
    var index = start + 1
    var hasEscape = false
    while index < source.count, source[index] != quote {
      if source[index] == "\\" {
        hasEscape = true
        index += 1
      }
      index += 1
    }
    guard index < source.count else {
      throw .syntax("unexpected char \(PythonText.quoted(String(quote))) at \(start)", at: place(start))
    }
    position = index + 1
    let body = source[(start + 1)..<index]
    emit(.string(hasEscape ? try unescaped(body, at: start) : String(body)), at: start)
  }

  private mutating func unescaped(_ body: ArraySlice<Unicode.Scalar>, at start: Int) throws(TemplateError) -> String {
    var result = String.UnicodeScalarView()
    var index = body.startIndex
    while index < body.endIndex {
      let scalar = body[index]
      index += 1
      guard scalar == "\\" else {
        result.append(scalar)
        continue
      }
      // An escape is never last: the quote after it would have been part of it.
      let escape = body[index]
      index += 1
      switch escape {
      case "\n": break
      case "\\", "'", "\"": result.append(escape)
      case "a": result.append("\u{07}")
      case "b": result.append("\u{08}")
      case "f": result.append("\u{0C}")
      case "n": result.append("\n")
      case "r": result.append("\r")
      case "t": result.append("\t")
      case "v": result.append("\u{0B}")
      case "x", "u", "U":
        let width = escape == "x" ? 2 : escape == "u" ? 4 : 8
        let digits = body[index..<min(index + width, body.endIndex)]
        guard digits.count == width, digits.allSatisfy({ ($0.asciiDigitValue ?? 99) < 16 }),
          let code = UInt32(String(digits), radix: 16), let decoded = Unicode.Scalar(code)
        else { throw .syntax("truncated or invalid \\\(escape) escape", at: place(start)) }
        result.append(decoded)
        index += width
      case "0"..."7":
        var code = escape.value - 48
        var count = 1
        while count < 3, index < body.endIndex, "0"..."7" ~= body[index] {
          code = code * 8 + (body[index].value - 48)
          index += 1
          count += 1
        }
        if let decoded = Unicode.Scalar(code) { result.append(decoded) }
      case "N":
        guard index < body.endIndex, body[index] == "{", let end = body[index...].firstIndex(of: "}"),
          let named = characterNames.scalar(named: String(body[(index + 1)..<end]))
        else { throw .syntax("malformed or unknown \\N character escape", at: place(start)) }
        result.append(named)
        index = end + 1
      default:
        // Unknown escapes stay. The reference writes what is not ASCII as an escape first, which shows here.
        result.append("\\")
        if escape.isASCII {
          result.append(escape)
        } else {
          result.append(contentsOf: PythonText.escape(escape).dropFirst().unicodeScalars)
        }
      }
    }
    return String(result)
  }

  // MARK: Tokens

  private mutating func emitData(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    emit(.data(String(source[range])), at: range.lowerBound)
  }

  private mutating func emit(_ kind: Token.Kind, at index: Int) {
    tokens.append(Token(kind: kind, position: lines.position(of: index, in: source)))
  }

  private func place(_ index: Int) -> TemplateError.Position {
    var lines = lines
    return lines.position(of: index, in: source)
  }
}

/// Turns offsets, asked for in rising order, into lines and columns.
private struct LineCounter {
  private var offset = 0
  private var line = 1
  private var lineStart = 0

  mutating func position(of index: Int, in source: [Unicode.Scalar]) -> TemplateError.Position {
    if index < offset { self = LineCounter() }
    while offset < index {
      if source[offset] == "\n" {
        line += 1
        lineStart = offset + 1
      }
      offset += 1
    }
    return TemplateError.Position(line: line, column: index - lineStart + 1)
  }
}
