/// A deterministic automaton over Unicode scalars, from every state of which a text's end can be reached.
struct TextAutomaton: Sendable {
  /// By state: sets of scalars and the states behind them.
  var transitions: [[(set: ScalarSet, target: Int)]]
  var accepts: [Bool]
}

extension LanguageTable {
  /// Scalars that no set within a language tells apart.
  private struct ScalarClasses {
    var members: [[ClosedRange<UInt32>]] = []
    var representatives: [UInt32] = []
    /// By set: which classes lie in it.
    var contained: [Int32: [Int]] = [:]

    mutating func classes(in number: Int32, _ set: ScalarSet) -> [Int] {
      if let known = contained[number] { return known }
      let classes = representatives.indices.filter { set.contains(representatives[$0]) }
      contained[number] = classes
      return classes
    }
  }

  /// Classes that behave alike behind a language, in groups.
  private func groups(_ classes: inout ScalarClasses, behind language: Language) -> [[Int]] {
    let beginnings = beginnings(of: language)
    let count = classes.representatives.count
    guard beginnings.count <= 64, count > 1 else { return (0..<count).map { [$0] } }
    // By class: in which of the sets it lies.
    var signatures = [UInt64](repeating: 0, count: count)
    for (bit, number) in beginnings.enumerated() {
      for index in classes.classes(in: number, sets[Int(number)]) { signatures[index] |= 1 << UInt64(bit) }
    }
    var groups: [[Int]] = []
    var known: [UInt64] = []
    for (index, signature) in signatures.enumerated() {
      if let place = known.firstIndex(of: signature) {
        groups[place].append(index)
      } else {
        known.append(signature)
        groups.append([index])
      }
    }
    return groups
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
      case .variable(let number): see(definitions[Int(number)])
      case .multiple:
        used.formUnion(DigitRemainder.scalarSets)
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
    var classes = try scalarClasses(of: language)
    var states = [language]
    var numbers = [language: 0]
    var rows: [[(target: Int, classes: [Int])]] = []
    var here = 0
    while here < states.count {
      var row: [(target: Int, classes: [Int])] = []
      var places: [Int: Int] = [:]
      for group in groups(&classes, behind: states[here]) {
        let next = derivative(states[here], by: classes.representatives[group[0]])
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
          row[place].classes += group
        } else {
          places[target] = row.count
          row.append((target, group))
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
    if case .both(let members) = kind(language), members.count == 2 {
      // A pattern beside a length that its shortest text has.
      for (one, other) in [(members[0], members[1]), (members[1], members[0])] {
        guard case .repeated(scalar, let least, let most) = kind(other), facts(one).isPlain else { continue }
        if facts(one).least >= Int(least), most < 0 || facts(one).least <= Int(most) { return false }
      }
    }
    var classes = try scalarClasses(of: language)
    var seen: Set<Language> = [language]
    var waiting = [language]
    var next = 0
    while next < waiting.count {
      guard waiting.count < 20_000 else { throw .tooLarge("patterns that are hard to tell apart") }
      for group in groups(&classes, behind: waiting[next]) {
        let behind = derivative(waiting[next], by: classes.representatives[group[0]])
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
