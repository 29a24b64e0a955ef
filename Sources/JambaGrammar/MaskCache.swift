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

  /// By place: its mask in `masks`, −1 for none.
  private var indices: [Int32] = []
  private var masks: [Kept] = []
  private(set) var byteCount = 0

  /// Masks of no more tokens are kept as lists.
  static let fewLimit = 128

  subscript(place: Int32) -> Kept? {
    guard Int(place) < indices.count, indices[Int(place)] >= 0 else { return nil }
    return masks[Int(indices[Int(place)])]
  }

  mutating func keep(_ mask: Kept, at place: Int32) {
    if byteCount > GrammarLimits.maskBytes { self = MaskCache() }
    if Int(place) >= indices.count {
      let more = Int(place) + 1 - indices.count
      indices += repeatElement(-1, count: more)
      byteCount += 4 * more
    }
    indices[Int(place)] = Int32(masks.count)
    masks.append(mask)
    byteCount += mask.byteCount
  }
}
