/// A set of byte strings, searched all at once: leftmost match first, of those the longest.
struct LiteralTrie: Sendable {

  /// By node: the id of the literal that ends there, −1 for none. Node 0 is the root.
  private var ids: [Int32] = [-1]
  /// Children of the root, by byte; 0 for none.
  private var first = [Int32](repeating: 0, count: 256)
  /// Children of the other nodes, by node and byte.
  private var children: [UInt64: Int32] = [:]

  var isEmpty: Bool { ids.count == 1 }

  /// Adds a non-empty byte string; one that is there already keeps its id.
  mutating func insert(_ literal: ArraySlice<UInt8>, id: Int32) {
    var node: Int32 = 0
    for byte in literal {
      var child = self.child(of: node, byte)
      if child == 0 {
        child = Int32(ids.count)
        ids.append(-1)
        if node == 0 { first[Int(byte)] = child } else { children[Self.key(node, byte)] = child }
      }
      node = child
    }
    if ids[Int(node)] < 0 { ids[Int(node)] = id }
  }

  /// Calls `body` with every match, from left to right; matches do not overlap.
  ///
  /// - Complexity: O(bytes × longest literal) at worst; a byte that begins no literal costs one look.
  func forEachMatch(in text: ArraySlice<UInt8>, _ body: (Range<Int>, Int32) -> Void) {
    if isEmpty { return }
    var start = text.startIndex
    while start < text.endIndex {
      guard let (end, id) = longestMatch(in: text, at: start) else {
        start += 1
        continue
      }
      body(start..<end, id)
      start = end
    }
  }

  /// The longest literal that begins at a position.
  func longestMatch(in text: ArraySlice<UInt8>, at start: Int) -> (end: Int, id: Int32)? {
    var node: Int32 = 0
    var position = start
    var longest: (end: Int, id: Int32)?
    while position < text.endIndex {
      node = child(of: node, text[position])
      if node == 0 { break }
      position += 1
      let id = ids[Int(node)]
      if id >= 0 { longest = (position, id) }
    }
    return longest
  }

  private func child(of node: Int32, _ byte: UInt8) -> Int32 {
    node == 0 ? first[Int(byte)] : children[Self.key(node, byte)] ?? 0
  }

  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }
}
