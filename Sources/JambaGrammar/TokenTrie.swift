
/// The texts of a vocabulary's tokens as a tree of bytes, so that tokens which begin alike are looked at together.
///
/// Nodes lie in preorder: a node's children follow it, and a child that cannot come is left out by going on behind its
/// last descendant.
struct TokenTrie: Sendable {
  /// By node: its byte, its distance from the root less one, and the node behind its descendants.
  private(set) var bytes: [UInt8] = []
  private(set) var depths: [Int32] = []
  private(set) var ends: [Int32] = []
  /// By node: where the tokens that end there begin in `tokens`; one more at the end.
  private(set) var tokenStarts: [Int32] = []
  private(set) var tokens: [Int32] = []
  /// Tokens without text.
  private(set) var emptyTokens: [Int32] = []
  /// Tokens with a bracket that may open an array, and those that may end a value within one.
  private(set) var bracketTokens: [Int32] = []
  private(set) var structuralTokens: [Int32] = []
  private(set) var maximumDepth = 0
  let vocabularyCount: Int
  /// By token: where its text begins in `texts`; one more at the end.
  private var textStarts: [Int32] = []
  private var texts: [UInt8] = []

  /// - Parameters:
  ///   - vocabularyCount: how many logits the model gives.
  ///   - text: a token's bytes; nil for a token that is never chosen.
  init(vocabularyCount: Int, text: (Int32) -> [UInt8]?) {
    self.vocabularyCount = vocabularyCount
    var order: [Int32] = []
    for token in 0..<Int32(vocabularyCount) {
      textStarts.append(Int32(texts.count))
      guard let text = text(token) else { continue }
      texts += text
      if text.isEmpty { emptyTokens.append(token) } else { order.append(token) }
      if text.contains(UInt8(ascii: "[")) { bracketTokens.append(token) }
      if text.contains(where: TokenTrie.isStructural) { structuralTokens.append(token) }
    }
    textStarts.append(Int32(texts.count))
    order.sort { self.text(of: $0).lexicographicallyPrecedes(self.text(of: $1)) }

    var path: [Int32] = []
    for token in order {
      let text = self.text(of: token)
      var common = 0
      while common < path.count, common < text.count, bytes[Int(path[common])] == text[text.startIndex + common] {
        common += 1
      }
      while path.count > common { ends[Int(path.removeLast())] = Int32(bytes.count) }
      for byte in text.dropFirst(common) {
        path.append(Int32(bytes.count))
        depths.append(Int32(path.count - 1))
        bytes.append(byte)
        ends.append(0)
        tokenStarts.append(Int32(tokens.count))
      }
      maximumDepth = max(maximumDepth, path.count)
      tokens.append(token)
    }
    while let node = path.popLast() { ends[Int(node)] = Int32(bytes.count) }
    tokenStarts.append(Int32(tokens.count))
  }

  private static func isStructural(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
    default: false
    }
  }

  func text(of token: Int32) -> ArraySlice<UInt8> {
    texts[Int(textStarts[Int(token)])..<Int(textStarts[Int(token) + 1])]
  }
}

/// A set of tokens.
package struct TokenMask: Sendable {
  package private(set) var words: [UInt64]
  package private(set) var isEmpty = true

  init(vocabularyCount: Int) { words = Array(repeating: 0, count: (vocabularyCount + 63) / 64) }

  mutating func insert(_ token: Int32) {
    words[Int(token) >> 6] |= 1 << UInt64(token & 63)
    isEmpty = false
  }

  mutating func remove(_ token: Int32) {
    words[Int(token) >> 6] &= ~(1 << UInt64(token & 63))
    isEmpty = words.allSatisfy { $0 == 0 }
  }

  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The tokens in ascending order.
  var tokens: [Int32] {
    var tokens: [Int32] = []
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        tokens.append(Int32(64 * index + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    return tokens
  }

  /// The smallest token of the set.
  package var first: Int? {
    words.firstIndex { $0 != 0 }.map { 64 * $0 + words[$0].trailingZeroBitCount }
  }

  @inline(__always)
  package func contains(_ token: Int) -> Bool { words[token >> 6] & 1 << UInt64(token & 63) != 0 }
}
