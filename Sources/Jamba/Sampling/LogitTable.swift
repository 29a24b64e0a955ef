/// Logits by token id, to be changed in place. Its memory is kept from draw to draw.
struct LogitTable: Sendable {
  /// `[vocabulary]`
  private(set) var values: [Float] = []
  /// `[vocabulary]`, all 0 between two stages.
  private var counts: [Int32] = []
  /// What a stage writes for itself.
  var scratch: [Int32] = []

  mutating func fill(_ logits: Span<Float>) {
    values.removeAll(keepingCapacity: true)
    values.reserveCapacity(logits.count)
    for index in logits.indices { values.append(logits[index]) }
    if counts.count != logits.count { counts = Array(repeating: 0, count: logits.count) }
  }

  /// A logit that is finite stays so, however large what is added: no option makes a token impossible or certain.
  @inline(__always)
  private static func change(_ value: inout Float, _ body: (inout Float) -> Void) {
    let isFinite = value.isFinite
    body(&value)
    if isFinite { value = min(max(value, -.greatestFiniteMagnitude), .greatestFiniteMagnitude) }
  }

  /// Changes a token's logit; a token outside the vocabulary has none.
  mutating func change(_ token: Int32, _ body: (inout Float) -> Void) {
    if values.indices.contains(Int(token)) { LogitTable.change(&values[Int(token)], body) }
  }

  /// Changes the logit of each of `tokens` once, given how often it is among them.
  mutating func changeEach(of tokens: ArraySlice<Int32>, _ body: (inout Float, _ count: Int) -> Void) {
    for token in tokens where values.indices.contains(Int(token)) { counts[Int(token)] += 1 }
    for token in tokens where values.indices.contains(Int(token)) && counts[Int(token)] > 0 {
      let number = Int(counts[Int(token)])
      LogitTable.change(&values[Int(token)]) { body(&$0, number) }
      counts[Int(token)] = 0
    }
  }

  /// Changes the logit of each token once, given the largest of the numbers that go with it; 0 is none.
  mutating func changeEach(
    of tokens: ArraySlice<Int32>, withLargest numbers: [Int32], _ body: (inout Float, _ largest: Int) -> Void
  ) {
    for (token, number) in zip(tokens, numbers) where values.indices.contains(Int(token)) {
      counts[Int(token)] = max(counts[Int(token)], number)
    }
    for token in tokens where values.indices.contains(Int(token)) && counts[Int(token)] > 0 {
      let number = Int(counts[Int(token)])
      LogitTable.change(&values[Int(token)]) { body(&$0, number) }
      counts[Int(token)] = 0
    }
  }
}

/// The tokens that DRY's repetitions do not go across.
struct SequenceBreakers: Sendable {
  var tokens: Set<Int32> = []
  /// Whose tokens they are: the same object for the same vocabulary.
  var source: (any AnyObject & Sendable)?
}

/// The text that a token is chosen for.
struct TextSoFar {
  let tokens: [Int32]
  /// Tokens that DRY's repetitions do not go across.
  var breakers: Set<Int32> = []

  /// The last `count` tokens; all of them for -1.
  func last(_ count: Int) -> ArraySlice<Int32> { count < 0 ? tokens[...] : tokens.suffix(count) }
}
