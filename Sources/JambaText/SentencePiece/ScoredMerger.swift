/// Byte-pair encoding by scores, as sentencepiece has it (bpe_model.cc): of all neighbours whose texts together are a piece,
/// those with the best score become one, the leftmost first where scores are equal, until none are left.
///
/// Unlike merges that a file lists, the two need not be pieces themselves. The cost is O(n log n) whatever the text.
struct ScoredMerger {
  private struct Symbol {
    /// Its bytes in `text`; empty once merged into the symbol before it.
    var start: Int32
    var end: Int32
    /// Neighbours still alive, -1 at the ends.
    var previous: Int32
    var next: Int32
    /// A user-defined piece: it is merged with nothing.
    let isFrozen: Bool

    var isAlive: Bool { end > start }
  }

  private let pieces: ScoredPieces
  /// Ids that must not come out, but where the text names them as user-defined pieces.
  private let withheld: Set<Int32>
  private let findsSpecial: Bool
  /// What parts names that are to stay text; it is no part of the text itself.
  private let mark: [UInt8]?
  private var text: [UInt8] = []
  private var symbols: [Symbol] = []
  private var queue = MergeQueue()
  /// By unused piece: the length of the first of the two that it was last made of.
  private var cuts: [Int32: Int] = [:]

  /// - Parameter findsSpecial: whether user-defined pieces that are control tokens are found.
  init(_ pieces: ScoredPieces, withholding withheld: Set<Int32>, findsSpecial: Bool, mark: [UInt8]?) {
    self.pieces = pieces
    self.withheld = withheld
    self.findsSpecial = findsSpecial
    self.mark = mark
  }

  /// Appends the tokens of a text, which is valid UTF-8 of fewer than 2³⁰ bytes.
  mutating func append(tokensOf stretch: ArraySlice<UInt8>, to tokens: inout [Int32]) {
    let normalized = pieces.normalizer(stretch) { position in
      pieces.userDefined(in: stretch, at: position, includingSpecial: findsSpecial)?.end
    }
    split(normalized)
    merge()
    var followsUnknown = false
    for symbol in symbols where symbol.isAlive {
      append(Int(symbol.start)..<Int(symbol.end), symbol.isFrozen, &followsUnknown, to: &tokens)
    }
  }

  /// Makes user-defined pieces and single characters the first symbols.
  private mutating func split(_ normalized: ArraySlice<UInt8>) {
    precondition(normalized.count < 1 << 30, "a text of 1 GiB or more; split it first")
    text.removeAll(keepingCapacity: true)
    symbols.removeAll(keepingCapacity: true)
    cuts.removeAll()
    var position = normalized.startIndex
    while position < normalized.endIndex {
      if let mark, normalized.hasPrefix(mark, at: position) {
        position += mark.count
        continue
      }
      let match = pieces.userDefined(in: normalized, at: position, includingSpecial: findsSpecial)
      let end = match?.end ?? normalized.scalar(at: position).end
      let index = Int32(symbols.count)
      symbols.append(
        Symbol(
          start: Int32(text.count), end: Int32(text.count + end - position), previous: index - 1, next: index + 1,
          isFrozen: match != nil))
      text += normalized[position..<end]
      position = end
    }
    if !symbols.isEmpty { symbols[symbols.count - 1].next = -1 }
  }

  private mutating func merge() {
    for index in symbols.indices.dropLast() {
      if let rank = propose(Int32(index), Int32(index + 1)) { queue.append(rank: rank, position: Int32(index)) }
    }
    queue.arrange()
    while let (rank, position) = queue.popFirst() {
      let left = symbols[Int(position)]
      // A pair that has changed since is another one. Where its rank is the same, this is its turn as well.
      guard left.isAlive, left.next >= 0, let id = merged(position, left.next), pieces.rank(of: id) == rank else {
        continue
      }
      let right = symbols[Int(left.next)]
      symbols[Int(position)].end = right.end
      symbols[Int(position)].next = right.next
      symbols[Int(left.next)].end = right.start
      if right.next >= 0 { symbols[Int(right.next)].previous = position }
      if let rank = propose(left.previous, position) { queue.insert(rank: rank, position: left.previous) }
      if let rank = propose(position, right.next) { queue.insert(rank: rank, position: position) }
    }
  }

  /// The piece that two neighbours make.
  private func merged(_ left: Int32, _ right: Int32) -> Int32? {
    guard left >= 0, right >= 0 else { return nil }
    let (left, right) = (symbols[Int(left)], symbols[Int(right)])
    guard !left.isFrozen, !right.isFrozen, let id = pieces.id(of: text[Int(left.start)..<Int(right.end)]),
      !withheld.contains(id), pieces.rank(of: id) != nil
    else { return nil }
    return id
  }

  /// The rank of the piece that two neighbours make.
  private mutating func propose(_ left: Int32, _ right: Int32) -> UInt32? {
    guard let id = merged(left, right) else { return nil }
    if pieces.types[Int(id)] == .unused {
      let symbol = symbols[Int(left)]
      cuts[id] = Int(symbol.end - symbol.start)
    }
    return pieces.rank(of: id)
  }

  /// Appends the tokens of a symbol: its piece, those that an unused piece was made of, its bytes, or the unknown piece,
  /// once for a run of unknown symbols.
  private func append(
    _ range: Range<Int>, _ isFrozen: Bool, _ followsUnknown: inout Bool, to tokens: inout [Int32]
  ) {
    if let id = pieces.id(of: text[range]), isFrozen || !withheld.contains(id), pieces.types[Int(id)] != .unknown {
      if pieces.types[Int(id)] == .unused, let cut = cuts[id] {
        append(range.lowerBound..<range.lowerBound + cut, false, &followsUnknown, to: &tokens)
        append(range.lowerBound + cut..<range.upperBound, false, &followsUnknown, to: &tokens)
        return
      }
      followsUnknown = false
      tokens.append(id)
      return
    }
    if !pieces.byteIDs.isEmpty {
      let bytes = text[range].map { pieces.byteIDs[Int($0)] }
      if withheld.isEmpty || !bytes.contains(where: withheld.contains) {
        followsUnknown = true
        tokens += bytes
        return
      }
    }
    if let unknown = pieces.unknownID, !followsUnknown { tokens.append(unknown) }
    followsUnknown = true
  }
}
