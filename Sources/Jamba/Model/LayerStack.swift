import JambaFormat

/// The layers of a model, in memory or streaming through it.
struct LayerStack {
  let count: Int
  /// Those in memory; nil for those that stream.
  private let resident: [Layer?]
  private let streamed: StreamedLayers?
  var streams: Bool { streamed != nil }
  /// Of the first mixture whose experts may have to be read.
  let foresight: Foresight?

  init(_ weights: ModelWeights, _ c: ModelConfiguration) throws(JambaError) {
    count = c.numHiddenLayers
    let streams = Set(weights.streamedLayers)
    var experts: [Experts?] = []
    var expertCount = 0
    var resident: [Layer?] = []
    for index in 0..<c.numHiddenLayers {
      let count = c.expertCount(ofLayer: index)
      experts.append(count > 1 ? try LayerStack.experts(weights, c, layer: index, firstUnit: expertCount) : nil)
      if count > 1 { expertCount += count }
      resident.append(
        streams.contains(index) ? nil : try Layer(weights.resident.view(of: c), c, index: index, experts: experts[index]))
    }
    foresight = LayerStack.addForesight(to: &resident)
    self.resident = resident
    streamed =
      if let cache = weights.cache, !streams.isEmpty {
        try StreamedLayers(cache, c, weights.streamedLayers, experts)
      } else { nil }
  }

  private static func experts(
    _ weights: ModelWeights, _ c: ModelConfiguration, layer: Int, firstUnit: Int
  ) throws(JambaError) -> Experts {
    var experts: [GatedMLP] = []
    for expert in 0..<c.numExperts {
      let view =
        weights.cachesExperts
        ? weights.cache?.view(of: c, unit: firstUnit + expert, pool: CachedExperts.pool) : weights.resident.view(of: c)
      guard let view else { preconditionFailure("there is no cache for the experts") }
      experts.append(try GatedMLP(view, layer: layer, expert: expert))
    }
    guard weights.cachesExperts, let cache = weights.cache else { return .resident(experts) }
    return .cached(CachedExperts(cache: cache, layer: layer, firstUnit: firstUnit, templates: experts))
  }

  /// Lets every mixture whose experts may have to be read be foreseen by the one before it, as far as its router is in
  /// memory. - Returns: that of the first.
  private static func addForesight(to layers: inout [Layer?]) -> Foresight? {
    var next: Foresight?
    for index in layers.indices.reversed() {
      guard case .mixture(var mixture) = layers[index]?.feedForward, case .cached(let experts) = mixture.experts,
        let norm = layers[index]?.feedForwardNorm
      else { continue }
      mixture.foresight = next
      next = Foresight(norm: norm, router: mixture.router, experts: experts)
      layers[index]?.feedForward = .mixture(mixture)
    }
    return next
  }

  /// Calls `body` with a layer, which stays in memory meanwhile.
  func withLayer(_ index: Int, _ body: (Layer) throws(JambaError) -> Void) throws(JambaError) {
    if let layer = resident[index] {
      try body(layer)
    } else {
      try streamed!.withLayer(index, body)
    }
  }
}

/// Layers that take turns in a few slots: while one is computed the next are read, and so on round and round.
struct StreamedLayers {
  static let pool = 1

  private let cache: WeightCache
  private let firstUnit: Int
  /// The number of each layer among those that stream.
  private let numbers: [Int: Int]
  /// `[slot][number]`: each layer as it is in each slot.
  private let layers: [[Layer]]

  init(
    _ cache: WeightCache, _ c: ModelConfiguration, _ streamed: [Int], _ experts: [Experts?]
  ) throws(JambaError) {
    self.cache = cache
    firstUnit = cache.firstUnit(ofPool: StreamedLayers.pool)
    var layers: [[Layer]] = []
    for slot in 0..<cache.slotCount(ofPool: StreamedLayers.pool) {
      var row: [Layer] = []
      for (number, index) in streamed.enumerated() {
        let view = cache.view(of: c, unit: firstUnit + number, pool: StreamedLayers.pool, slot: slot)
        row.append(try Layer(view, c, index: index, experts: experts[index]))
      }
      layers.append(row)
    }
    self.layers = layers
    numbers = Dictionary(uniqueKeysWithValues: streamed.enumerated().map { ($1, $0) })
  }

  func withLayer(_ index: Int, _ body: (Layer) throws(JambaError) -> Void) throws(JambaError) {
    let (number, count) = (numbers[index]!, numbers.count)
    let demand = cache.demand([firstUnit + number], layer: index)
    cache.suggest((1..<count).map { firstUnit + (number + $0) % count }, pool: StreamedLayers.pool)
    let lease = try cache.lease(firstUnit + number, of: demand, pool: StreamedLayers.pool)
    try body(layers[lease.index][number])
  }
}
