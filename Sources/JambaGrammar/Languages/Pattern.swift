/// A regular expression as it is written.
indirect enum Pattern {
  case blank
  case characters(CharacterClass)
  /// `.`.
  case point
  case sequence([Pattern])
  case choice([Pattern])
  case repeated(Pattern, Int, Int?)
  /// `^` and `$`.
  case start
  case end
  /// `(?=…)`, or `(?!…)`.
  case ahead(Pattern, isNegative: Bool)
  /// `(?<=…)`, or `(?<!…)`.
  case behind(Pattern, isNegative: Bool)

  /// `\b`, or `\B`.
  static func boundary(isNegative: Bool) -> Pattern {
    let word = Pattern.characters(.word)
    return .choice(
      [false, true].map { isBehind in
        .sequence([.behind(word, isNegative: !isBehind), .ahead(word, isNegative: isBehind != isNegative)])
      })
  }

  var hasAssertion: Bool {
    switch self {
    case .blank, .characters, .point: false
    case .start, .end, .ahead, .behind: true
    case .sequence(let parts), .choice(let parts): parts.contains { $0.hasAssertion }
    case .repeated(let body, _, _): body.hasAssertion
    }
  }

  var hasStart: Bool {
    switch self {
    case .blank, .characters, .point, .end: false
    case .start: true
    case .sequence(let parts), .choice(let parts): parts.contains { $0.hasStart }
    case .repeated(let body, _, _), .ahead(let body, _), .behind(let body, _): body.hasStart
    }
  }

  var looksBehind: Bool {
    switch self {
    case .blank, .characters, .point, .start, .end: false
    case .behind: true
    case .sequence(let parts), .choice(let parts): parts.contains { $0.looksBehind }
    case .repeated(let body, _, _), .ahead(let body, _): body.looksBehind
    }
  }

  /// How many characters it takes at least.
  fileprivate var least: Int {
    switch self {
    case .characters, .point: 1
    case .blank, .start, .end, .ahead, .behind: 0
    case .sequence(let parts): parts.reduce(0) { $0 + $1.least }
    case .choice(let alternatives): alternatives.map(\.least).min() ?? 0
    case .repeated(let body, let least, _): least * body.least
    }
  }

  /// How many expressions it is.
  fileprivate var size: Int {
    switch self {
    case .blank, .characters, .point, .start, .end: 1
    case .sequence(let parts), .choice(let parts): parts.reduce(1) { $0 + $1.size }
    case .repeated(let body, _, _), .ahead(let body, _), .behind(let body, _): 1 + body.size
    }
  }

  /// The parts of a sequence, those of sequences within it among them.
  fileprivate var parts: [Pattern] {
    if case .sequence(let parts) = self { return parts.flatMap(\.parts) }
    return [self]
  }

  /// Whether it never takes a character.
  fileprivate var takesNothing: Bool {
    switch self {
    case .characters, .point: false
    case .blank, .start, .end, .ahead, .behind: true
    case .sequence(let parts), .choice(let parts): parts.allSatisfy(\.takesNothing)
    case .repeated(let body, _, let most): most == 0 || body.takesNothing
    }
  }
}

/// Which of a pattern's readings is meant, where readers differ.
enum Reading {
  /// The texts in which every reader finds it.
  case inner
  /// The texts in which any reader finds it.
  case outer

  var opposite: Reading { self == .inner ? .outer : .inner }
}

/// Makes languages of patterns: the texts in which a pattern is found.
///
/// It goes from the end of a pattern to its beginning, with the language of what may follow: there an end of the text, or a
/// look ahead, is an intersection. A look behind is one of what stands before it.
struct PatternReader {
  let table: LanguageTable
  let reading: Reading

  /// Copies of a repetition's body, and ways through choices that look behind, at most.
  private static let copies = 2000
  private static let ways = 256

  func language(of pattern: Pattern) throws(PatternFailure) -> Language {
    if pattern.looksBehind {
      // What stands before the place where it is found is then a part of it.
      let before = [Pattern.start, .repeated(.characters(CharacterClass(.all)), 0, nil)]
      var found: [Language] = []
      for way in try PatternReader.ways(through: [pattern]) {
        if case .start? = way.first {
          found.append(try read(way[...], then: table.anything, isAtStart: true))
        } else {
          found.append(try read((before + way)[...], then: table.anything, isAtStart: true))
        }
      }
      return table.union(found)
    }
    let first = try read(pattern, then: table.anything, isAtStart: true)
    let later = try read(pattern, then: table.anything, isAtStart: false)
    return table.union([
      first, table.sequence(table.repeated(table.scalar, pattern.hasStart ? 1 : 0, nil), later),
    ])
  }

  private func read(_ pattern: Pattern, then rest: Language, isAtStart: Bool) throws(PatternFailure) -> Language {
    if rest == table.nothing { return rest }
    guard pattern.hasAssertion else { return table.sequence(whole(pattern), rest) }
    switch pattern {
    case .blank, .characters, .point: return rest
    case .start: return isAtStart ? rest : table.nothing
    case .end:
      // Some readers let a line break stand behind the end.
      let ends = reading == .inner ? table.blank : table.optional(table.set(ScalarSet(of: "\n")))
      return table.both([rest, ends])
    case .ahead(let body, let isNegative):
      let other = PatternReader(table: table, reading: isNegative ? reading.opposite : reading)
      let seen = try other.read(body, then: table.anything, isAtStart: isAtStart)
      return table.both([rest, isNegative ? table.complement(seen) : seen])
    case .behind: return try read([pattern][...], then: rest, isAtStart: isAtStart)
    case .choice(let alternatives):
      var languages: [Language] = []
      for alternative in alternatives {
        languages.append(try read(alternative, then: rest, isAtStart: isAtStart))
      }
      return table.union(languages)
    case .sequence(let parts):
      guard pattern.looksBehind else {
        return try read(parts.flatMap(\.parts)[...], then: rest, isAtStart: isAtStart)
      }
      var ways: [Language] = []
      for way in try PatternReader.ways(through: parts) { ways.append(try read(way[...], then: rest, isAtStart: isAtStart)) }
      return table.union(ways)
    case .repeated(let body, let least, let most):
      if body.takesNothing { return least == 0 ? rest : try read(body, then: rest, isAtStart: isAtStart) }
      guard let most else { return try read(repeating: body, least, then: rest, isAtStart: isAtStart) }
      guard most <= 8 || most * body.size <= PatternReader.copies else {
        throw PatternFailure(reason: "an anchor or a look ahead inside a long repetition")
      }
      if body.least == 0 {
        let optional = Pattern.choice([body, .blank])
        return try read(
          Array(repeating: body, count: least)[...] + Array(repeating: optional, count: most - least), then: rest,
          isAtStart: isAtStart)
      }
      // One within the other, so that each count is one more alternative, not as many as there are below it.
      var following = rest
      for count in stride(from: most, to: least, by: -1) {
        following = table.union([rest, try read(body, then: following, isAtStart: isAtStart && count == 1)])
      }
      return try read(Array(repeating: body, count: least)[...], then: following, isAtStart: isAtStart)
    }
  }

  /// A repetition without end: a language that names itself.
  private func read(
    repeating body: Pattern, _ least: Int, then rest: Language, isAtStart: Bool
  ) throws(PatternFailure) -> Language {
    guard body.least > 0, least <= 8 else {
      throw PatternFailure(reason: "an anchor or a look ahead inside a repetition of what may be empty")
    }
    let more = table.variable(isNullable: table.facts(rest).isNullable)
    table.define(more, table.union([rest, try read(body, then: more, isAtStart: false)]))
    if least > 0 { return try read(Array(repeating: body, count: least)[...], then: more, isAtStart: isAtStart) }
    guard isAtStart, body.hasStart else { return more }
    return table.union([rest, try read(body, then: more, isAtStart: true)])
  }

  /// A sequence without choices that look behind: one for each way through them, sequences within it being taken apart.
  private static func ways(through parts: [Pattern]) throws(PatternFailure) -> [[Pattern]] {
    var ways: [[Pattern]] = [[]]
    for part in parts {
      var choices: [[Pattern]]
      switch part {
      case _ where !part.looksBehind: choices = [[part]]
      case .sequence(let inner): choices = try PatternReader.ways(through: inner)
      case .choice(let alternatives):
        choices = []
        for alternative in alternatives { choices += try PatternReader.ways(through: [alternative]) }
      case .repeated(let body, let least, let most?) where most * body.size <= copies:
        let optional = Pattern.choice([body, .blank])
        choices = try PatternReader.ways(
          through: Array(repeating: body, count: least) + Array(repeating: optional, count: most - least))
      default: choices = [[part]]
      }
      guard ways.count * choices.count <= PatternReader.ways else {
        throw PatternFailure(reason: "looking behind in more than \(PatternReader.ways) ways")
      }
      if choices.count == 1 {
        for index in ways.indices { ways[index] += choices[0] }
      } else {
        ways = ways.flatMap { way in choices.map { way + $0 } }
      }
    }
    return ways
  }

  private func read(_ parts: ArraySlice<Pattern>, then rest: Language, isAtStart: Bool) throws(PatternFailure) -> Language {
    guard isAtStart, let last = parts.dropFirst().lastIndex(where: \.hasStart) else {
      return try readOnward(parts, then: rest, isAtStart: isAtStart)
    }
    // A look behind sees what stands before it, so what follows is read anew from each part on.
    let looksBehind = parts[..<last].contains(where: \.looksBehind)
    guard !looksBehind || parts.count <= PatternReader.ways else {
      throw PatternFailure(reason: "looking behind among more than \(PatternReader.ways) parts with anchors")
    }
    // What follows where nothing was taken so far, and where something was.
    var unmoved = try readOnward(parts[last...], then: rest, isAtStart: true)
    var moved = try readOnward(parts[last...], then: rest, isAtStart: false)
    for index in (parts.startIndex..<last).reversed() {
      let part = parts[index]
      if part.takesNothing {
        unmoved = try read(part, then: unmoved, isAtStart: true)
      } else {
        if looksBehind { moved = try readOnward(parts[(index + 1)...], then: rest, isAtStart: false) }
        if part.least > 0, moved == table.nothing {
          unmoved = moved
        } else {
          guard !part.hasAssertion else { throw PatternFailure(reason: "an anchor behind other anchors") }
          let taken = whole(part)
          unmoved = table.union([
            table.facts(taken).isNullable ? unmoved : table.nothing,
            table.sequence(table.both([taken, table.repeated(table.scalar, 1, nil)]), moved),
          ])
        }
      }
      if !looksBehind { moved = try read(part, then: moved, isAtStart: false) }
    }
    return unmoved
  }

  /// Reads parts of which only the first may ask for the start.
  private func readOnward(
    _ parts: ArraySlice<Pattern>, then rest: Language, isAtStart: Bool
  ) throws(PatternFailure) -> Language {
    var following = rest
    var index = parts.endIndex
    while index > parts.startIndex {
      index -= 1
      if case .behind = parts[index] {
        (index, following) = try readBehind(parts[...index], then: following, isAtStart: isAtStart)
      } else {
        following = try read(parts[index], then: following, isAtStart: isAtStart && index == parts.startIndex)
      }
    }
    return following
  }

  /// Reads a look behind at the end of some parts, with what it looks at: assertions beside it, and what was taken before
  /// them. Returns the place of the first part that was read.
  private func readBehind(
    _ parts: ArraySlice<Pattern>, then rest: Language, isAtStart: Bool
  ) throws(PatternFailure) -> (Int, Language) {
    var following = rest
    var conditions: [Language] = []
    var reach = 0
    var index = parts.endIndex
    while index > parts.startIndex, parts[index - 1].isEmptyAssertion {
      if case .start = parts[index - 1] { break }
      index -= 1
      guard case .behind(let body, let isNegative) = parts[index] else {
        following = try read(parts[index], then: following, isAtStart: false)
        continue
      }
      guard !body.hasAssertion else { throw PatternFailure(reason: "an assertion in a look behind") }
      let seen = PatternReader(table: table, reading: isNegative ? reading.opposite : reading).whole(body)
      let condition = table.sequence(table.anything, seen)
      conditions.append(isNegative ? table.complement(condition) : condition)
      reach = max(reach, table.facts(seen).most)
    }
    let end = index
    while index > parts.startIndex, !parts[index - 1].hasAssertion { index -= 1 }
    let taken = whole(.sequence(Array(parts[index..<end])))
    let isWhole = isAtStart && parts[..<index].allSatisfy(\.isEmptyAssertion)
    guard isWhole || table.facts(taken).least >= reach else {
      throw PatternFailure(reason: "looking further behind than the part before it")
    }
    return (index, table.sequence(table.both([taken] + conditions), following))
  }

  /// The texts that a pattern without assertions takes as a whole.
  func whole(_ pattern: Pattern) -> Language {
    switch pattern {
    case .characters(let set): table.set(set[reading])
    case .point: table.set(CharacterClass.point[reading])
    case .sequence(let parts): table.sequence(parts.map(whole))
    case .choice(let alternatives): table.union(alternatives.map(whole))
    case .repeated(let body, let least, let most): table.repeated(whole(body), least, most)
    case .blank, .start, .end, .ahead, .behind: table.blank
    }
  }
}

extension Pattern {
  /// Whether it takes no character.
  fileprivate var isEmptyAssertion: Bool {
    switch self {
    case .start, .end, .ahead, .behind, .blank: true
    default: false
    }
  }
}
