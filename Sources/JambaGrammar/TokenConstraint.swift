import JambaText
import Synchronization

/// Holds an answer to a grammar, token by token.
package final class TokenConstraint {
  private let grammar: Grammar
  private let vocabulary: TokenTexts
  private let endTokens: Set<Int32>
  private var matcher: GrammarMatcher
  /// Whether the next token is the first of a text that stands alone, and so loses its leading space.
  private var isFirst: Bool
  /// The last token's text.
  private var last: [UInt8] = []

  /// - Parameters:
  ///   - endTokens: what ends the text, where the grammar lets it end.
  ///   - afterText: whether the answer continues a text.
  package init(_ grammar: Grammar, _ vocabulary: TokenTexts, endTokens: Set<Int32>, afterText: Bool = false)
    throws(GrammarError)
  {
    self.grammar = grammar
    self.vocabulary = vocabulary
    self.endTokens = endTokens
    matcher = try vocabulary.matchers.take(grammar, endTokens)
    isFirst = !afterText
  }

  deinit { vocabulary.matchers.give(matcher, grammar, endTokens) }

  /// About how much memory it takes, beside the vocabulary's texts. It grows with the places that the answer comes to, up to
  /// some 32 MiB.
  package var byteCount: Int { grammar.byteCount + matcher.byteCount }

  /// Forgets all that it has found out but where the answer stands.
  package func forget() throws(GrammarError) { try matcher.forget() }

  /// Whether nothing can follow.
  package var isComplete: Bool { matcher.isComplete }

  /// The tokens that may come next: never none.
  package func allowedTokens() throws(GrammarError) -> TokenMask {
    let trie = isFirst ? vocabulary.first : vocabulary.later
    var mask = try matcher.mask(trie, endTokens: endTokens, isKept: !isFirst)
    // A first token may be nothing but the space that is lost; a later one without text would only pass time.
    if isFirst { for token in trie.emptyTokens { mask.insert(token) } }
    guard !mask.isEmpty else { throw .noTokenFits }
    return mask
  }

  /// Goes on by a token that was allowed.
  package func advance(_ token: Int32) throws(GrammarError) {
    guard !endTokens.contains(token) else { return }
    let trie = isFirst ? vocabulary.first : vocabulary.later
    isFirst = false
    last = Array(trie.text(of: token))
    guard try matcher.advance(last) else { throw .noTokenFits }
  }

  /// Bytes looked ahead for a token that is foreseen.
  private static let foreseenBytes = 8

  /// Tokens that come if the model spells what the grammar leaves no choice about as its tokenizer does. They are a guess:
  /// other tokens may spell the same.
  package func foreseenTokens(limit: Int) -> ArraySlice<Int32> {
    let bytes = (try? matcher.onlyBytes(limit: limit * TokenConstraint.foreseenBytes)) ?? []
    guard limit > 0, bytes.count > 1, let text = String(validating: last + bytes, as: UTF8.self) else { return [] }
    // With the text before, so that words are taken apart as they are there. The last token may be longer than what is
    // known of it.
    let tokens = vocabulary.tokens(of: text).dropLast()
    var length = 0
    for (index, token) in tokens.enumerated() {
      if length == last.count { return tokens[index...].prefix(limit) }
      length += (index == 0 ? vocabulary.first : vocabulary.later).text(of: token).count
    }
    return []
  }
}

/// The texts of a model's tokens, made when they are first asked for: 0.1 s for 65,536 tokens.
package final class TokenTexts: Sendable {
  private let tokenizer: Tokenizer
  private let vocabularyCount: Int
  private let shown: Set<Int32>
  private let tries = Mutex<[Bool: TokenTrie]>([:])
  let matchers: MatcherPool

  /// Bytes of what is remembered of grammars between answers, where nobody says how many.
  package static let usualIdleByteCount = 16 << 20

  /// - Parameters:
  ///   - vocabularyCount: how many logits the model gives; nil for as many as the tokenizer has ids.
  ///   - idleByteCount: the most that is remembered of grammars between answers.
  package init(
    _ tokenizer: Tokenizer, vocabularyCount: Int? = nil, showing shown: Set<Int32> = [],
    idleByteCount: Int = TokenTexts.usualIdleByteCount
  ) {
    matchers = MatcherPool(byteLimit: idleByteCount)
    self.tokenizer = tokenizer
    self.vocabularyCount = vocabularyCount ?? tokenizer.idEnd
    self.shown = shown
  }

  /// Of tokens behind others.
  var later: TokenTrie { trie(afterText: true) }

  /// Of tokens that begin a text.
  var first: TokenTrie { trie(afterText: false) }

  func tokens(of text: String) -> [Int32] { tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false) }

  /// Makes them now rather than with the first token.
  package func prepare() {
    for afterText in [false, true] { _ = trie(afterText: afterText) }
  }

  private func trie(afterText: Bool) -> TokenTrie {
    tries.withLock { tries in
      if let trie = tries[afterText] { return trie }
      // One byte of a character is no text yet, but it is what the grammar goes by.
      let trie = TokenTrie(vocabularyCount: vocabularyCount) {
        tokenizer.textBytes(of: $0, showing: shown, afterText: afterText)
      }
      tries[afterText] = trie
      return trie
    }
  }
}
