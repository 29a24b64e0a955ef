/// Masks of what stands on top of stacks, whatever waits below: made once, they hold at every place that has it there.
///
/// Most tokens are decided before what waits below matters. Those that reach it are a remainder, the nodes of the
/// vocabulary's tree at which it is reached, and the few texts behind those are looked for there.
struct TopMasks: Sendable {
  struct Top: Sendable {
    let tokens: MaskCache.Kept
    /// What is to be looked for below; nil for nothing.
    let rest: Int32?
  }

  /// All texts of the vocabulary, as a remainder.
  static let all: Int32 = 0

  private var tops: [UInt64: Top] = [:]
  private var remainders = ListTable<Int32>()
  private(set) var byteCount = 0

  init() { _ = remainders.number([]) }

  private static func key(_ set: Int32, _ texts: Int32) -> UInt64 { UInt64(UInt32(set)) << 32 | UInt64(UInt32(texts)) }

  /// What is known of a top, where texts of a remainder are looked for.
  subscript(set: Int32, texts: Int32) -> Top? { tops[TopMasks.key(set, texts)] }

  mutating func keep(_ top: Top, of set: Int32, _ texts: Int32) {
    tops[TopMasks.key(set, texts)] = top
    byteCount += 64 + top.tokens.byteCount
  }

  /// The number of a remainder: nodes of a vocabulary's tree, or of the one of its marked texts.
  mutating func remainder(_ nodes: [Int32], isMarked: Bool) -> Int32 {
    let list = [isMarked ? 1 : 0] + nodes
    if let known = remainders.find(list) { return known }
    byteCount += ListTable.bytes(of: list)
    return remainders.number(list)
  }

  func nodes(of remainder: Int32) -> (isMarked: Bool, nodes: ArraySlice<Int32>) {
    let list = remainders.members(of: remainder)
    return (list.first == 1, list.dropFirst())
  }
}
