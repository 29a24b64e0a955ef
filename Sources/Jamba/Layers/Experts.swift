import JambaFormat

/// The experts of one layer, in memory or coming and going in a cache.
enum Experts {
  case resident([GatedMLP])
  case cached(CachedExperts)

  var count: Int {
    switch self {
    case .resident(let experts): experts.count
    case .cached(let experts): experts.templates.count
    }
  }

  /// Whether products with them read the int8 copy of the activations.
  var readsCodes: Bool {
    switch self {
    case .resident(let experts): experts.contains { $0.gateProjection.readsCodes || $0.upProjection.readsCodes }
    case .cached(let experts):
      experts.templates.contains { $0.gateProjection.readsCodes || $0.upProjection.readsCodes }
    }
  }

  /// Calls `body` for the experts that are chosen, in ascending order. `body` returns when it has done with the weights.
  ///
  /// - Parameter whileReading: called once those that are not in memory are being read.
  func forEach(
    where isChosen: (Int) -> Bool, whileReading: () -> Void, _ body: (Int, GatedMLP) -> Void
  ) throws(JambaError) {
    switch self {
    case .resident(let experts):
      for (index, expert) in experts.enumerated() where isChosen(index) { body(index, expert) }
    case .cached(let experts):
      try experts.forEach(where: isChosen, whileReading: whileReading, body)
    }
  }
}

/// A layer's experts in the weight cache.
struct CachedExperts {
  static let pool = 0

  let cache: WeightCache
  let layer: Int
  /// The unit of the first expert; those of the others follow.
  let firstUnit: Int
  /// Each expert as it is when it lies in the pool's first slot.
  let templates: [GatedMLP]

  func forEach(
    where isChosen: (Int) -> Bool, whileReading: () -> Void, _ body: (Int, GatedMLP) -> Void
  ) throws(JambaError) {
    let units = templates.indices.filter(isChosen).map { firstUnit + $0 }
    let demand = cache.demand(units, layer: layer)
    whileReading()
    for unit in units {
      let lease = try cache.lease(unit, of: demand, pool: CachedExperts.pool)
      body(unit - firstUnit, templates[unit - firstUnit].moved(by: lease.offset))
    }
  }
}

/// Guesses which experts the next mixture will choose, so that they can be read ahead: its router applied to the residual
/// stream as it is now. The layers between change the stream little: of the demo model's choices 70 % are foreseen.
struct Foresight {
  let norm: Vector
  let router: Matrix
  let experts: CachedExperts

  /// Suggests experts for the pass's last tokens, of `count`. What is computed here has no part in the result.
  func suggest(_ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ count: Int) {
    let rows = min(count, Workspace.foresightCapacity)
    let engine = engine.unobserved
    engine.normalize(
      w.residual.values.row(count - rows), by: norm, epsilon: c.rmsNormEps, rows, into: w.foresight.values)
    engine.quantize(w.foresight, rows, for: router)
    engine.multiply(router, w.foresight, rows, into: w.foresightLogits.values)
    var isLikely = [Bool](repeating: false, count: c.numExperts)
    for row in 0..<rows {
      let logits = w.foresightLogits.values.row(row)
      for _ in 0..<c.numExpertsPerTok {
        var best = 0
        for expert in 1..<c.numExperts where logits[0, expert] > logits[0, best] { best = expert }
        isLikely[best] = true
        logits[0, best] = -.infinity
      }
    }
    experts.cache.suggest(
      isLikely.indices.filter { isLikely[$0] }.map { experts.firstUnit + $0 }, pool: CachedExperts.pool)
  }
}
