/// Tokens' texts as a tree of bytes, so that tokens which begin alike are looked at together.
///
/// Nodes lie in preorder: a node's children follow it, and a child that cannot come is left out by going on behind its
/// last descendant.
struct TokenTree: Sendable {
  struct Node: Sendable {
    let byte: UInt8
    /// The kinds of characters of the texts of all tokens that end here or below.
    fileprivate(set) var kinds: Alphabet = []
    /// The distance from the root, less one.
    let depth: Int32
    /// The node behind the descendants.
    fileprivate(set) var end: Int32 = 0
    /// Where the tokens that end here begin in `tokens`; they go on to where the next node's begin.
    let tokenStart: Int32
  }

  /// One more than there are.
  private(set) var nodes: [Node] = []
  private(set) var tokens: [Int32] = []
  private(set) var maximumDepth = 0
  /// By byte: the node of a first byte, -1 for none.
  private(set) var roots = [Int32](repeating: -1, count: 256)
  /// By node with many descendants: the same of its children.
  private var children: [Int32: [Int32]] = [:]
  /// Descendants from which on it is worth the while.
  private static let many = 1024

  /// - Parameters:
  ///   - order: the tokens in the order of their texts, none of which is empty.
  init(
    _ order: some Sequence<Int32>, text: (Int32) -> ArraySlice<UInt8>, kinds: (Int32) -> Alphabet
  ) {
    var path: [Int] = []
    func leave(_ depth: Int) {
      while path.count > depth {
        let node = path.removeLast()
        nodes[node].end = Int32(nodes.count)
        if let parent = path.last { nodes[parent].kinds.formUnion(nodes[node].kinds) }
      }
    }
    for token in order {
      let text = text(token)
      var common = 0
      while common < path.count, common < text.count, nodes[path[common]].byte == text[text.startIndex + common] {
        common += 1
      }
      leave(common)
      for byte in text.dropFirst(common) {
        path.append(nodes.count)
        nodes.append(Node(byte: byte, depth: Int32(path.count - 1), tokenStart: Int32(tokens.count)))
      }
      maximumDepth = max(maximumDepth, path.count)
      nodes[path[path.count - 1]].kinds.formUnion(kinds(token))
      tokens.append(token)
    }
    leave(0)
    func byByte(_ first: Int, _ end: Int) -> [Int32] {
      var list = [Int32](repeating: -1, count: 256)
      var node = first
      while node < end {
        list[Int(nodes[node].byte)] = Int32(node)
        node = Int(nodes[node].end)
      }
      return list
    }
    roots = byByte(0, nodes.count)
    for node in nodes.indices where Int(nodes[node].end) - node > TokenTree.many {
      children[Int32(node)] = byByte(node + 1, Int(nodes[node].end))
    }
    nodes.append(Node(byte: 0, depth: 0, tokenStart: Int32(tokens.count)))
  }

  /// By byte: a node's child, −1 for none; nil for a node of few descendants.
  func children(of node: Int) -> [Int32]? {
    Int(nodes[node].end) - node > TokenTree.many ? children[Int32(node)] : nil
  }
}
