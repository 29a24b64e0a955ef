import JambaText

/// The tokens of a model that DRY's repetitions do not go across.
final class SequenceBreakers: Sendable {
  /// Whose they are.
  weak let model: JambaModel?
  let tokens: Set<Int32>

  /// Tokens whose text holds one of the texts; for a text that no token holds the last token of its encoding, as in DRY's
  /// first implementation. Without a tokenizer none.
  init(_ texts: [String], _ model: JambaModel) {
    self.model = model
    guard let tokenizer = model.tokenizer, !texts.isEmpty else {
      tokens = []
      return
    }
    var found: Set<Int32> = []
    var missing = Set(texts.indices)
    let patterns = texts.map { Array($0.utf8) }
    for token in 0..<Int32(model.configuration.vocabSize) {
      let special = tokenizer.isSpecial(token) ? [token] : [] as Set<Int32>
      guard let bytes = tokenizer.textBytes(of: token, showing: special, afterText: true) else { continue }
      for (index, pattern) in patterns.enumerated() where SequenceBreakers.holds(bytes, pattern) {
        found.insert(token)
        missing.remove(index)
      }
    }
    for index in missing {
      if let last = tokenizer.encode("a" + texts[index], addSpecialTokens: false).last { found.insert(last) }
    }
    tokens = found
  }

  private static func holds(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
    guard bytes.count >= pattern.count else { return false }
    return (0...bytes.count - pattern.count).contains { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
  }
}
