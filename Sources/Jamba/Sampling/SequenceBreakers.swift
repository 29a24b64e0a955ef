import JambaText
import Synchronization

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

  /// Those of a model, found once for the texts that are asked for: a vocabulary takes some tenths of a second.
  final class Cache: Sendable {
    private let found = Mutex<[(texts: [String], breakers: SequenceBreakers)]>([])
    /// Clients of a server choose the texts: the last ones stay.
    private static let limit = 4

    func breakers(_ texts: [String], _ model: JambaModel) -> SequenceBreakers {
      if let known = found.withLock({ $0.first { $0.texts == texts }?.breakers }) { return known }
      let breakers = SequenceBreakers(texts, model)
      found.withLock { found in
        if found.count == Cache.limit { found.removeFirst() }
        found.append((texts, breakers))
      }
      return breakers
    }
  }

  private static func holds(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
    guard bytes.count >= pattern.count else { return false }
    return (0...bytes.count - pattern.count).contains { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
  }
}
