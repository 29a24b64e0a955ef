/// Finds what alphabet a place within a string lets pass, and for how many characters.
struct StringRuns {
  struct Run {
    let alphabet: Alphabet
    /// Texts of the alphabet may follow if they have no more characters.
    let characters: Int
  }

  private let automaton: Automaton
  private var texts: TextRuns
  /// Characters of the longest token.
  private let longest: Int

  init(_ automaton: Automaton, _ trie: TokenTrie) {
    self.automaton = automaton
    longest = trie.maximumCharacters
    texts = TextRuns(automaton, reach: longest)
  }

  /// What texts of an alphabet may come: all up to a length, and, if that is less than a token's, none beyond it.
  mutating func run(at place: Int32, _ sets: StackSets) -> Run? {
    let pairs = sets.pairs(place)
    let counted = countedRun(pairs, sets)
    if let counted, counted.alphabet == .all { return counted }
    var moves: [TextRuns.Move] = []
    for pair in pairs {
      moves += texts.find(movesFrom: pair.state)
      let single = texts.single(pair.state)
      guard !single.isEmpty else { continue }
      for behind in sets.pairs(pair.below) { moves.append(texts.move(single, to: behind.state)) }
    }
    let endless = texts.alphabet(moves)
    if let counted, counted.alphabet.isStrictSuperset(of: endless) { return counted }
    return endless.isEmpty ? nil : Run(alphabet: endless, characters: Int.max)
  }

  /// What may come within a repetition of single characters.
  private mutating func countedRun(_ pairs: [(state: Int32, below: Int32)], _ sets: StackSets) -> Run? {
    for below in Set(pairs.map(\.below)) {
      let waiting = sets.pairs(below)
      guard waiting.count == 1, !sets.accepts(below), waiting[0].state >= Counter.firstState else { continue }
      let counter = automaton.counter(of: waiting[0].state)
      guard case .repetition(let body, _, let most) = counter.kind else { continue }
      var characters = CharacterBits()
      for pair in pairs where pair.below == below { characters.formUnion(texts.single(pair.state)) }
      let alphabet = Alphabet(within: characters).intersection(Alphabet(within: texts.single(body)))
      let left = most - Int(waiting[0].state - counter.base) + 1
      guard !alphabet.isDisjoint(with: .common) else { continue }
      if left >= longest || isBounded(alphabet, pairs, below, counter) { return Run(alphabet: alphabet, characters: left) }
    }
    return nil
  }

  /// Whether texts of an alphabet can come by way of a repetition alone, a count a character, and must end with it.
  private func isBounded(
    _ alphabet: Alphabet, _ pairs: [(state: Int32, below: Int32)], _ below: Int32, _ counter: Counter
  ) -> Bool {
    let characters = alphabet.characters
    for pair in pairs {
      if pair.below == below, automaton.wideStates.contains(pair.state) { continue }
      for index in automaton.byteEdges(of: pair.state) {
        let edge = automaton.edges[index]
        guard texts.begins(edge, within: characters) else { continue }
        guard pair.below == below, automaton.onlyEnds(edge.target) else { return false }
      }
    }
    return !texts.mayBegin(counter.behind, within: alphabet)
  }
}
