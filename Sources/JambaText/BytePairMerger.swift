/// Byte-pair encoding of one word after another: symbols in a linked list, candidate merges in a queue by rank, then by
/// position. A candidate that a neighbour's merge has overtaken stays in the queue and is skipped when its turn comes.
///
/// A word may be a whole text (a tokenizer without pre-tokenizer), so the cost must stay O(n log n) whatever the text.
struct BytePairMerger {
  private struct Symbol {
    /// −1 once merged into the symbol before it.
    var id: Int32
    /// Neighbours still alive, −1 at the ends.
    var previous: Int32
    var next: Int32
  }

  private let model: BytePairModel
  /// Ids that must not come out.
  private let withheld: Set<Int32>
  // Kept between words to spare allocations; empty outside of `append`.
  private var symbols: [Symbol] = []
  private var queue = MergeQueue()

  init(model: BytePairModel, withholding withheld: Set<Int32> = []) {
    self.model = model
    self.withheld = withheld
  }

  /// Appends the tokens of `word`, which is valid UTF-8 of fewer than 2³¹ bytes.
  mutating func append(tokensOf word: ArraySlice<UInt8>, to tokens: inout [Int32]) {
    if let id = allowed(model.id(ofWord: word)) {
      tokens.append(id)
      return
    }
    symbols.removeAll(keepingCapacity: true)
    split(word)
    merge()
    for symbol in symbols where symbol.id >= 0 { tokens.append(symbol.id) }
  }

  private func allowed(_ id: Int32?) -> Int32? {
    guard let id, withheld.isEmpty || !withheld.contains(id) else { return nil }
    return id
  }

  /// Makes the word's characters the first symbols. One that has no piece becomes its bytes' pieces, if all exist, or
  /// else the unknown piece.
  private mutating func split(_ word: ArraySlice<UInt8>) {
    precondition(word.count < Int(Int32.max), "a word of 2 GiB or more; split the text first")
    var unknownIsPending = false
    var position = word.startIndex
    while position < word.endIndex {
      let (scalar, end) = word.scalar(at: position)
      if let id = allowed(model.id(ofScalar: scalar)) {
        if unknownIsPending { add(model.unknownID!) }
        unknownIsPending = false
        add(id)
      } else if !model.byteIDs.isEmpty, word[position..<end].allSatisfy({ allowed(byteID($0)) != nil }) {
        // The reference leaves a pending unknown piece pending here, so it lands behind the bytes.
        for byte in word[position..<end] { add(model.byteIDs[Int(byte)]) }
      } else if let unknown = model.unknownID {
        if unknownIsPending, !model.fusesUnknown { add(unknown) }
        unknownIsPending = true
      }
      position = end
    }
    if unknownIsPending { add(model.unknownID!) }
    if !symbols.isEmpty { symbols[symbols.count - 1].next = -1 }
  }

  private func byteID(_ byte: UInt8) -> Int32? {
    let id = model.byteIDs[Int(byte)]
    return id < 0 ? nil : id
  }

  private mutating func add(_ id: Int32) {
    let index = Int32(symbols.count)
    symbols.append(Symbol(id: id, previous: index - 1, next: index + 1))
  }

  private mutating func merge() {
    for index in symbols.indices.dropLast() {
      if let merge = candidate(symbols[index].id, symbols[index + 1].id) {
        queue.append(rank: merge.rank, position: Int32(index))
      }
    }
    queue.arrange()

    while let (rank, position) = queue.popFirst() {
      let left = symbols[Int(position)]
      guard left.id >= 0, left.next >= 0 else { continue }
      let right = symbols[Int(left.next)]
      // Pieces only grow, so a pair that has changed since is another pair, with a rank of its own.
      guard let merge = candidate(left.id, right.id), merge.rank == rank else { continue }

      symbols[Int(position)].id = merge.id
      symbols[Int(position)].next = right.next
      symbols[Int(left.next)].id = -1
      if right.next >= 0 { symbols[Int(right.next)].previous = position }

      if left.previous >= 0, let merge = candidate(symbols[Int(left.previous)].id, merge.id) {
        queue.insert(rank: merge.rank, position: left.previous)
      }
      if right.next >= 0, let merge = candidate(merge.id, symbols[Int(right.next)].id) {
        queue.insert(rank: merge.rank, position: position)
      }
    }
  }

  private func candidate(_ left: Int32, _ right: Int32) -> BytePairModel.Merge? {
    guard let merge = model.merge(left, right), withheld.isEmpty || !withheld.contains(merge.id) else { return nil }
    return merge
  }
}

/// A binary heap of candidate merges: least rank first, then leftmost.
struct MergeQueue {
  /// Rank in the upper half, position in the lower: comparing numbers compares both.
  private var keys: [UInt64] = []

  /// Adds a candidate without keeping order; call ``arrange()`` before popping.
  mutating func append(rank: UInt32, position: Int32) {
    keys.append(Self.key(rank, position))
  }

  /// Makes a heap of what was appended, in linear time.
  mutating func arrange() {
    for index in (0..<keys.count / 2).reversed() { sink(keys[index], from: index) }
  }

  mutating func insert(rank: UInt32, position: Int32) {
    let key = Self.key(rank, position)
    var index = keys.count
    keys.append(key)
    while index > 0 {
      let parent = (index - 1) / 2
      guard key < keys[parent] else { break }
      keys[index] = keys[parent]
      index = parent
    }
    keys[index] = key
  }

  mutating func popFirst() -> (rank: UInt32, position: Int32)? {
    guard let last = keys.popLast() else { return nil }
    let first = keys.first ?? last
    if !keys.isEmpty { sink(last, from: 0) }
    return (UInt32(first >> 32), Int32(truncatingIfNeeded: first))
  }

  private mutating func sink(_ key: UInt64, from start: Int) {
    var index = start
    while 2 * index + 1 < keys.count {
      var child = 2 * index + 1
      if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
      guard keys[child] < key else { break }
      keys[index] = keys[child]
      index = child
    }
    keys[index] = key
  }

  private static func key(_ rank: UInt32, _ position: Int32) -> UInt64 {
    UInt64(rank) << 32 | UInt64(UInt32(bitPattern: position))
  }
}
