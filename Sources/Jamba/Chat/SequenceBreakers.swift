import JambaText
import Synchronization

extension Sampler {
  /// Finds the tokens of a model that DRY's repetitions do not go across, unless the sampler has them already.
  mutating func learnSequenceBreakers(of text: ModelText) {
    guard sampling.dryMultiplier > 0, breakers.source !== text.sequenceBreakers else { return }
    breakers = SequenceBreakers(
      tokens: text.sequenceBreakers.tokens(sampling.drySequenceBreakers, text), source: text.sequenceBreakers)
  }
}

/// A model's tokens by the sequence breakers that were asked for: finding them takes some tenths of a second where the
/// vocabulary is large.
final class SequenceBreakerCache: Sendable {
  private let found = Mutex<[(texts: [String], tokens: Set<Int32>)]>([])
  /// Clients of a server choose the texts: the last ones stay.
  private static let limit = 4

  func tokens(_ texts: [String], _ model: ModelText) -> Set<Int32> {
    if let known = found.withLock({ $0.first { $0.texts == texts }?.tokens }) { return known }
    let tokens = SequenceBreakerCache.find(texts, model)
    found.withLock { found in
      if found.count == SequenceBreakerCache.limit { found.removeFirst() }
      found.append((texts, tokens))
    }
    return tokens
  }

  /// Tokens whose text holds one of the texts; for a text that no token holds the last token of its encoding, as in DRY's
  /// first implementation. Without a tokenizer none.
  private static func find(_ texts: [String], _ model: ModelText) -> Set<Int32> {
    guard let tokenizer = model.tokenizer, !texts.isEmpty else { return [] }
    var found: Set<Int32> = []
    var missing = Set(texts.indices)
    let patterns = texts.map { Array($0.utf8) }
    for token in 0..<Int32(model.configuration.vocabSize) {
      let special = tokenizer.isSpecial(token) ? [token] : [] as Set<Int32>
      guard let bytes = tokenizer.textBytes(of: token, showing: special, afterText: true) else { continue }
      for (index, pattern) in patterns.enumerated() where holds(bytes, pattern) {
        found.insert(token)
        missing.remove(index)
      }
    }
    for index in missing {
      if let last = tokenizer.encode("a" + texts[index], addSpecialTokens: false).last { found.insert(last) }
    }
    return found
  }

  private static func holds(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
    guard bytes.count >= pattern.count else { return false }
    return (0...bytes.count - pattern.count).contains { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
  }
}
