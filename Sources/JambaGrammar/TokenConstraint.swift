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
    guard try matcher.advance(trie.text(of: token)) else { throw .noTokenFits }
  }
}

/// The texts of a model's tokens, made when they are first asked for: 0.1 s for 65,536 tokens.
package final class TokenTexts: Sendable {
  private let tokenizer: Tokenizer
  private let vocabularyCount: Int
  private let shown: Set<Int32>
  private let tries = Mutex<[Bool: TokenTrie]>([:])
  let matchers = MatcherPool()

  /// - Parameter vocabularyCount: how many logits the model gives; nil for as many as the tokenizer has ids.
  package init(_ tokenizer: Tokenizer, vocabularyCount: Int? = nil, showing shown: Set<Int32> = []) {
    self.tokenizer = tokenizer
    self.vocabularyCount = vocabularyCount ?? tokenizer.idEnd
    self.shown = shown
  }

  /// Of tokens behind others.
  var later: TokenTrie { trie(afterText: true) }

  /// Of tokens that begin a text.
  var first: TokenTrie { trie(afterText: false) }

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
