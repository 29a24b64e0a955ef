import JambaFormat

/// The layers of a model, in memory or streaming through it.
struct LayerStack {
  private let residence: Residence
  /// Of the first mixture whose experts may have to be read.
  let foresight: Foresight?

  private enum Residence {
    case resident([Layer])
    case streamed(StreamedLayers)
  }

  init(_ weights: ModelWeights, _ c: ModelConfiguration) throws(JambaError) {
    var experts: [Experts?] = []
    var expertCount = 0
    for layer in 0..<c.numHiddenLayers {
      let count = c.expertCount(ofLayer: layer)
      experts.append(count > 1 ? try LayerStack.experts(weights, c, layer: layer, firstUnit: expertCount) : nil)
      if count > 1 { expertCount += count }
    }
    if let cache = weights.cache, weights.streamsLayers {
      residence = .streamed(try StreamedLayers(cache, c, experts))
      foresight = nil  // routers come and go with their layers
      return
    }
    var layers: [Layer] = []
    for index in 0..<c.numHiddenLayers {
      layers.append(try Layer(weights.resident.view, c, index: index, experts: experts[index]))
    }
    foresight = LayerStack.addForesight(to: &layers)
    residence = .resident(layers)
  }

  private static func experts(
    _ weights: ModelWeights, _ c: ModelConfiguration, layer: Int, firstUnit: Int
  ) throws(JambaError) -> Experts {
    var experts: [GatedMLP] = []
    for expert in 0..<c.numExperts {
      let prefix = ModelTensors.layerPrefix(layer) + "feed_forward.experts.\(expert)."
      let view =
        weights.cachesExperts
        ? weights.cache?.view(ofUnit: firstUnit + expert, pool: CachedExperts.pool) : weights.resident.view
      guard let view else { preconditionFailure("there is no cache for the experts") }
      experts.append(try GatedMLP(view, c, prefix: prefix))
    }
    guard weights.cachesExperts, let cache = weights.cache else { return .resident(experts) }
    return .cached(CachedExperts(cache: cache, layer: layer, firstUnit: firstUnit, templates: experts))
  }

  /// Lets every mixture whose experts may have to be read be foreseen by the one before it. - Returns: that of the first.
  private static func addForesight(to layers: inout [Layer]) -> Foresight? {
    var next: Foresight?
    for index in layers.indices.reversed() {
      guard case .mixture(var mixture) = layers[index].feedForward, case .cached(let experts) = mixture.experts else {
        continue
      }
      mixture.foresight = next
      next = Foresight(norm: layers[index].feedForwardNorm, router: mixture.router, experts: experts)
      layers[index].feedForward = .mixture(mixture)
    }
    return next
  }

  var count: Int {
    switch residence {
    case .resident(let layers): layers.count
    case .streamed(let layers): layers.count
    }
  }

  /// Calls `body` with a layer, which stays in memory meanwhile.
  func withLayer(_ index: Int, _ body: (Layer) throws(JambaError) -> Void) throws(JambaError) {
    switch residence {
    case .resident(let layers): try body(layers[index])
    case .streamed(let layers): try layers.withLayer(index, body)
    }
  }
}

/// Layers that take turns in the slots of a cache. Each makes room for the next that is missing as soon as it has been
/// used, so that the file is read without a pause while the layers that are there are computed.
struct StreamedLayers {
  static let pool = 1

  private let cache: WeightCache
  private let firstUnit: Int
  /// `[slot][layer]`: each layer as it is in each slot.
  private let layers: [[Layer]]

  init(_ cache: WeightCache, _ c: ModelConfiguration, _ experts: [Experts?]) throws(JambaError) {
    self.cache = cache
    firstUnit = cache.firstUnit(ofPool: StreamedLayers.pool)
    var layers: [[Layer]] = []
    for slot in 0..<cache.slotCount(ofPool: StreamedLayers.pool) {
      var row: [Layer] = []
      for index in 0..<c.numHiddenLayers {
        let view = cache.view(ofUnit: firstUnit + index, pool: StreamedLayers.pool, slot: slot)
        row.append(try Layer(view, c, index: index, experts: experts[index]))
      }
      layers.append(row)
    }
    self.layers = layers
  }

  var count: Int { layers[0].count }

  func withLayer(_ index: Int, _ body: (Layer) throws(JambaError) -> Void) throws(JambaError) {
    cache.demand([firstUnit + index], layer: index)
    cache.suggest((1..<count).map { firstUnit + (index + $0) % count }, pool: StreamedLayers.pool)
    let lease = try cache.lease(firstUnit + index, pool: StreamedLayers.pool)
    try body(layers[lease.index][index])
  }
}
