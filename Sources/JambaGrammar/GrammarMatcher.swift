/// Follows an answer through a grammar and says which tokens may come next.
struct GrammarMatcher {
  private var sets: StackSets
  private let byteClass: [UInt8]
  private var here: Int32
  /// Masks of places that were there before: inside a string, a place comes back with every token.
  private var masks: [Int32: TokenMask] = [:]
  private var path: [Int32] = []

  private static let maskLimit = 256

  init(_ automaton: Automaton) throws(GrammarError) {
    sets = StackSets(automaton)
    byteClass = automaton.byteClass
    here = try sets.initial()
  }

  /// Whether the text may end here.
  var accepts: Bool { sets.accepts(here) }

  /// Whether the text must end here.
  var isComplete: Bool { sets.isComplete(here) }

  /// Goes on by a text. False, and no change, where the grammar does not allow it.
  mutating func advance(_ text: some Sequence<UInt8>) throws(GrammarError) -> Bool {
    var next = here
    sets.work = 0
    for byte in text {
      next = try sets.step(next, byteClass: byteClass[Int(byte)])
      if next == StackSets.dead { return false }
    }
    here = next
    return true
  }

  /// The tokens whose whole text may come next; `endTokens` where the text may end, too.
  ///
  /// - Parameter isKept: false for a vocabulary or end tokens that are not those of the next call.
  mutating func mask(
    _ trie: TokenTrie, endTokens: Set<Int32>, isKept: Bool = true
  ) throws(GrammarError) -> TokenMask {
    if isKept, let mask = masks[here] { return mask }
    if masks.count >= GrammarMatcher.maskLimit { masks.removeAll(keepingCapacity: true) }
    if sets.count > GrammarLimits.stackSets {
      masks.removeAll(keepingCapacity: true)
      here = try sets.forgetAll(but: here)
    }
    sets.work = 0
    var mask = TokenMask(vocabularyCount: trie.vocabularyCount)
    if path.count <= trie.maximumDepth { path = Array(repeating: 0, count: trie.maximumDepth + 1) }
    path[0] = here
    var node = 0
    let count = trie.bytes.count
    while node < count {
      let depth = Int(trie.depths[node])
      let next = try sets.step(path[depth], byteClass: byteClass[Int(trie.bytes[node])])
      if next == StackSets.dead {
        node = Int(trie.ends[node])
        continue
      }
      path[depth + 1] = next
      for index in Int(trie.tokenStarts[node])..<Int(trie.tokenStarts[node + 1]) { mask.insert(trie.tokens[index]) }
      node += 1
    }
    if accepts { for token in endTokens { mask.insert(token) } }
    if isKept { masks[here] = mask }
    return mask
  }
}
