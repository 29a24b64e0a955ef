/// Masks of places that were there before.
struct MaskCache: Sendable {
  private enum Kept: Sendable {
    case few([Int32])
    case many(TokenMask)
  }

  private var masks: [Int32: Kept] = [:]
  private var vocabularyCount = 0
  private(set) var byteCount = 0

  /// Masks of no more tokens are kept as lists.
  private static let fewLimit = 128

  subscript(place: Int32) -> TokenMask? {
    switch masks[place] {
    case nil: return nil
    case .many(let mask): return mask
    case .few(let tokens):
      var mask = TokenMask(vocabularyCount: vocabularyCount)
      for token in tokens { mask.insert(token) }
      return mask
    }
  }

  mutating func keep(_ mask: TokenMask, at place: Int32) {
    if byteCount > GrammarLimits.maskBytes { self = MaskCache() }
    vocabularyCount = 64 * mask.words.count
    if mask.count <= MaskCache.fewLimit {
      let tokens = mask.tokens
      masks[place] = .few(tokens)
      byteCount += 4 * tokens.count + 64
    } else {
      masks[place] = .many(mask)
      byteCount += 8 * mask.words.count + 64
    }
  }
}
