import JambaSystem

/// A text's tokens in blocks that its snapshots share, so that keeping one, or finding that one text begins another, takes
/// as long at the end of a long text as at its beginning.
///
/// A block is made once, for one beginning of a text: who has the same block at a place has the same tokens before it.
struct TokenText {
  /// Tokens of a block.
  private static let blockSize = 1024

  /// Full but for the last one.
  private(set) var blocks: [StateBuffer] = []
  private(set) var count = 0

  /// The bytes that a snapshot takes for its last block.
  static let ownByteCount = 4 * blockSize

  /// Without the last block, unless that is full.
  var wholeBlocks: TokenText {
    var text = self
    if count % TokenText.blockSize != 0 { text.blocks.removeLast() }
    text.count = text.blocks.count * TokenText.blockSize
    return text
  }

  /// The text of `tokens`, which begin with this one, a text of whole blocks.
  func extended(to tokens: [Int32], _ memory: SessionMemory) throws(JambaError) -> TokenText {
    precondition(count % TokenText.blockSize == 0 && count <= tokens.count, "a text that cannot be extended")
    var text = self
    while text.count < tokens.count {
      let part = tokens[text.count..<min(tokens.count, text.count + TokenText.blockSize)]
      let block = try memory.makeBuffer(byteCount: 4 * TokenText.blockSize, context: tokens.count)
      unsafe part.withUnsafeBytes { unsafe block.bytes.copyMemory(from: $0) }
      text.blocks.append(block)
      text.count += part.count
    }
    return text
  }

  /// The bytes of block `index`.
  private func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    let size = min(TokenText.blockSize, count - index * TokenText.blockSize)
    return unsafe UnsafeRawBufferPointer(rebasing: blocks[index].bytes[..<(4 * size)])
  }

  var tokens: [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(count)
    for index in blocks.indices { unsafe bytes(index).withMemoryRebound(to: Int32.self) { unsafe tokens += $0 } }
    return tokens
  }

  /// Whether `other` begins with this text.
  func isPrefix(of other: TokenText) -> Bool { count <= other.count && sharesBeginning(with: other) }

  /// Whether one of two texts begins with the other.
  private func sharesBeginning(with other: TokenText) -> Bool {
    let common = min(count, other.count)
    // From the end on: a block in common answers for all before it.
    for index in (0..<(common + TokenText.blockSize - 1) / TokenText.blockSize).reversed() {
      if blocks[index] === other.blocks[index] { return true }
      let size = 4 * min(TokenText.blockSize, common - index * TokenText.blockSize)
      guard
        unsafe haveSameBytes(
          UnsafeRawBufferPointer(rebasing: bytes(index)[..<size]),
          UnsafeRawBufferPointer(rebasing: other.bytes(index)[..<size]))
      else { return false }
    }
    return true
  }

  /// Whether one of the text and `tokens` begins with the other.
  func sharesBeginning(with tokens: ArraySlice<Int32>) -> Bool {
    unsafe tokens.withUnsafeBytes { other in
      for index in blocks.indices {
        let start = 4 * index * TokenText.blockSize
        guard start < other.count else { return true }
        let own = unsafe bytes(index)
        let size = unsafe min(own.count, other.count - start)
        guard
          unsafe haveSameBytes(
            UnsafeRawBufferPointer(rebasing: own[..<size]),
            UnsafeRawBufferPointer(rebasing: other[start..<start + size]))
        else { return false }
      }
      return true
    }
  }
}
