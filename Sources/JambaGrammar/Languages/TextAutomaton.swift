/// A deterministic automaton over Unicode scalars, from every state of which a text's end can be reached.
struct TextAutomaton {
  /// By state: sets of scalars and the states behind them.
  var transitions: [[(set: ScalarSet, target: Int)]]
  var accepts: [Bool]
}

extension LanguageTable {
  /// Scalars that no set within a language tells apart.
  private struct ScalarClasses {
    var members: [[ClosedRange<UInt32>]] = []
    var representatives: [UInt32] = []
  }

  private func scalarClasses(of language: Language) throws(GrammarError) -> ScalarClasses {
    var used: Set<ScalarSet> = []
    var seen: Set<Language> = [language]
    var waiting = [language]
    func see(_ part: Language) { if seen.insert(part).inserted { waiting.append(part) } }
    while let part = waiting.popLast() {
      switch kind(part) {
      case .nothing, .blank: break
      case .set(let number): used.insert(sets[Int(number)])
      case .sequence(let first, let second):
        see(first)
        see(second)
      case .union(let members), .both(let members): members.forEach(see)
      case .complement(let body), .repeated(let body, _, _): see(body)
      case .multiple:
        used.insert(DigitRemainder.scalars)
        for value in DigitRemainder.scalars.ranges.joined() { used.insert(ScalarSet([value...value])) }
      }
    }
    var borders: Set<UInt32> = [0, 0xD800, 0xE000, 0x110000]
    for set in used {
      for range in set.ranges {
        borders.insert(range.lowerBound)
        borders.insert(range.upperBound + 1)
      }
    }
    let sorted = borders.sorted()
    guard sorted.count * used.count <= 8_000_000 else { throw .tooLarge("a pattern's classes of characters") }
    // Segments between borders, told apart by one set after the other.
    var classOf = [Int](repeating: 0, count: sorted.count - 1)
    var count = 1
    for set in used {
      var renamed: [Int: Int] = [:]
      var range = 0
      for segment in classOf.indices {
        while range < set.ranges.count, set.ranges[range].upperBound < sorted[segment] { range += 1 }
        guard range < set.ranges.count, set.ranges[range].lowerBound <= sorted[segment] else { continue }
        let old = classOf[segment]
        if let new = renamed[old] {
          classOf[segment] = new
        } else {
          renamed[old] = count
          classOf[segment] = count
          count += 1
        }
      }
    }
    var classes = ScalarClasses()
    var numbers: [Int: Int] = [:]
    for segment in classOf.indices where sorted[segment] != 0xD800 {
      let range = sorted[segment]...sorted[segment + 1] - 1
      if let number = numbers[classOf[segment]] {
        classes.members[number].append(range)
      } else {
        numbers[classOf[segment]] = classes.members.count
        classes.members.append([range])
        classes.representatives.append(range.lowerBound)
      }
    }
    return classes
  }

  /// An automaton of a language; nil where it has more states than the limit. Without states where the language is empty.
  func automaton(of language: Language, limit: Int) throws(GrammarError) -> TextAutomaton? {
    let classes = try scalarClasses(of: language)
    var states = [language]
    var numbers = [language: 0]
    var rows: [[(target: Int, classes: [Int])]] = []
    var here = 0
    while here < states.count {
      var row: [(target: Int, classes: [Int])] = []
      var places: [Int: Int] = [:]
      for (index, representative) in classes.representatives.enumerated() {
        let next = derivative(states[here], by: representative)
        if next == nothing { continue }
        let target: Int
        if let known = numbers[next] {
          target = known
        } else {
          guard states.count < limit, !isFull else { return nil }
          target = states.count
          numbers[next] = target
          states.append(next)
        }
        if let place = places[target] {
          row[place].classes.append(index)
        } else {
          places[target] = row.count
          row.append((target, [index]))
        }
      }
      rows.append(row)
      here += 1
    }
    guard !isFull else { return nil }
    // States from which no text ends are left out.
    var users: [[Int]] = Array(repeating: [], count: states.count)
    for (state, row) in rows.enumerated() { for edge in row { users[edge.target].append(state) } }
    var leads = states.map { facts($0).isNullable }
    var waiting = leads.indices.filter { leads[$0] }
    while let state = waiting.popLast() {
      for user in users[state] where !leads[user] {
        leads[user] = true
        waiting.append(user)
      }
    }
    guard leads[0] else { return TextAutomaton(transitions: [], accepts: []) }
    var renumbered = [Int](repeating: 0, count: states.count)
    var count = 0
    for state in states.indices where leads[state] {
      renumbered[state] = count
      count += 1
    }
    var setsOfClasses: [[Int]: ScalarSet] = [:]
    var result = TextAutomaton(transitions: [], accepts: [])
    for state in states.indices where leads[state] {
      var edges: [(set: ScalarSet, target: Int)] = []
      for edge in rows[state] where leads[edge.target] {
        let set = setsOfClasses[edge.classes] ?? ScalarSet(edge.classes.flatMap { classes.members[$0] })
        setsOfClasses[edge.classes] = set
        edges.append((set, renumbered[edge.target]))
      }
      result.transitions.append(edges)
      result.accepts.append(facts(states[state]).isNullable)
    }
    return result
  }

  /// Whether a language has no text. Throws where that takes too long to find out.
  func isEmpty(_ language: Language) throws(GrammarError) -> Bool {
    if language == nothing { return true }
    if facts(language).isNullable || facts(language).isPlain { return false }
    if let known = emptiness[language] { return known }
    let classes = try scalarClasses(of: language)
    var seen: Set<Language> = [language]
    var waiting = [language]
    var next = 0
    while next < waiting.count {
      guard waiting.count < 20_000 else { throw .tooLarge("patterns that are hard to tell apart") }
      for representative in classes.representatives {
        let behind = derivative(waiting[next], by: representative)
        if facts(behind).isNullable || behind != nothing && facts(behind).isPlain {
          try check()
          emptiness[language] = false
          return false
        }
        if behind != nothing, seen.insert(behind).inserted { waiting.append(behind) }
      }
      next += 1
    }
    try check()
    emptiness[language] = true
    return true
  }
}
