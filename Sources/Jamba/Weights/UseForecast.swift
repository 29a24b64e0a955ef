/// When a unit of weights will be needed again, in layers from now: what the cache evicts by.
///
/// Layers come round in order, so a unit cannot be needed before its layer; an expert of that layer is then used with the
/// probability with which tokens have chosen it: half of what they did lately, half of all that has been counted. The unit whose
/// next use is expected last makes room. Measured against LRU, LFU and others in docs/MEMORY.md.
struct UseForecast {
  private let layerCount: Int
  /// The layer being computed.
  private var layer = 0
  /// By unit: its layer, and the share of tokens through the layer expected to use it.
  private let layers: [Int]
  private var shares: [Float]
  /// By unit: the share of recent tokens that used it.
  private var recent: [Float]
  /// Of each unit before any use of it is known.
  private let usual: [Float]
  /// The units of each layer that are used by some tokens only.
  private let choices: [[Int]]
  private(set) var counts: UseCounts

  /// The weight of the latest token in `recent`.
  private static let newest: Float = 0.05

  /// - Parameters:
  ///   - layers: the layer of each unit.
  ///   - shares: for each unit, the share of tokens usually expected to use it; 1 for what every token uses.
  ///   - counts: earlier uses of the units of each layer with shares below 1, in their order; nil where there are none.
  init(layers: [Int], shares: [Float], layerCount: Int, counts: UseCounts?) {
    self.layerCount = layerCount
    self.layers = layers
    usual = shares
    var choices = [[Int]](repeating: [], count: layerCount)
    for (unit, layer) in layers.enumerated() where shares[unit] < 1 { choices[layer].append(unit) }
    self.choices = choices
    self.counts = counts ?? UseCounts(expertCounts: choices.map(\.count))
    precondition(self.counts.expertCounts == choices.map(\.count), "the counts are of other units")
    self.shares = shares
    recent = shares
    for layer in choices.indices {
      for (place, unit) in choices[layer].enumerated() {
        recent[unit] = self.counts.share(place, layer: layer, usual: usual[unit])
        self.shares[unit] = UseForecast.uncertain(recent[unit])
      }
    }
  }

  /// Never certain, so that a chance remains to tell the units of two layers apart.
  private static func uncertain(_ share: Float) -> Float { min(0.999, max(0.001, share)) }

  /// Says that `layer` is being computed, and whether it is its experts that are chosen now, which.
  ///
  /// - Parameters:
  ///   - uses: how many of the pass's tokens chose each of `chosen`.
  ///   - tokens: those of the pass.
  mutating func enter(layer: Int, chosen: [Int], uses: [Int], tokens: Int) {
    self.layer = layer
    guard let first = chosen.first, usual[first] < 1 else { return }
    var used = [Int](repeating: 0, count: choices[layer].count)
    for (unit, count) in zip(chosen, uses) {
      if let place = choices[layer].firstIndex(of: unit) { used[place] = count }
    }
    counts.add(used.enumerated().map { ($0, $1) }, of: tokens, layer: layer)
    // As if the tokens had come one by one, each with the pass's mean.
    var kept: Float = 1
    for _ in 0..<min(tokens, 200) { kept *= 1 - UseForecast.newest }
    for (place, unit) in choices[layer].enumerated() {
      recent[unit] += (1 - kept) * (Float(used[place]) / Float(tokens) - recent[unit])
      let counted = counts.share(place, layer: layer, usual: usual[unit])
      shares[unit] = UseForecast.uncertain((recent[unit] + counted) / 2)
    }
  }

  /// Layers until the unit's layer is computed; one that is in use now has a whole round before it.
  func layersUntil(_ unit: Int) -> Int { (layers[unit] - layer - 1 + layerCount) % layerCount + 1 }

  /// Layers until the unit is expected to be used.
  func expectedLayersUntil(_ unit: Int) -> Float {
    Float(layersUntil(unit)) + Float(layerCount) * (1 / shares[unit] - 1)
  }
}
