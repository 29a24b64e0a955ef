/// A token that is found in the text before anything else: `<|eom|>`.
struct AddedToken: Sendable, Equatable {
  let id: Int32
  let content: String
  /// A control token: left out of decoded text on request, and never made from text that is to stay text.
  let isSpecial: Bool
  /// Matches only where no word character touches it.
  let isSingleWord: Bool
  /// Swallows the white space before it.
  let stripsLeft: Bool
  /// Swallows the white space after it.
  let stripsRight: Bool
  /// Is searched, itself normalized, in the normalized text instead of the raw one.
  let isNormalized: Bool
}

extension AddedToken {
  /// Reads the settings of a token.
  ///
  /// - Parameter isNormalized: what holds where the field does not say.
  init(
    _ id: Int32, _ content: String, _ field: TokenizerField, isSpecial: Bool, isNormalized: Bool
  ) throws(TokenizerError) {
    self.init(
      id: id, content: content, isSpecial: isSpecial, isSingleWord: try field["single_word"].bool(default: false),
      stripsLeft: try field["lstrip"].bool(default: false), stripsRight: try field["rstrip"].bool(default: false),
      isNormalized: try field["normalized"].bool(default: isNormalized))
  }
}

/// Tokens that are found in a text before anything else: the `added_tokens` of tokenizer.json, or the control pieces of a
/// SentencePiece model, and what tokenizer_config.json adds to them.
struct AddedTokens: Sendable {
  /// A stretch of text: an added token, or what lies between two.
  enum Part {
    case token(Int32)
    case text(Range<Int>)
  }

  private(set) var tokens: [Int32: AddedToken] = [:]
  /// The texts of tokens that were searched in normalized text, where they are not their content.
  private(set) var spellings: [Int32: ArraySlice<UInt8>] = [:]
  private var raw = LiteralTrie()
  private var normalized = LiteralTrie()

  /// Longer contents are refused: a search may compare that many bytes at each position of a text.
  static let contentByteCountLimit = 1024

  /// Reads the list of tokenizer.json and what tokenizer_config.json adds to it, and adds to `vocabulary` the tokens it
  /// lacks.
  init(
    _ field: TokenizerField, configuration: TokenizerField, vocabulary: inout Vocabulary, normalizer: Normalizer
  ) throws(TokenizerError) {
    var list: [AddedToken] = []
    for element in field.value == nil ? [] : try field.elements() {
      guard let token = try Self.token(element, vocabulary: &vocabulary) else { continue }
      if let known = tokens[token.id] {
        guard known == token else { throw element.invalid("contradicts an earlier entry for the same token") }
        continue
      }
      tokens[token.id] = token
      list.append(token)
    }
    list = try TokenSettings(configuration).applied(to: list, vocabulary: &vocabulary)
    for token in list { tokens[token.id] = token }
    // Special tokens first: where two normalize to the same text, the first one is found.
    for token in list.filter(\.isSpecial) + list.filter({ !$0.isSpecial }) {
      let content = Array(token.content.utf8)
      if token.isNormalized {
        let pattern = normalizer(content[...]).text
        guard !pattern.isEmpty else { throw field.invalid("has a token that normalizes to nothing") }
        normalized.insert(pattern, id: token.id)
        if !pattern.elementsEqual(content) { spellings[token.id] = pattern }
      } else {
        raw.insert(content[...], id: token.id)
      }
    }
  }

  /// Pieces of a SentencePiece model, and what tokenizer_config.json adds to them.
  ///
  /// - Parameters:
  ///   - control: control pieces and the unknown one, which are searched in raw text.
  ///   - userDefined: pieces that the model finds itself. Settings that name one make it special.
  ///   - unknown: the unknown piece, and what it is decoded to.
  init(
    control: [AddedToken], userDefined: [AddedToken], unknown: (id: Int32, surface: String)?,
    configuration: TokenizerField, vocabulary: inout Vocabulary
  ) throws(TokenizerError) {
    for token in userDefined { tokens[token.id] = token }
    for token in try TokenSettings(configuration).applied(to: control, vocabulary: &vocabulary) {
      if tokens.updateValue(token, forKey: token.id) == nil { raw.insert(Array(token.content.utf8)[...], id: token.id) }
    }
    if let unknown { spellings[unknown.id] = Array(unknown.surface.utf8)[...] }
  }

  /// Reads an entry of `added_tokens`; nil for one without text.
  private static func token(
    _ field: TokenizerField, vocabulary: inout Vocabulary
  ) throws(TokenizerError) -> AddedToken? {
    let content = try field["content"].string()
    if content.utf8.isEmpty { return nil }
    try check(content, field["content"])
    let value = try field["id"].required("a token id")
    guard case .integer(let id) = value else { throw .idOutOfRange(piece: content, id: value.text()) }
    if let known = vocabulary.id(of: content) {
      guard Int(known) == id else { throw field["id"].invalid("is \(id), but the vocabulary says \(known)") }
    } else {
      try vocabulary.insert(content, id: id)
    }
    return try AddedToken(
      Int32(id), content, field, isSpecial: field["special"].bool(default: false), isNormalized: true)
  }

  static func check(_ content: String, _ field: TokenizerField) throws(TokenizerError) {
    guard content.utf8.count <= contentByteCountLimit else {
      throw field.invalid("is longer than \(contentByteCountLimit) bytes")
    }
  }

  func isSpecial(_ id: Int32) -> Bool { tokens[id]?.isSpecial ?? false }

  /// Cuts raw text at the tokens that are searched there.
  func cut(raw text: ArraySlice<UInt8>, keepingSpecial: Bool) -> [Part] {
    cut(text, at: raw, keepingSpecial: keepingSpecial)
  }

  /// Cuts normalized text at the tokens that are searched there.
  func cut(normalized text: ArraySlice<UInt8>, keepingSpecial: Bool) -> [Part] {
    cut(text, at: normalized, keepingSpecial: keepingSpecial)
  }

  /// - Parameter keepingSpecial: Whether special tokens are passed over and stay text. As in the reference, what they
  ///   cover is not searched for other tokens then.
  private func cut(_ text: ArraySlice<UInt8>, at trie: LiteralTrie, keepingSpecial: Bool) -> [Part] {
    var parts: [Part] = []
    var done = text.startIndex
    var spaces = text.startIndex..<text.startIndex
    trie.forEachMatch(in: text) { match, id in
      guard let token = tokens[id], !(keepingSpecial && token.isSpecial) else { return }
      if token.isSingleWord, touchesWord(text, match) { return }
      var start = match.lowerBound
      var end = match.upperBound
      if token.stripsLeft {
        while start > done, case (let scalar, let before) = text.scalar(before: start), ScalarClass.isSpace(scalar) {
          start = before
        }
        start = max(start, done)
      }
      if token.stripsRight {
        // Remembered, because tokens may themselves be spaces: each would scan the same run to its end.
        if !spaces.contains(end) { spaces = end..<endOfSpaces(text, from: end) }
        end = spaces.upperBound
      }
      if done < start { parts.append(.text(done..<start)) }
      parts.append(.token(id))
      done = end
    }
    if done < text.endIndex { parts.append(.text(done..<text.endIndex)) }
    return parts
  }

  private func touchesWord(_ text: ArraySlice<UInt8>, _ match: Range<Int>) -> Bool {
    match.lowerBound > text.startIndex && ScalarClass.isWord(text.scalar(before: match.lowerBound).scalar)
      || match.upperBound < text.endIndex && ScalarClass.isWord(text.scalar(at: match.upperBound).scalar)
  }

  private func endOfSpaces(_ text: ArraySlice<UInt8>, from start: Int) -> Int {
    var end = start
    while end < text.endIndex, case (let scalar, let next) = text.scalar(at: end), ScalarClass.isSpace(scalar) {
      end = next
    }
    return end
  }
}
