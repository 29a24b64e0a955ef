extension Tokenizer {
  /// The token ids of a text.
  ///
  /// - Parameters:
  ///   - text: Of fewer than 2³¹ bytes when normalized.
  ///   - addSpecialTokens: Whether the tokens that frame a text (`<|startoftext|>`) are put around it.
  ///   - parseSpecialTokens: Whether the names of control tokens in the text become these tokens. Say false for what a user
  ///     typed: then no special id comes from the text, the unknown piece apart, not even by merging.
  /// - Complexity: O(n log n) in the bytes of the text, whatever it says.
  public func encode(
    _ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = true
  ) -> [Int32] {
    let tokens = encode(Array(text.utf8)[...], parseSpecialTokens: parseSpecialTokens, mark: nil)
    return addSpecialTokens ? frame.prefix + tokens + frame.suffix : tokens
  }

  /// The token ids of a text in which a mark parts the names of control tokens that are to stay text.
  ///
  /// What the mark parts is not found as a token; then the mark is taken out, and what it was in becomes no control token
  /// by merging either.
  package func encode(_ text: MarkedText) -> [Int32] {
    encode(Array(text.marked.utf8)[...], parseSpecialTokens: true, mark: text.mark.map { Array(String($0).utf8) })
  }

  private func encode(_ bytes: ArraySlice<UInt8>, parseSpecialTokens: Bool, mark: [UInt8]?) -> [Int32] {
    let withheld = parseSpecialTokens && mark == nil ? [] : controlIDs
    var tokens: [Int32] = []
    switch model {
    case .scores(let pieces):
      var merger = ScoredMerger(pieces, withholding: withheld, findsSpecial: parseSpecialTokens, mark: mark)
      for part in addedTokens.cut(raw: bytes, keepingSpecial: !parseSpecialTokens) {
        switch part {
        case .token(let id): tokens.append(id)
        case .text(let range): merger.append(tokensOf: bytes[range], to: &tokens)
        }
      }
    case .merges(let model, let normalizer, let preTokenizer):
      var merger = BytePairMerger(model: model, withholding: withheld)
      let unmark = mark.map { Replacement(pattern: $0, content: []) }
      for part in addedTokens.cut(raw: bytes, keepingSpecial: !parseSpecialTokens) {
        switch part {
        case .token(let id): tokens.append(id)
        case .text(let range):
          // Each stretch is normalized by itself: a prepended ▁ appears behind every added token.
          let (normalized, keepsStart) = normalizer(bytes[range])
          for part in addedTokens.cut(normalized: normalized, keepingSpecial: !parseSpecialTokens) {
            switch part {
            case .token(let id): tokens.append(id)
            case .text(let inner):
              let isTextStart =
                keepsStart && range.lowerBound == bytes.startIndex && inner.lowerBound == normalized.startIndex
              let stretch = unmark?(normalized[inner]) ?? normalized[inner]
              for word in preTokenizer.words(of: stretch, isTextStart: isTextStart) {
                merger.append(tokensOf: word, to: &tokens)
              }
            }
          }
        }
      }
    }
    return tokens
  }

  /// The text of token ids. Ids outside the vocabulary are skipped.
  ///
  /// Byte tokens are read as UTF-8 by runs. In a run that is not valid as a whole every byte becomes U+FFFD, as in the
  /// reference.
  ///
  /// - Parameter skipSpecialTokens: Whether control tokens are left out.
  public func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool = false) -> String {
    var detokenizer = StreamingDetokenizer(tokenizer: self, skipSpecialTokens: skipSpecialTokens)
    var text = ""
    for id in ids { text += detokenizer.push(id) }
    return text + detokenizer.finish()
  }
}
