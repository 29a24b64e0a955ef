/// A mask that is being put together.
struct MaskBuilder {
  private let vocabularyCount: Int
  private var base: TokenMask?
  /// Tokens that are not in the base, or need not be.
  var tokens: [Int32] = []

  init(vocabularyCount: Int) { self.vocabularyCount = vocabularyCount }

  init(_ kept: MaskCache.Kept, vocabularyCount: Int) {
    self.vocabularyCount = vocabularyCount
    insert(kept)
  }

  mutating func insert(_ token: Int32) { tokens.append(token) }

  mutating func insert(_ kept: MaskCache.Kept) {
    switch kept {
    case .few(let list): tokens += list
    case .many(let mask): if base == nil { base = mask } else { base!.formUnion(mask) }
    }
  }

  /// Whether it is a short list, so that the list is what to keep of it.
  private var isShort: Bool { base == nil && tokens.count <= MaskCache.fewLimit }

  var mask: TokenMask {
    var mask = base ?? TokenMask(vocabularyCount: vocabularyCount)
    mask.insert(tokens)
    return mask
  }

  /// What is to be kept of it.
  var kept: MaskCache.Kept { isShort ? .few(tokens) : .many(mask) }

  /// What is to be kept of a mask that was put together.
  func kept(_ mask: TokenMask) -> MaskCache.Kept { isShort ? .few(tokens) : .many(mask) }
}
