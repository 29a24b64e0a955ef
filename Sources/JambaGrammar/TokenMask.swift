/// A set of tokens.
package struct TokenMask: Sendable {
  package private(set) var words: [UInt64]
  package private(set) var isEmpty = true

  init(vocabularyCount: Int) { words = Array(repeating: 0, count: (vocabularyCount + 63) / 64) }

  mutating func insert(_ token: Int32) {
    words[Int(token) >> 6] |= 1 << UInt64(token & 63)
    isEmpty = false
  }

  mutating func insert(_ tokens: [Int32]) {
    for token in tokens { words[Int(token) >> 6] |= 1 << UInt64(token & 63) }
    if !tokens.isEmpty { isEmpty = false }
  }

  mutating func formUnion(_ other: TokenMask) {
    if isEmpty {
      self = other
    } else {
      for index in words.indices { words[index] |= other.words[index] }
    }
  }

  mutating func remove(_ token: Int32) {
    words[Int(token) >> 6] &= ~(1 << UInt64(token & 63))
    isEmpty = words.allSatisfy { $0 == 0 }
  }

  package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

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
