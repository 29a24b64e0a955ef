import JambaFormat

/// down(silu(gate(x)) * up(x)): a dense feed-forward part, or one expert.
struct GatedMLP {
  let gateProjection: Matrix  // [intermediate, hidden]
  let upProjection: Matrix  // [intermediate, hidden]
  let downProjection: Matrix  // [hidden, intermediate]

  /// - Parameter expert: nil for a dense part.
  init(_ weights: WeightView, layer: Int, expert: Int?) throws(JambaError) {
    gateProjection = try weights.matrix(.gateProjection, layer: layer, expert: expert)
    upProjection = try weights.matrix(.upProjection, layer: layer, expert: expert)
    downProjection = try weights.matrix(.downProjection, layer: layer, expert: expert)
  }

  private init(gate: Matrix, up: Matrix, down: Matrix) {
    gateProjection = gate
    upProjection = up
    downProjection = down
  }

  /// The same matrices in memory `byteCount` bytes further on.
  func moved(by byteCount: Int) -> GatedMLP {
    GatedMLP(
      gate: gateProjection.moved(by: byteCount), up: upProjection.moved(by: byteCount),
      down: downProjection.moved(by: byteCount))
  }

  /// `workspace.normed`, already quantized, in; `output` out. With `rows`, only those tokens, packed.
  func forward(
    _ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, rows: IndexList? = nil, _ count: Int,
    into output: Columns
  ) {
    engine.multiply(gateProjection, w.normed, rows: rows, count, into: w.gate.values)
    engine.multiply(upProjection, w.normed, rows: rows, count, into: w.up.values)
    engine.gate(w.gate.values, with: w.up.values, width: c.intermediateSize, count)
    engine.quantize(w.gate, count, for: downProjection)
    engine.multiply(downProjection, w.gate, count, into: output)
  }
}

/// A layer's feed-forward part.
enum FeedForward {
  case dense(GatedMLP)
  case mixture(MixtureOfExperts)

  /// `workspace.normed` in, `workspace.output` out.
  func forward(_ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ count: Int) throws(JambaError) {
    switch self {
    case .dense(let mlp):
      engine.quantize(w.normed, count, for: mlp.gateProjection, mlp.upProjection)
      mlp.forward(engine, c, w, count, into: w.output.values)
    case .mixture(let mixture):
      try mixture.forward(engine, c, w, count)
    }
  }
}
