/// Where in a grammar every text of an alphabet may follow, however long.
///
/// So it is within a string: what is behind each of its characters is the string again. Tokens of nothing but such
/// characters need not be tried one by one.
struct TextRuns: Sendable {
  /// What leads from a place by a single character, whatever rules are called between.
  struct Move: Sendable {
    let characters: CharacterBits
    let target: Int32
  }

  private let automaton: Automaton
  /// Characters of the longest text that matters: what comes behind is not asked for.
  private let reach: Int
  private var moves: [Int32: [Move]] = [:]
  private var singles: [Int32: CharacterBits] = [:]
  /// By alphabet and state: of how many characters all its texts may follow, `endless` for any number.
  private var verdicts: [Alphabet: [Int32: Int]] = [:]
  private static let endless = Int.max

  private static let stateLimit = 4096
  /// States that are explored for an alphabet.
  private static let exploreLimit = 768
  /// Alphabets that are tried.
  private static let tries = 6
  /// States that are reached without a character.
  private static let closureLimit = 64
  /// Rules within rules that are looked into for single characters.
  private static let depthLimit = 8

  init(_ automaton: Automaton, reach: Int) {
    (self.automaton, self.reach) = (automaton, reach)
  }

  /// A large alphabet of which every text of the reach may follow where these moves are possible; empty for none that is worth the while.
  mutating func alphabet(_ first: [Move]) -> Alphabet {
    var alphabet = TextRuns.cover(first)
    for _ in 0..<TextRuns.tries {
      guard !alphabet.isDisjoint(with: .common) else { return [] }
      let reached: [Int32]
      switch explore(first, alphabet) {
      case .states(let states): reached = states
      case .narrower(let rest):
        alphabet.formIntersection(rest)
        continue
      }
      let characters = alphabet.characters
      let known = verdicts[alphabet]!
      var covered = CharacterBits()
      for move in first where (known[move.target] ?? 0) >= reach - 1 { covered.formUnion(move.characters) }
      if covered.isSuperset(of: characters) { return alphabet }
      // Without the characters that lead to where not much may follow.
      let ends = Set(reached.filter { TextRuns.cover(moves[$0] ?? []).isDisjoint(with: .common) })
      func rest(_ moves: [Move]) -> Alphabet {
        TextRuns.cover(ends.isEmpty ? moves : moves.filter { !ends.contains($0.target) })
      }
      let less = reached.reduce(alphabet.intersection(rest(first))) {
        ends.contains($1) ? $0 : $0.intersection(rest(moves[$1] ?? []))
      }
      if less == alphabet { return [] }
      alphabet = less
    }
    return []
  }

  private static func cover(_ moves: [Move]) -> Alphabet {
    Alphabet(within: moves.reduce(into: CharacterBits()) { $0.formUnion($1.characters) })
  }

  private enum Explored {
    /// The states of which nothing was known.
    case states([Int32])
    /// What may still be an alphabet: a state that is come to lets no more pass, or there are too many.
    case narrower(Alphabet)
  }

  /// Finds out for all states that an alphabet's texts lead to whether all its texts may follow there.
  private mutating func explore(_ first: [Move], _ alphabet: Alphabet) -> Explored {
    let characters = alphabet.characters
    var known = verdicts.removeValue(forKey: alphabet) ?? [:]
    defer { verdicts[alphabet] = known }
    var states: [Int32] = []
    var numbers: [Int32: Int] = [:]
    var users: [[Int]] = []
    func meet(_ moves: [Move], from user: Int?) {
      for move in moves where known[move.target] == nil && !move.characters.isDisjoint(with: characters) {
        let number = numbers[move.target] ?? states.count
        if number == states.count {
          numbers[move.target] = number
          states.append(move.target)
          users.append([])
        }
        if let user { users[number].append(user) }
      }
    }
    meet(first, from: nil)
    var next = 0
    // By number of characters: states with moves to ones of which is known that no more may follow.
    var bounded: [[Int]] = Array(repeating: [], count: reach)
    while next < states.count {
      // Letters and digits alone may lead to fewer states.
      guard states.count < TextRuns.exploreLimit else {
        return .narrower(alphabet.isSubset(of: .lettersAndDigits) ? [] : .lettersAndDigits)
      }
      let moves = find(movesFrom: states[next])
      let cover = TextRuns.cover(moves)
      if !cover.isSuperset(of: alphabet), !cover.isDisjoint(with: .common) { return .narrower(cover) }
      for move in moves {
        if let count = known[move.target], count < reach { bounded[count].append(next) }
      }
      meet(moves, from: next)
      next += 1
    }
    // The largest set of states of which each has a way within the set for every character. Those that are not in it are
    // found one after the other, and what leads to them allows for one character more.
    for state in states { known[state] = TextRuns.endless }
    var waiting = Array(states.indices)
    for characterCount in 0..<reach {
      var lost: [Int] = []
      for index in waiting where known[states[index]]! == TextRuns.endless {
        var covered = CharacterBits()
        for move in moves[states[index]]! where (known[move.target] ?? 0) >= characterCount { covered.formUnion(move.characters) }
        if !covered.isSuperset(of: characters) { lost.append(index) }
      }
      waiting = bounded[characterCount]
      for index in lost where known[states[index]]! == TextRuns.endless {
        known[states[index]] = characterCount
        waiting += users[index]
      }
    }
    return .states(states)
  }

  /// A move to a state, or to one that no text of the reach can tell from it.
  func move(_ characters: CharacterBits, to state: Int32) -> Move {
    guard state >= Counter.firstState else { return Move(characters: characters, target: state) }
    return Move(characters: characters, target: automaton.counter(of: state).equivalent(of: state, within: reach))
  }

  /// What leads from a state by single characters.
  mutating func find(movesFrom state: Int32) -> [Move] {
    if let known = moves[state] { return known }
    var found: [Move] = []
    var seen = [state]
    func enter(_ state: Int32) { if seen.count < TextRuns.closureLimit, !seen.contains(state) { seen.append(state) } }
    var next = 0
    while next < seen.count {
      let state = seen[next]
      next += 1
      for index in automaton.edges(of: state) {
        let edge = automaton.edges[index]
        switch edge.kind {
        case .bytes:
          guard edge.high < 0x80 else { continue }
          var characters = CharacterBits()
          characters.insert(edge.low...edge.high)
          found.append(Move(characters: characters, target: edge.target))
        case .empty: enter(edge.target)
        case .call:
          let single = single(edge.target)
          if !single.isEmpty { found.append(Move(characters: single, target: edge.following)) }
          // A character's spellings are many, and no more to be found there.
          if single.isEmpty || !automaton.isPart[Int(edge.target)] { enter(edge.target) }
        case .counter: enter(automaton.counters[Int(edge.target)].base)
        }
      }
      guard state >= Counter.firstState else { continue }
      let counter = automaton.counter(of: state)
      var called: [(target: Int32, following: Int32)] = []
      let mayEnd = try? counter.advance(from: state) { (target, following) throws(GrammarError) in
        called.append((target, following))
      }
      for (target, following) in called {
        let single = single(target)
        if !single.isEmpty { found.append(move(single, to: counter.successor(of: state, following, within: reach))) }
        if single.isEmpty || !automaton.isPart[Int(target)] { enter(target) }
      }
      if mayEnd ?? false { enter(counter.behind) }
    }
    moves[state] = found
    return found
  }

  /// The characters that are a rule's whole text, or what is left of it at a state.
  mutating func single(_ state: Int32) -> CharacterBits { single(state, 0) }

  private mutating func single(_ start: Int32, _ depth: Int) -> CharacterBits {
    if let known = singles[start] { return known }
    var found = CharacterBits()
    found.isWide = automaton.wideStates.contains(start)
    guard depth < TextRuns.depthLimit, start < Counter.firstState else { return found }
    var seen: Set<Int32> = [start]
    var waiting = [start]
    while let state = waiting.popLast(), seen.count < TextRuns.stateLimit {
      for index in automaton.edges(of: state) {
        let edge = automaton.edges[index]
        switch edge.kind {
        case .bytes: if edge.high < 0x80, automaton.isNullable[Int(edge.target)] { found.insert(edge.low...edge.high) }
        case .empty: if seen.insert(edge.target).inserted { waiting.append(edge.target) }
        case .call: if automaton.isNullable[Int(edge.following)] { found.formUnion(single(edge.target, depth + 1)) }
        case .counter: break
        }
      }
    }
    if depth == 0 { singles[start] = found }
    return found
  }

  /// Whether a text that goes on at a state can begin with a character of an alphabet, or what is behind the rule matters.
  func mayBegin(_ start: Int32, within alphabet: Alphabet) -> Bool {
    if start < Counter.firstState, automaton.isNullable[Int(start)] { return true }
    let characters = alphabet.characters
    var seen: Set<Int32> = [start]
    var waiting = [start]
    while let state = waiting.popLast() {
      guard state < Counter.firstState, seen.count < TextRuns.stateLimit else { return true }
      for index in automaton.edges(of: state) {
        let edge = automaton.edges[index]
        var targets: [Int32] = []
        switch edge.kind {
        case .bytes: if begins(edge, within: characters) { return true }
        case .empty: targets = [edge.target]
        case .call: targets = [edge.target] + (automaton.isNullable[Int(edge.target)] ? [edge.following] : [])
        case .counter:
          let counter = automaton.counters[Int(edge.target)]
          targets = counter.firstCalls + [counter.behind]
        }
        for target in targets where seen.insert(target).inserted { waiting.append(target) }
      }
    }
    return false
  }

  /// Whether an edge of bytes begins a character of a set.
  func begins(_ edge: Automaton.Edge, within characters: CharacterBits) -> Bool {
    if edge.high >= 0x80 && characters.isWide { return true }
    guard edge.low < 0x80 else { return false }
    var bits = CharacterBits()
    bits.insert(edge.low...min(edge.high, 0x7F))
    return !bits.isDisjoint(with: characters)
  }
}
