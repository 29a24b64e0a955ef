import JambaSystem

/// How many tokens have chosen each expert of each layer: what `UseForecast` expects of experts before and besides what it has
/// seen of them lately. Uses of long ago count less, and no number grows for ever.
package struct UseCounts: Sendable, Equatable {
  private struct Layer: Sendable, Equatable {
    /// Tokens counted, and those of them that chose each expert.
    var tokens = 0
    var uses: [Int]
  }

  private var layers: [Layer]

  /// A layer that has counted as many tokens goes on with half of each of its numbers.
  static let tokenLimit = 1 << 15
  /// Counts say as much as what is expected without any once they are of so many tokens.
  private static let priorTokens: Float = 16

  /// - Parameter expertCounts: experts of each layer; 0 for one without a choice.
  package init(expertCounts: [Int]) { layers = expertCounts.map { Layer(uses: [Int](repeating: 0, count: $0)) } }

  package var expertCounts: [Int] { layers.map(\.uses.count) }

  /// Whether no token has been counted.
  package var isEmpty: Bool { layers.allSatisfy { $0.tokens == 0 } }

  /// Adds `tokens` tokens that came to a layer, of which `uses` chose the experts in these places.
  package mutating func add(_ uses: [(expert: Int, tokens: Int)], of tokens: Int, layer: Int) {
    layers[layer].tokens += tokens
    for use in uses { layers[layer].uses[use.expert] += use.tokens }
    while layers[layer].tokens > UseCounts.tokenLimit {
      layers[layer].tokens /= 2
      for expert in layers[layer].uses.indices { layers[layer].uses[expert] /= 2 }
    }
  }

  /// The share of a layer's tokens that chose an expert.
  ///
  /// - Parameter usual: what it is expected to be where little has been counted.
  package func share(_ expert: Int, layer: Int, usual: Float) -> Float {
    let prior = UseCounts.priorTokens
    return (Float(layers[layer].uses[expert]) + prior * usual) / (Float(layers[layer].tokens) + prior)
  }

  // MARK: As JSON

  /// A member for each layer, in order.
  package var json: JSON {
    .array(
      layers.map { layer in
        .object(["tokens": .integer(layer.tokens), "uses": .array(layer.uses.map { .integer($0) })])
      })
  }

  /// Counts that may come from anywhere.
  ///
  /// - Returns: nil for what are no counts, or those of another shape.
  package init?(_ json: JSON?, expertCounts: [Int]) {
    guard let members = json?.array, members.count == expertCounts.count else { return nil }
    layers = []
    for (member, count) in zip(members, expertCounts) {
      guard let tokens = member["tokens"]?.integer, 0...UseCounts.tokenLimit ~= tokens,
        let uses = member["uses"]?.array, uses.count == count
      else { return nil }
      let numbers = uses.compactMap(\.integer).filter { 0...tokens ~= $0 }
      guard numbers.count == count else { return nil }
      layers.append(Layer(tokens: tokens, uses: numbers))
    }
  }

  /// No text of counts of this shape is longer.
  static func textLimit(expertCounts: [Int]) -> Int {
    // A number has at most six digits and a comma; more leaves room for spaces.
    expertCounts.reduce(0) { $0 + 64 + 16 * $1 }
  }
}
