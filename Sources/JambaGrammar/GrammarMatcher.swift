/// Follows an answer through a grammar and says which tokens may come next.
struct GrammarMatcher {
  private var sets: StackSets
  /// Made with the first mask, for its vocabulary.
  private var runs: StringRuns?
  private let automaton: Automaton
  private let byteClass: [UInt8]
  private let hasUnique: Bool
  private var unique = UniqueItems()
  private var start: Int32
  private var here: Int32
  /// Masks of places that were there before: inside a string, a place comes back with every token.
  private var masks = MaskCache()
  private var path: [Int32] = []

  init(_ automaton: Automaton) throws(GrammarError) {
    sets = StackSets(automaton)
    self.automaton = automaton
    byteClass = automaton.byteClass
    hasUnique = !automaton.uniqueStates.isEmpty
    start = try sets.initial()
    here = start
  }

  /// About how much memory it takes.
  var byteCount: Int { sets.byteCount + masks.byteCount }

  /// Goes back to where a text begins.
  mutating func restart() {
    here = start
    unique = UniqueItems()
  }

  /// Whether the text may end here.
  var accepts: Bool { sets.accepts(here) }

  /// Whether the text must end here.
  var isComplete: Bool { sets.isComplete(here) }

  /// Goes on by a text. False, and no change, where the grammar does not allow it.
  mutating func advance(_ text: some Sequence<UInt8>) throws(GrammarError) -> Bool {
    var next = here
    var items = unique
    sets.work = 0
    for byte in text {
      if sets.byteCount > GrammarLimits.stackBytes {
        var kept = [here, next]
        try forgetAll(but: &kept)
        (here, next) = (kept[0], kept[1])
      }
      guard try step(&next, &items, byte) else { return false }
    }
    here = next
    unique = items
    return true
  }

  /// Goes on by a byte, in the grammar and beside it.
  @inline(__always)
  private mutating func step(_ set: inout Int32, _ items: inout UniqueItems, _ byte: UInt8) throws(GrammarError) -> Bool {
    let before = set
    set = try sets.step(set, byteClass: byteClass[Int(byte)])
    if set == StackSets.dead { return false }
    guard hasUnique else { return true }
    let opens = byte == UInt8(ascii: "[") && sets.opensUnique(before, byteClass: byteClass[Int(byte)])
    return items.take(byte, opens: opens)
  }

  /// The bytes that must come next, as far as there is no choice and as many as that.
  mutating func onlyBytes(limit: Int) throws(GrammarError) -> [UInt8] {
    sets.work = 0
    var place = here
    var bytes: [UInt8] = []
    while bytes.count < limit, sets.byteCount < GrammarLimits.stackBytes, let byte = sets.onlyByte(place) {
      bytes.append(byte)
      place = try sets.step(place, byteClass: byteClass[Int(byte)])
    }
    return bytes
  }

  /// Forgets all but where it stands.
  mutating func forget() throws(GrammarError) {
    var kept = [here]
    try forgetAll(but: &kept)
    here = kept[0]
  }

  private mutating func forgetAll(but kept: inout [Int32]) throws(GrammarError) {
    masks = MaskCache()
    kept.append(start)
    try sets.forgetAll(but: &kept)
    start = kept.removeLast()
    guard sets.byteCount < GrammarLimits.stackBytes / 2 else { throw .tooAmbiguous }
  }

  /// The tokens whose whole text may come next; `endTokens` where the text may end, too.
  ///
  /// - Parameter isKept: false for a vocabulary or end tokens that are not those of the next call.
  mutating func mask(
    _ trie: TokenTrie, endTokens: Set<Int32>, isKept: Bool = true
  ) throws(GrammarError) -> TokenMask {
    guard hasUnique else { return try grammarMask(trie, endTokens, isKept) }
    var mask = try grammarMask(trie, endTokens, isKept)
    try removeRepeated(from: &mask, trie, endTokens)
    return mask
  }

  private mutating func grammarMask(
    _ trie: TokenTrie, _ endTokens: Set<Int32>, _ isKept: Bool
  ) throws(GrammarError) -> TokenMask {
    sets.work = 0
    if sets.byteCount > GrammarLimits.stackBytes { try forget() }
    let place = isKept ? try sets.equivalent(of: here, within: trie.tree.maximumDepth) : here
    if isKept, let mask = masks[place] { return mask }
    var runs = self.runs ?? StringRuns(automaton, trie)
    self.runs = nil
    // A run has all of one of these, so what cannot come is soon known.
    let mayRun = [UInt8(ascii: "g"), UInt8(ascii: "G")].contains { sets.mayStep(place, byteClass: byteClass[Int($0)]) }
    let run = mayRun ? runs.run(at: place, sets) : nil
    self.runs = runs
    var mask = run.map { trie.mask(of: $0.alphabet, characters: $0.characters) } ?? TokenMask(vocabularyCount: trie.vocabularyCount)
    let isAll = run?.alphabet == .all
    let hasMoved = try walk(isAll ? trie.markedTree : trie.tree, leavingOut: isAll ? [] : run?.alphabet ?? [], from: place, into: &mask)
    if accepts { for token in endTokens { mask.insert(token) } }
    if isKept, !hasMoved { masks.keep(mask, at: place) }
    return mask
  }

  /// Adds the tokens of a tree that may come at a place, but for those of an alphabet. True if the place has another number
  /// now, because memory ran short.
  private mutating func walk(
    _ tree: TokenTree, leavingOut alphabet: Alphabet, from place: Int32, into mask: inout TokenMask
  ) throws(GrammarError) -> Bool {
    if path.count <= tree.maximumDepth { path = Array(repeating: 0, count: tree.maximumDepth + 1) }
    path[0] = place
    var hasMoved = false
    for byte in 0..<256 where tree.roots[byte] >= 0 {
      if try walk(tree, root: Int(tree.roots[byte]), leavingOut: alphabet, into: &mask) { hasMoved = true }
    }
    return hasMoved
  }

  /// The same for the tokens that begin with a byte. `path` holds where they begin.
  @inline(__always)
  private mutating func walk(
    _ tree: TokenTree, root: Int, leavingOut alphabet: Alphabet, into mask: inout TokenMask
  ) throws(GrammarError) -> Bool {
    let nodes = tree.nodes
    guard sets.mayStep(path[0], byteClass: byteClass[Int(nodes[root].byte)]) else { return false }
    var hasMoved = false
    var index = root
    let end = Int(nodes[root].end)
    let others = ~alphabet.rawValue
    while index < end {
      let node = nodes[index]
      let depth = Int(node.depth)
      let byteClass = byteClass[Int(node.byte)]
      if node.kinds.rawValue & others == 0 || !sets.mayStep(path[depth], byteClass: byteClass) {
        index = Int(node.end)
        continue
      }
      if sets.byteCount > GrammarLimits.stackBytes {
        hasMoved = true
        var kept = Array(path[...depth]) + [here]
        try forgetAll(but: &kept)
        path.replaceSubrange(...depth, with: kept.dropLast())
        here = kept[depth + 1]
      }
      let next = try sets.step(path[depth], byteClass: byteClass)
      if next == StackSets.dead {
        index = Int(node.end)
        continue
      }
      path[depth + 1] = next
      index += 1
      for token in Int(node.tokenStart)..<Int(nodes[index].tokenStart) { mask.insert(tree.tokens[token]) }
    }
    return hasMoved
  }

  // MARK: Items that differ

  /// Tokens of which so many are looked at for what must come behind them.
  private static let lookaheadLimit = 300
  private static let lookaheadBytes = 64

  /// Takes out the tokens by which an item would come again.
  private mutating func removeRepeated(
    from mask: inout TokenMask, _ trie: TokenTrie, _ endTokens: Set<Int32>
  ) throws(GrammarError) {
    let candidates: [Int32]
    var looksAhead = false
    if !unique.isActive {
      candidates = trie.openingTokens
    } else if unique.isFirst {
      candidates = trie.closingTokens
    } else {
      looksAhead = mask.count <= GrammarMatcher.lookaheadLimit
      // Within a long string only what may end it matters.
      if looksAhead {
        candidates = mask.tokens
      } else if let ends = unique.repeatingEnds {
        candidates = ends.flatMap { trie.tokens(beginningWith: $0) } + trie.endingTokens
      } else {
        candidates = trie.structuralTokens
      }
    }
    for token in candidates where mask.contains(Int(token)) && !endTokens.contains(token) {
      // Forgetting renumbers `here`, and nothing else is kept in between.
      if sets.byteCount > GrammarLimits.stackBytes { try forget() }
      sets.work = 0
      if try !isNew(trie.text(of: token), looksAhead) { mask.remove(token) }
    }
  }

  private mutating func isNew(_ text: ArraySlice<UInt8>, _ looksAhead: Bool) throws(GrammarError) -> Bool {
    var (place, items) = (here, unique)
    for byte in text { guard try step(&place, &items, byte) else { return false } }
    guard looksAhead else { return true }
    // Where only one byte can follow, it must be one that may.
    for _ in 0..<GrammarMatcher.lookaheadBytes where items.isActive {
      var only: (Int32, UniqueItems)?
      for byte in UInt8.min...UInt8.max where sets.mayStep(place, byteClass: byteClass[Int(byte)]) {
        var (next, others) = (place, items)
        guard try step(&next, &others, byte) else { continue }
        if only != nil { return true }
        only = (next, others)
      }
      guard let one = only else { return false }
      (place, items) = one
    }
    return true
  }
}
