/// Follows an answer through a grammar and says which tokens may come next.
struct GrammarMatcher {
  private var sets: StackSets
  /// Made with the first mask, for its vocabulary.
  private var runs: StringRuns?
  private let automaton: Automaton
  private let byteClass: [UInt8]
  private let hasUnique: Bool
  private var unique = UniqueItems()
  private var lastItem = UniqueItems.Last()
  private var start: Int32
  private var here: Int32
  /// Masks of places that were there before: inside a string, a place comes back with every token.
  private var masks = MaskCache()
  /// Masks of what stands on top of stacks.
  private var tops = TopMasks()
  /// By place outside of arrays whose items must differ: the tokens by which an item would come again.
  private var repeating: [Int32: [Int32]] = [:]
  private var path: [Int32] = []
  private var bytes: [UInt8] = []

  init(_ automaton: Automaton) throws(GrammarError) {
    sets = StackSets(automaton)
    self.automaton = automaton
    byteClass = automaton.byteClass
    hasUnique = !automaton.uniqueStates.isEmpty
    start = try sets.initial()
    here = start
  }

  /// About how much memory it takes.
  var byteCount: Int { sets.byteCount + masks.byteCount + tops.byteCount + 64 * repeating.count }

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
    return items.take(byte, opens: opens, &lastItem)
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
    tops = TopMasks()
    repeating = [:]
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
    var mask = try grammarMask(trie, endTokens, isKept)
    guard hasUnique else { return mask }
    // Outside of such arrays all depends on the place.
    let isOutside = isKept && !unique.isActive
    if isOutside, let known = repeating[here] {
      for token in known { mask.remove(token) }
      return mask
    }
    let before = here
    let removed = try removeRepeated(from: &mask, trie, endTokens)
    if isOutside, before == here {
      if repeating.count > GrammarMatcher.repeatingLimit { repeating = [:] }
      repeating[here] = removed
    }
    return mask
  }

  private mutating func grammarMask(
    _ trie: TokenTrie, _ endTokens: Set<Int32>, _ isKept: Bool
  ) throws(GrammarError) -> TokenMask {
    sets.work = 0
    if sets.byteCount > GrammarLimits.stackBytes { try forget() }
    let place = isKept ? try sets.equivalent(of: here, within: trie.tree.maximumDepth) : here
    if isKept, let known = masks[place] { return MaskBuilder(known, vocabularyCount: trie.vocabularyCount).mask }
    if runs == nil { runs = StringRuns(automaton, trie) }
    var builder = MaskBuilder(vocabularyCount: trie.vocabularyCount)
    var hasMoved = false
    let isDone = isKept ? try addTops(of: place, trie, to: &builder) : false
    if !isDone {
      sets.work = 0
      builder = MaskBuilder(vocabularyCount: trie.vocabularyCount)
      var open: [Int32]?
      hasMoved = try explore(place, TopMasks.all, trie, to: &builder, open: &open, mayForget: true).hasMoved
    }
    if accepts { for token in endTokens { builder.insert(token) } }
    let mask = builder.mask
    if isKept, !hasMoved { masks.keep(builder.kept(mask), at: place) }
    return mask
  }

  // MARK: Tops of stacks

  /// Tops of a place that are looked at one by one; where more of them are new, all are looked at together.
  private static let newTops = 192
  /// Places below tops that are looked at for one mask.
  private static let lookLimit = 200

  /// Adds the tokens that may come at a place, top by top. False, and some of them added, where that does not pay or might not
  /// be exact: they are to be looked for all together.
  private mutating func addTops(
    of place: Int32, _ trie: TokenTrie, to builder: inout MaskBuilder
  ) throws(GrammarError) -> Bool {
    if tops.byteCount > GrammarLimits.topBytes { tops = TopMasks() }
    var looks = [(place, TopMasks.all)]
    var next = 0
    while next < looks.count {
      let (set, texts) = looks[next]
      next += 1
      let all = try sets.tops(of: set)
      let isMany = all.count > GrammarMatcher.newTops && all.count(where: { tops[$0.set, texts] == nil }) > GrammarMatcher.newTops
      if isMany {
        guard next > 1 else { return false }
        var open: [Int32]?
        guard try explore(set, texts, trie, to: &builder, open: &open, mayForget: false).isMarked != nil else { return false }
        continue
      }
      for top in all {
        guard let mask = try mask(of: top.set, texts, trie) else { return false }
        builder.insert(mask.tokens)
        guard let rest = mask.rest, top.below != StackSets.bottom else { continue }
        let behind = try sets.behind(top.below)
        guard behind > StackSets.bottom, !looks.contains(where: { $0 == (behind, rest) }) else { continue }
        guard looks.count < GrammarMatcher.lookLimit else { return false }
        looks.append((behind, rest))
      }
    }
    // Where rules wait for so many others that their number may come to its limit, what is below counts.
    return 2 * Int(sets.maximumDepth) < GrammarLimits.depth
  }

  /// What is known of a top, or found out; nil where it is not worth the while.
  private mutating func mask(
    of top: Int32, _ texts: Int32, _ trie: TokenTrie
  ) throws(GrammarError) -> TopMasks.Top? {
    if let known = tops[top, texts] { return known }
    guard tops.byteCount < 2 * GrammarLimits.topBytes, sets.work < GrammarLimits.work / 4 else { return nil }
    let place = texts == TopMasks.all ? try sets.stringPlace(of: top, within: trie.tree.maximumDepth) : nil
    if let place, let inside = trie.inside(place) {
      let mask = TopMasks.Top(
        tokens: .many(inside.tokens), rest: inside.open.isEmpty ? nil : tops.remainder(inside.open, isMarked: inside.isMarked))
      tops.keep(mask, of: top, texts)
      return mask
    }
    var builder = MaskBuilder(vocabularyCount: trie.vocabularyCount)
    var open: [Int32]? = []
    let explored = try explore(top, texts, trie, to: &builder, open: &open, mayForget: false)
    guard let isMarked = explored.isMarked, var open, open.count <= GrammarMatcher.openLimit else { return nil }
    // Nodes of a remainder may lie behind one another, and then come to the same ones.
    if texts != TopMasks.all { open = Set(open).sorted() }
    if let place { trie.keep(TokenTrie.Inside(tokens: builder.mask, open: open, isMarked: isMarked), at: place) }
    let rest = open.isEmpty ? nil : tops.remainder(open, isMarked: isMarked)
    let mask = TopMasks.Top(tokens: builder.kept, rest: rest)
    tops.keep(mask, of: top, texts)
    return mask
  }

  /// Nodes at which a top may end; where they are more, it is no good to be looked at alone.
  private static let openLimit = 2048

  /// Goes through the texts of a remainder from a set.
  ///
  /// - Parameter open: gets the nodes at which the set's text may end with more behind it; nil where that is not asked.
  /// - Returns: the tree that was gone through; nil where it was given up.
  private mutating func explore(
    _ set: Int32, _ texts: Int32, _ trie: TokenTrie, to builder: inout MaskBuilder, open: inout [Int32]?, mayForget: Bool
  ) throws(GrammarError) -> (isMarked: Bool?, hasMoved: Bool) {
    var leavesOut: Alphabet = []
    var (isMarked, roots) = tops.nodes(of: texts)
    if texts == TopMasks.all {
      // A run has all of one of these, so what cannot come is soon known.
      let mayRun = [UInt8(ascii: "g"), UInt8(ascii: "G")].contains { sets.mayStep(set, byteClass: byteClass[Int($0)]) }
      if mayRun, let run = runs!.run(at: set, sets) {
        builder.insert(.many(trie.mask(of: run.alphabet, characters: run.characters)))
        if run.alphabet == .all { isMarked = true } else { leavesOut = run.alphabet }
      }
    }
    let tree = isMarked ? trie.markedTree : trie.tree
    if path.count <= tree.maximumDepth + 1 { path = Array(repeating: 0, count: tree.maximumDepth + 2) }
    var hasMoved = false
    let others = ~leavesOut.rawValue
    if texts == TopMasks.all {
      guard try go(tree, tree.roots, set, at: 0, others, &builder, &open, mayForget, &hasMoved) else { return (nil, false) }
    }
    for root in roots {
      let node = Int(root)
      let (first, end, depth) = (node + 1, Int(tree.nodes[node].end), Int(tree.nodes[node].depth) + 1)
      if let children = tree.children(of: node) {
        guard try go(tree, children, set, at: depth, others, &builder, &open, mayForget, &hasMoved) else { return (nil, false) }
      } else {
        path[depth] = set
        guard try go(tree, first..<end, at: depth, others, &builder, &open, mayForget, &hasMoved) else { return (nil, false) }
      }
    }
    return (isMarked, hasMoved)
  }

  /// Goes through the descendants of children, of which only those are looked at whose byte may come.
  private mutating func go(
    _ tree: TokenTree, _ children: [Int32], _ set: Int32, at depth: Int, _ others: UInt16, _ builder: inout MaskBuilder,
    _ open: inout [Int32]?, _ mayForget: Bool, _ hasMoved: inout Bool
  ) throws(GrammarError) -> Bool {
    path[depth] = set
    bytes.removeAll(keepingCapacity: true)
    sets.appendBytes(of: set, to: &bytes)
    for byte in bytes where children[Int(byte)] >= 0 {
      let child = Int(children[Int(byte)])
      let nodes = child..<Int(tree.nodes[child].end)
      guard try go(tree, nodes, at: depth, others, &builder, &open, mayForget, &hasMoved) else { return false }
    }
    return true
  }

  /// Goes through siblings and their descendants. False where that was given up.
  private mutating func go(
    _ tree: TokenTree, _ nodes: Range<Int>, at first: Int, _ others: UInt16, _ builder: inout MaskBuilder,
    _ open: inout [Int32]?, _ mayForget: Bool, _ hasMoved: inout Bool
  ) throws(GrammarError) -> Bool {
    var index = nodes.lowerBound
    while true {
      sets.follow(
        tree, from: &index, to: nodes.upperBound, path: &path, others: others, tokens: &builder.tokens, open: &open)
      guard index < nodes.upperBound else { return true }
      if let open, open.count > GrammarMatcher.openLimit { return false }
      let depth = Int(tree.nodes[index].depth)
      if sets.byteCount > GrammarLimits.stackBytes {
        guard mayForget else { return false }
        hasMoved = true
        var kept = Array(path[first...depth]) + [here]
        try forgetAll(but: &kept)
        path.replaceSubrange(first...depth, with: kept.dropLast())
        here = kept.last!
      }
      _ = try sets.step(path[depth], byteClass: byteClass[Int(tree.nodes[index].byte)])
    }
  }

  // MARK: Items that differ

  private static let repeatingLimit = 4096

  /// Tokens of which so many are looked at for what must come behind them.
  private static let lookaheadLimit = 300
  private static let lookaheadBytes = 64

  /// Takes out the tokens by which an item would come again, and returns them.
  private mutating func removeRepeated(
    from mask: inout TokenMask, _ trie: TokenTrie, _ endTokens: Set<Int32>
  ) throws(GrammarError) -> [Int32] {
    var removed: [Int32] = []
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
      } else if !unique.isItem {
        // Within an item only what comes to its end matters, or begins such an array there.
        candidates = unique.isInString ? trie.quotedBracketTokens : trie.bracketTokens
      } else if let ends = unique.repeatingEnds {
        candidates = ends.flatMap { trie.tokens(beginningWith: $0) } + trie.endingTokens
      } else {
        candidates = trie.structuralTokens
      }
    }
    for token in candidates where mask.contains(Int(token)) && !endTokens.contains(token) {
      if looksAhead, try isSafe(token, trie) { continue }
      // Forgetting renumbers `here`, and nothing else is kept in between.
      if sets.byteCount > GrammarLimits.stackBytes { try forget() }
      sets.work = 0
      if try !isNew(trie.text(of: token), looksAhead) {
        mask.remove(token)
        removed.append(token)
      }
    }
    return removed
  }

  /// Whether it is soon seen that a token cannot lead to an item that would come again.
  private mutating func isSafe(_ token: Int32, _ trie: TokenTrie) throws(GrammarError) -> Bool {
    let text = trie.text(of: token)
    if unique.isItem { return !unique.mayRepeat(by: text) }
    // Within an item, where there is a choice of what does not end it.
    guard !trie.hasBracket(token) else { return false }
    var place = here
    for byte in text { place = try sets.step(place, byteClass: byteClass[Int(byte)]) }
    bytes.removeAll(keepingCapacity: true)
    sets.appendBytes(of: place, to: &bytes)
    return bytes.count { !TokenTrie.isBracket($0) } > 1
  }

  private mutating func isNew(_ text: ArraySlice<UInt8>, _ looksAhead: Bool) throws(GrammarError) -> Bool {
    var (place, items) = (here, unique)
    for byte in text { guard try step(&place, &items, byte) else { return false } }
    guard looksAhead else { return true }
    // Where only one byte can follow, it must be one that may.
    for _ in 0..<GrammarMatcher.lookaheadBytes where items.isActive {
      var only: (Int32, UniqueItems)?
      bytes.removeAll(keepingCapacity: true)
      sets.appendBytes(of: place, to: &bytes)
      for byte in bytes {
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
