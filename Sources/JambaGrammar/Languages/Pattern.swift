/// A regular expression as it is written.
indirect enum Pattern {
  case blank
  case characters(CharacterClass)
  case sequence([Pattern])
  case choice([Pattern])
  case repeated(Pattern, Int, Int?)
  /// `^` and `$`.
  case start
  case end
  /// `(?=…)`, or `(?!…)`.
  case ahead(Pattern, isNegative: Bool)

  var hasAssertion: Bool {
    switch self {
    case .blank, .characters: false
    case .start, .end, .ahead: true
    case .sequence(let parts), .choice(let parts): parts.contains { $0.hasAssertion }
    case .repeated(let body, _, _): body.hasAssertion
    }
  }

  var hasStart: Bool {
    switch self {
    case .blank, .characters, .end: false
    case .start: true
    case .sequence(let parts), .choice(let parts): parts.contains { $0.hasStart }
    case .repeated(let body, _, _), .ahead(let body, _): body.hasStart
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
/// look ahead, is an intersection.
struct PatternReader {
  let table: LanguageTable
  let reading: Reading

  func language(of pattern: Pattern) throws(PatternFailure) -> Language {
    let first = try read(pattern, then: table.anything, isAtStart: true)
    let later = try read(pattern, then: table.anything, isAtStart: false)
    return table.union([
      first, table.sequence(table.repeated(table.scalar, pattern.hasStart ? 1 : 0, nil), later),
    ])
  }

  private func read(_ pattern: Pattern, then rest: Language, isAtStart: Bool) throws(PatternFailure) -> Language {
    if rest == table.nothing { return rest }
    guard pattern.hasAssertion else { return table.sequence(plain(pattern), rest) }
    switch pattern {
    case .blank, .characters: return rest
    case .start: return isAtStart ? rest : table.nothing
    case .end:
      // Some readers let a line break stand behind the end.
      let ends = reading == .inner ? table.blank : table.optional(table.set(ScalarSet(of: "\n")))
      return table.both([rest, ends])
    case .ahead(let body, let isNegative):
      let other = PatternReader(table: table, reading: isNegative ? reading.opposite : reading)
      let seen = try other.read(body, then: table.anything, isAtStart: isAtStart)
      return table.both([rest, isNegative ? table.complement(seen) : seen])
    case .choice(let alternatives):
      var languages: [Language] = []
      for alternative in alternatives {
        languages.append(try read(alternative, then: rest, isAtStart: isAtStart))
      }
      return table.union(languages)
    case .sequence(let parts): return try read(parts[...], then: rest, isAtStart: isAtStart)
    case .repeated(let body, let least, let most):
      guard let most, most <= 8 else {
        throw PatternFailure(reason: "an anchor or a look ahead inside a repetition")
      }
      let optional = Pattern.choice([body, .blank])
      return try read(
        Array(repeating: body, count: least)[...] + Array(repeating: optional, count: most - least), then: rest,
        isAtStart: isAtStart)
    }
  }

  private func read(_ parts: ArraySlice<Pattern>, then rest: Language, isAtStart: Bool) throws(PatternFailure) -> Language {
    guard let first = parts.first else { return rest }
    let others = parts.dropFirst()
    guard isAtStart, others.contains(where: { $0.hasStart }) else {
      // Only what stands before anything was taken is at the start.
      var behind = rest
      for part in others.reversed() { behind = try read(part, then: behind, isAtStart: false) }
      return try read(first, then: behind, isAtStart: isAtStart)
    }
    let unmoved = try read(others, then: rest, isAtStart: true)
    if first.isEmptyAssertion { return try read(first, then: unmoved, isAtStart: true) }
    guard !first.hasAssertion else { throw PatternFailure(reason: "an anchor behind other anchors") }
    let moved = try read(others, then: rest, isAtStart: false)
    let taken = plain(first)
    return table.union([
      table.facts(taken).isNullable ? unmoved : table.nothing,
      table.sequence(table.both([taken, table.repeated(table.scalar, 1, nil)]), moved),
    ])
  }

  private func plain(_ pattern: Pattern) -> Language {
    switch pattern {
    case .characters(let set): table.set(set[reading])
    case .sequence(let parts): table.sequence(parts.map(plain))
    case .choice(let alternatives): table.union(alternatives.map(plain))
    case .repeated(let body, let least, let most): table.repeated(plain(body), least, most)
    case .blank, .start, .end, .ahead: table.blank
    }
  }
}

extension Pattern {
  /// Whether it takes no character.
  fileprivate var isEmptyAssertion: Bool {
    switch self {
    case .start, .end, .ahead, .blank: true
    default: false
    }
  }
}
