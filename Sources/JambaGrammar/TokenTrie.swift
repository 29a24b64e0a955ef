import Synchronization

/// What a grammar has to know of a vocabulary: the texts of its tokens, as a tree and by the kinds of their characters.
final class TokenTrie: Sendable {
  /// All tokens.
  let tree: TokenTree
  /// Those of which a text in a string could not consist: with marks, or parts of characters.
  let markedTree: TokenTree
  /// Tokens without text.
  let emptyTokens: [Int32]
  /// Tokens that may open an array and end an item of it.
  let openingTokens: [Int32]
  /// Tokens that may end an item: those with a comma, a quotation mark or a bracket; with a comma or a bracket that closes;
  /// with a quotation mark and a comma or an escape.
  let structuralTokens: [Int32]
  let closingTokens: [Int32]
  /// Those with a bracket, and of them those with a quotation mark.
  let bracketTokens: [Int32]
  private let bracketMask: TokenMask
  let quotedBracketTokens: [Int32]
  let endingTokens: [Int32]
  let vocabularyCount: Int
  /// Characters of the longest token without marks.
  let maximumCharacters: Int
  /// The few tokens that are longer count as marked: where a string may end soon is then known for all others.
  private static let longestRun = 16
  /// By token: where its text begins in `texts`; one more at the end.
  private let textStarts: [Int32]
  private let texts: [UInt8]
  private let groups: [Group]
  private let runs = Mutex<[Run: TokenMask]>([:])
  private let insides = Mutex<[StackSets.StringPlace: Inside]>([:])

  /// What may come within a string of JSON.
  struct Inside: Sendable {
    let tokens: TokenMask
    /// Nodes of a tree at which the string may end with more behind it.
    let open: [Int32]
    /// Whether it is the tree of marked texts.
    let isMarked: Bool
  }

  /// Tokens of the same kinds of characters and the same number of them.
  private struct Group: Sendable {
    let kinds: Alphabet
    let characters: Int
    var tokens: [Int32] = []
  }

  private struct Run: Hashable {
    let alphabet: Alphabet
    let characters: Int
  }

  private static let runLimit = 128
  private static let insideLimit = 128

  /// - Parameters:
  ///   - vocabularyCount: how many logits the model gives.
  ///   - text: a token's bytes; nil for a token that is never chosen.
  init(vocabularyCount: Int, text: (Int32) -> [UInt8]?) {
    self.vocabularyCount = vocabularyCount
    var (order, empty, structural): ([Int32], [Int32], [Int32]) = ([], [], [])
    var (texts, starts): ([UInt8], [Int32]) = ([], [])
    for token in 0..<Int32(vocabularyCount) {
      starts.append(Int32(texts.count))
      guard let text = text(token) else { continue }
      texts += text
      if text.isEmpty { empty.append(token) } else { order.append(token) }
      if text.contains(where: TokenTrie.isStructural) { structural.append(token) }
    }
    starts.append(Int32(texts.count))
    func slice(_ token: Int32) -> ArraySlice<UInt8> { texts[Int(starts[Int(token)])..<Int(starts[Int(token) + 1])] }
    order.sort { slice($0).lexicographicallyPrecedes(slice($1)) }

    var kinds = [Alphabet](repeating: [], count: vocabularyCount)
    var groups: [Run: Group] = [:]
    for token in order {
      var (alphabet, characters) = Alphabet.kinds(of: slice(token))
      if characters > TokenTrie.longestRun { alphabet = .marks }
      kinds[Int(token)] = alphabet
      guard !alphabet.contains(.marks) else { continue }
      let run = Run(alphabet: alphabet, characters: characters)
      groups[run, default: Group(kinds: alphabet, characters: characters)].tokens.append(token)
    }
    tree = TokenTree(order, text: slice, kinds: { kinds[Int($0)] })
    markedTree = TokenTree(order.lazy.filter { kinds[Int($0)].contains(.marks) }, text: slice, kinds: { kinds[Int($0)] })
    self.groups = Array(groups.values)
    maximumCharacters = groups.values.map(\.characters).max() ?? 0
    func having(_ byte: Unicode.Scalar, _ tokens: [Int32]) -> [Int32] {
      tokens.filter { slice($0).contains(UInt8(ascii: byte)) }
    }
    (emptyTokens, structuralTokens, openingTokens) = (empty, structural, having("[", having(",", structural)))
    closingTokens = Set(having(",", structural) + having("}", structural) + having("]", structural)).sorted()
    let quotes = having("\"", structural)
    let brackets: [Unicode.Scalar] = ["[", "]", "{", "}"]
    bracketTokens = Set(brackets.flatMap { having($0, structural) }).sorted()
    var bracketMask = TokenMask(vocabularyCount: vocabularyCount)
    bracketMask.insert(bracketTokens)
    self.bracketMask = bracketMask
    quotedBracketTokens = having("\"", bracketTokens)
    endingTokens = Set(having("\\", quotes) + having(",", quotes)).sorted()
    (self.texts, textStarts) = (texts, starts)
    _ = mask(of: .all, characters: maximumCharacters)
  }

  private static func isStructural(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: ",") || isBracket(byte)
  }

  static func isBracket(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
    default: false
    }
  }

  /// Whether a token is one of `bracketTokens`.
  func hasBracket(_ token: Int32) -> Bool { bracketMask.contains(Int(token)) }

  func text(of token: Int32) -> ArraySlice<UInt8> {
    texts[Int(textStarts[Int(token)])..<Int(textStarts[Int(token) + 1])]
  }

  /// The tokens whose texts begin with these bytes.
  func tokens(beginningWith prefix: ArraySlice<UInt8>) -> ArraySlice<Int32> {
    guard !prefix.isEmpty else { return tree.tokens[...] }
    var (node, end) = (0, tree.nodes.count - 1)
    for byte in prefix {
      while node < end, tree.nodes[node].byte != byte { node = Int(tree.nodes[node].end) }
      guard node < end else { return [] }
      end = Int(tree.nodes[node].end)
      node += 1
    }
    return tree.tokens[Int(tree.nodes[node - 1].tokenStart)..<Int(tree.nodes[end].tokenStart)]
  }

  /// What may come within a string of JSON of any characters, whatever the grammar; nil if no grammar came there before.
  func inside(_ place: StackSets.StringPlace) -> Inside? { insides.withLock { $0[place] } }

  func keep(_ inside: Inside, at place: StackSets.StringPlace) {
    insides.withLock { insides in
      if insides.count >= TokenTrie.insideLimit { insides.removeAll() }
      insides[place] = inside
    }
  }

  /// The tokens of an alphabet with at most so many characters.
  func mask(of alphabet: Alphabet, characters: Int) -> TokenMask {
    let run = Run(alphabet: alphabet, characters: min(characters, maximumCharacters))
    if let known = runs.withLock({ $0[run] }) { return known }
    var mask = TokenMask(vocabularyCount: vocabularyCount)
    for group in groups where alphabet.isSuperset(of: group.kinds) && group.characters <= characters {
      for token in group.tokens { mask.insert(token) }
    }
    runs.withLock { runs in
      if runs.count >= TokenTrie.runLimit { runs.removeAll() }
      runs[run] = mask
    }
    return mask
  }
}
