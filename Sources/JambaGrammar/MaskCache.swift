/// Masks of places that were there before.
struct MaskCache: Sendable {
  enum Kept: Sendable {
    case few([Int32])
    case many(TokenMask)

    var byteCount: Int {
      switch self {
      case .few(let tokens): 4 * tokens.count + 64
      case .many(let mask): 8 * mask.words.count + 64
      }
    }
  }

  private var masks: [Int32: Kept] = [:]
  private(set) var byteCount = 0

  /// Masks of no more tokens are kept as lists.
  static let fewLimit = 128

  subscript(place: Int32) -> Kept? { masks[place] }

  mutating func keep(_ mask: Kept, at place: Int32) {
    if byteCount > GrammarLimits.maskBytes { self = MaskCache() }
    masks[place] = mask
    byteCount += mask.byteCount
  }
}
