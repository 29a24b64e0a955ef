/// Why a pattern cannot be held, in words.
struct PatternFailure: Error { let reason: String }

/// Reads a regular expression in the dialect of ECMA-262, as far as it is regular, with the flags and properties that others write.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  /// The number of the last `\u` escape: half a surrogate pair is no character.
  private var unit: UInt32?
  /// Properties that were named before: to find one's members takes 0.3 ms.
  private var properties: [String: CharacterClass] = [:]
  /// Here: whether large letters are small ones, and a point stands for a line break, too.
  private var isCaseless: Bool
  private var pointTakesAll: Bool

  static let limit = 1 << 16

  static func parse(_ pattern: String, isCaseless: Bool = false, pointTakesAll: Bool = false) throws(PatternFailure)
    -> Pattern
  {
    guard pattern.utf8.count <= limit else { throw PatternFailure(reason: "a pattern of more than \(limit) bytes") }
    var parser = PatternParser(Array(pattern.unicodeScalars), isCaseless, pointTakesAll)
    let result = try parser.alternatives(depth: 0)
    guard parser.current == nil else { throw parser.failure() }
    return result
  }

  private init(_ scalars: [Unicode.Scalar], _ isCaseless: Bool, _ pointTakesAll: Bool) {
    (self.scalars, self.isCaseless, self.pointTakesAll) = (scalars, isCaseless, pointTakesAll)
  }

  private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func skip(_ text: String) -> Bool {
    let wanted = text.unicodeScalars
    guard scalars.count - position >= wanted.count, scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private func failure() -> PatternFailure {
    let found = current.map { "\"\($0.escaped(asASCII: false))\"" } ?? "the end"
    return PatternFailure(reason: "\(found) at character \(position + 1)")
  }

  private mutating func alternatives(depth: Int) throws(PatternFailure) -> Pattern {
    guard depth < GrammarLimits.nesting else { throw failure() }
    // Flags that are set within hold to the end of the group.
    let flags = (isCaseless, pointTakesAll)
    defer { (isCaseless, pointTakesAll) = flags }
    var alternatives = [try sequence(depth: depth)]
    while skip("|") { alternatives.append(try sequence(depth: depth)) }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private mutating func sequence(depth: Int) throws(PatternFailure) -> Pattern {
    var items: [Pattern] = []
    while let scalar = current {
      var item: Pattern
      switch scalar {
      case "|", ")": return items.count == 1 ? items[0] : .sequence(items)
      case "^":
        position += 1
        items.append(.start)
        continue
      case "$":
        position += 1
        items.append(.end)
        continue
      case "(":
        let (group, isAssertion) = try group(depth: depth)
        item = group
        if isAssertion {
          if case .ahead = item { item = try quantified(item) }
          items.append(item)
          continue
        }
      case "[": item = .characters(try characterClass())
      case ".":
        position += 1
        item = pointTakesAll ? .characters(CharacterClass(.all)) : .point
      case "\\":
        if scalars.count > position + 1,
          scalars[position + 1] == "A" || scalars[position + 1] == "Z" || scalars[position + 1] == "z"
        {
          items.append(scalars[position + 1] == "A" ? .start : .end)
          position += 2
          continue
        }
        if scalars.count > position + 1, scalars[position + 1] == "b" || scalars[position + 1] == "B" {
          items.append(.boundary(isNegative: scalars[position + 1] == "B"))
          position += 2
          continue
        }
        item = .characters(try escape(inClass: false))
      case "*", "+", "?": throw failure()
      case "{" where isBound: throw failure()
      default:
        position += 1
        item = .characters(one(scalar))
      }
      items.append(try quantified(item))
    }
    return items.count == 1 ? items[0] : .sequence(items)
  }

  /// What stands in parentheses; whether it only looks.
  private mutating func group(depth: Int) throws(PatternFailure) -> (Pattern, Bool) {
    position += 1
    var isNegative: Bool?
    var isBehind = false
    if skip("?=") {
      isNegative = false
    } else if skip("?!") {
      isNegative = true
    } else if skip("?<=") {
      (isNegative, isBehind) = (false, true)
    } else if skip("?<!") {
      (isNegative, isBehind) = (true, true)
    } else if current == "?" {
      if skip("?:") {
      } else if skip("?<") || skip("?P<") {
        // A name.
        while let scalar = current, scalar != ">" {
          guard scalar.properties.isAlphabetic || scalar == "_" || scalar == "$" || "0"..."9" ~= scalar else {
            throw failure()
          }
          position += 1
        }
        guard skip(">") else { throw failure() }
      } else {
        position += 1
        let outside = (isCaseless, pointTakesAll)
        try flags()
        if skip(")") { return (.blank, true) }
        guard skip(":") else { throw failure() }
        defer { (isCaseless, pointTakesAll) = outside }
        let body = try alternatives(depth: depth + 1)
        guard skip(")") else { throw failure() }
        return (body, false)
      }
    }
    let body = try alternatives(depth: depth + 1)
    guard skip(")") else { throw failure() }
    guard let isNegative else { return (body, false) }
    return (isBehind ? .behind(body, isNegative: isNegative) : .ahead(body, isNegative: isNegative), true)
  }

  /// Flags before a colon or a closing parenthesis: `i` and `s`, and Unicode's or ASCII's classes, which are told apart anyway.
  private mutating func flags() throws(PatternFailure) {
    var isOn = true
    while let scalar = current, scalar != ":", scalar != ")" {
      switch scalar {
      case "-" where isOn: isOn = false
      case "i": isCaseless = isOn
      case "s": pointTakesAll = isOn
      case "u", "a": break
      default: throw failure()
      }
      position += 1
    }
  }

  /// A character that means itself.
  private func one(_ scalar: Unicode.Scalar) -> CharacterClass {
    let one = CharacterClass(ScalarSet(scalar))
    return isCaseless ? one.caseless : one
  }

  /// Whether a brace begins a bound: elsewhere it is a character.
  private var isBound: Bool {
    var index = position + 1
    var digits = 0
    while index < scalars.count, "0"..."9" ~= scalars[index] {
      digits += 1
      index += 1
    }
    guard digits > 0 else { return false }
    if index < scalars.count, scalars[index] == "," { index += 1 }
    while index < scalars.count, "0"..."9" ~= scalars[index] { index += 1 }
    return index < scalars.count && scalars[index] == "}"
  }

  private mutating func quantified(_ item: Pattern) throws(PatternFailure) -> Pattern {
    let result: Pattern
    switch current {
    case "*": result = .repeated(item, 0, nil)
    case "+": result = .repeated(item, 1, nil)
    case "?": result = .repeated(item, 0, 1)
    case "{" where isBound:
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
    guard current != "*", current != "+", current != "?", !(current == "{" && isBound) else { throw failure() }
    return result
  }

  private mutating func number() throws(PatternFailure) -> Int {
    var value: Int?
    while let scalar = current, "0"..."9" ~= scalar {
      value = (value ?? 0) * 10 + Int(scalar.value) - 0x30
      guard value! <= GrammarLimits.repetitions else { throw failure() }
      position += 1
    }
    guard let value else { throw failure() }
    return value
  }

  /// The meaning of an escaped character.
  private mutating func escape(inClass: Bool) throws(PatternFailure) -> CharacterClass {
    position += 1
    guard let kind = current else { throw failure() }
    position += 1
    // Within a class cases are made one when all of it is there.
    func one(_ scalar: Unicode.Scalar) -> CharacterClass {
      inClass ? CharacterClass(ScalarSet(scalar)) : self.one(scalar)
    }
    switch kind {
    case "d": return .digit
    case "D": return CharacterClass.digit.inverted
    case "w": return .word
    case "W": return CharacterClass.word.inverted
    case "s": return .space
    case "S": return CharacterClass.space.inverted
    case "n": return one("\n")
    case "r": return one("\r")
    case "t": return one("\t")
    case "f": return one("\u{0C}")
    case "v": return one("\u{0B}")
    case "b" where inClass: return one("\u{08}")
    case "0" where !(current.map { "0"..."9" ~= $0 } ?? false): return one("\u{00}")
    case "p", "P":
      guard skip("{") else { throw failure() }
      var name = ""
      while let scalar = current, scalar != "}", name.utf8.count < 64 {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard skip("}"), let known = properties[name] ?? CharacterClass.property(name) else { throw failure() }
      properties[name] = known
      return kind == "p" ? known : known.inverted
    case "x": return one(Unicode.Scalar(try codePoint(digits: 2))!)
    case "u":
      guard skip("{") else {
        let value = try codePoint(digits: 4)
        unit = value
        return PatternParser.characters(value...value)
      }
      var value: UInt32 = 0
      while let scalar = current, scalar.isASCII, let digit = Character(scalar).hexDigitValue, value <= 0x10FFFF {
        value = value << 4 | UInt32(digit)
        position += 1
      }
      guard skip("}"), let scalar = Unicode.Scalar(value) else { throw failure() }
      return one(scalar)
    case "c":
      guard let letter = current, letter.isASCII, letter.properties.isAlphabetic else { throw failure() }
      position += 1
      return one(Unicode.Scalar(letter.value & 31)!)
    default:
      // Letters and digits mean something; the rest means itself.
      guard !CharacterClass.word[.inner].contains(kind.value) || kind == "_" else {
        position -= 1
        throw failure()
      }
      return one(kind)
    }
  }

  private mutating func codePoint(digits: Int) throws(PatternFailure) -> UInt32 {
    func unit(_ parser: inout PatternParser) throws(PatternFailure) -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<digits {
        guard let scalar = parser.current, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
          throw parser.failure()
        }
        value = value << 4 | UInt32(digit)
        parser.position += 1
      }
      return value
    }
    var value = try unit(&self)
    let first = position
    if digits == 4, 0xD800..<0xDC00 ~= value, skip("\\u") {
      let low = try unit(&self)
      if 0xDC00..<0xE000 ~= low {
        value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      } else {
        position = first
      }
    }
    return value
  }

  /// Characters between two numbers. Half a surrogate pair is no character; a reader that goes by halves finds it in some.
  private static func characters(_ range: ClosedRange<UInt32>) -> CharacterClass {
    let set = ScalarSet([range])
    guard range.overlaps(0xD800...0xDFFF) else { return CharacterClass(set) }
    return CharacterClass(inner: set, outer: set.union(ScalarSet([0x10000...0x10FFFF])))
  }

  private mutating func characterClass() throws(PatternFailure) -> CharacterClass {
    position += 1
    let isInverted = skip("^")
    var ranges: [ClosedRange<UInt32>] = []
    var others: [CharacterClass] = []
    while let scalar = current, scalar != "]" {
      let low = try member()
      if current == "-", position + 1 < scalars.count, scalars[position + 1] != "]", let first = unit ?? low.onlyValue {
        let dash = position
        position += 1
        let high = try member()
        if let last = unit ?? high.onlyValue {
          guard first <= last else { throw failure() }
          if (first...last).overlaps(0xD800...0xDFFF) {
            others.append(PatternParser.characters(first...last))
          } else {
            ranges.append(first...last)
          }
          continue
        }
        // As in [a-\d]: the hyphen is one.
        position = dash
      }
      if let value = low.onlyValue { ranges.append(value...value) } else { others.append(low) }
    }
    guard skip("]") else { throw failure() }
    var set = CharacterClass([CharacterClass(ScalarSet(ranges))] + others)
    if isCaseless { set = set.caseless }
    return isInverted ? set.inverted : set
  }

  private mutating func member() throws(PatternFailure) -> CharacterClass {
    unit = nil
    guard let scalar = current else { throw failure() }
    if scalar == "\\" { return try escape(inClass: true) }
    position += 1
    return CharacterClass(ScalarSet(scalar))
  }
}

extension ScalarSet {
  init(_ ranges: [ClosedRange<Unicode.Scalar>]) {
    self.init(ranges.map { $0.lowerBound.value...$0.upperBound.value })
  }
}

extension CharacterClass {
  /// The one member's value.
  fileprivate var onlyValue: UInt32? {
    let ranges = self[.inner].ranges
    return ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
  }
}
