/// From where in a grammar every text of an alphabet may follow, however long.
///
/// So it is within a string: what is behind each of its characters is the string again. Tokens of nothing but such
/// characters need not be tried one by one.
struct TextRuns {
  private let automaton: Automaton
  /// By state: what leads from it by a single character, whatever rules are called between.
  private var moves: [Int32: [Move]] = [:]
  private var alphabets: [Int32: Alphabet] = [:]
  private var singles: [Int32: CharacterBits] = [:]
  private var verdicts: [Verdict: Bool] = [:]

  private struct Move {
    let characters: CharacterBits
    let target: Int32
  }

  private struct Verdict: Hashable {
    let state: Int32
    let alphabet: Alphabet
  }

  private static let stateLimit = 4096
  /// Rules within rules that are looked into for single characters.
  private static let depthLimit = 8

  init(_ automaton: Automaton) { self.automaton = automaton }

  /// A large alphabet of which every text may follow at a state; empty for none that is worth the while.
  mutating func alphabet(from state: Int32) -> Alphabet {
    if let known = alphabets[state] { return known }
    let found = search(state)
    alphabets[state] = found
    return found
  }

  private mutating func search(_ state: Int32) -> Alphabet {
    guard state < Counter.firstState else { return [] }
    var alphabet = cover(state)
    for _ in 0..<3 {
      guard !alphabet.isDisjoint(with: .common) else { return [] }
      guard let reached = explore(state, alphabet) else { return [] }
      if verdicts[Verdict(state: state, alphabet: alphabet)]! { return alphabet }
      let less = reached.reduce(alphabet) { $0.intersection(cover($1)) }
      if less == alphabet { return [] }
      alphabet = less
    }
    return []
  }

  private mutating func cover(_ state: Int32) -> Alphabet {
    Alphabet(within: find(movesFrom: state).reduce(into: CharacterBits()) { $0.formUnion($1.characters) })
  }

  /// Finds out for a state, and for all that an alphabet's texts lead to, whether all such texts may follow. Returns those;
  /// nil where they are too many.
  private mutating func explore(_ start: Int32, _ alphabet: Alphabet) -> [Int32]? {
    let characters = alphabet.characters
    if verdicts[Verdict(state: start, alphabet: alphabet)] != nil { return [start] }
    var states = [start]
    var numbers = [start: 0]
    var users: [[Int]] = [[]]
    var next = 0
    while next < states.count {
      for move in find(movesFrom: states[next]) where !move.characters.isDisjoint(with: characters) {
        if let number = numbers[move.target] {
          users[number].append(next)
        } else {
          guard states.count < TextRuns.stateLimit else { return nil }
          numbers[move.target] = states.count
          states.append(move.target)
          users.append([next])
        }
      }
      next += 1
    }
    // The largest set of states of which each has a way within the set for every character.
    var holds = [Bool](repeating: true, count: states.count)
    var waiting = Array(states.indices)
    while let index = waiting.popLast() {
      guard holds[index] else { continue }
      var covered = CharacterBits()
      for move in find(movesFrom: states[index]) where numbers[move.target].map({ holds[$0] }) ?? false {
        covered.formUnion(move.characters)
      }
      guard !covered.isSuperset(of: characters) else { continue }
      holds[index] = false
      waiting += users[index]
    }
    for (index, state) in states.enumerated() { verdicts[Verdict(state: state, alphabet: alphabet)] = holds[index] }
    return states
  }

  private mutating func find(movesFrom state: Int32) -> [Move] {
    if let known = moves[state] { return known }
    var found: [Move] = []
    var seen: Set<Int32> = [state]
    var waiting = [state]
    while let state = waiting.popLast(), seen.count < TextRuns.stateLimit {
      for index in automaton.edges(of: state) {
        let edge = automaton.edges[index]
        switch edge.kind {
        case .bytes:
          guard edge.high < 0x80 else { continue }
          var characters = CharacterBits()
          characters.insert(edge.low...edge.high)
          found.append(Move(characters: characters, target: edge.target))
        case .empty: if seen.insert(edge.target).inserted { waiting.append(edge.target) }
        case .call:
          let single = single(edge.target, 0)
          if !single.isEmpty { found.append(Move(characters: single, target: edge.following)) }
          if seen.insert(edge.target).inserted { waiting.append(edge.target) }
        case .counter: break
        }
      }
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
