/// When a unit of weights will be needed again, in layers from now: what the cache evicts by.
///
/// Layers come round in order, so a unit cannot be needed before its layer; an expert of that layer is then used with the
/// probability with which it was used lately. The unit whose next use is expected last makes room. Measured against
/// LRU, LFU and others in docs/MEMORY.md.
struct UseForecast {
  private let layerCount: Int
  /// The layer being computed.
  private var layer = 0
  /// By unit: its layer, and the share of recent passes through the layer that used it.
  private let layers: [Int]
  private var shares: [Float]
  /// The units of each layer that are used in some passes only.
  private let choices: [[Int]]

  /// The weight of the latest pass in `shares`.
  private static let newest: Float = 0.05

  /// - Parameters:
  ///   - layers: the layer of each unit.
  ///   - shares: for each unit, the share of passes expected to use it; 1 for what every pass uses.
  init(layers: [Int], shares: [Float], layerCount: Int) {
    self.layerCount = layerCount
    self.layers = layers
    self.shares = shares
    var choices = [[Int]](repeating: [], count: layerCount)
    for (unit, layer) in layers.enumerated() where shares[unit] < 1 { choices[layer].append(unit) }
    self.choices = choices
  }

  /// Says that `layer` is being computed, and whether it is its experts that are chosen now, which.
  mutating func enter(layer: Int, chosen: [Int]) {
    self.layer = layer
    guard let first = chosen.first, shares[first] < 1 else { return }
    for unit in choices[layer] {
      let use: Float = chosen.contains(unit) ? 1 : 0
      // Never certain, so that a chance remains to tell the units of two layers apart.
      shares[unit] = min(0.999, max(0.001, shares[unit] + UseForecast.newest * (use - shares[unit])))
    }
  }

  /// Layers until the unit's layer is computed; one that is in use now has a whole round before it.
  func layersUntil(_ unit: Int) -> Int { (layers[unit] - layer - 1 + layerCount) % layerCount + 1 }

  /// Layers until the unit is expected to be used.
  func expectedLayersUntil(_ unit: Int) -> Float {
    Float(layersUntil(unit)) + Float(layerCount) * (1 / shares[unit] - 1)
  }
}
