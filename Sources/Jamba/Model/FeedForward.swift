import JambaFormat

/// down(silu(gate(x)) * up(x)): a dense feed-forward part, or one expert.
struct GatedMLP {
  let gateProjection: Matrix
  let upProjection: Matrix
  let downProjection: Matrix

  init(_ weights: ResidentWeights, _ c: ModelConfiguration, prefix: String) throws(JambaError) {
    gateProjection = try weights.matrix(prefix + "gate_proj.weight", c.intermediateSize, c.hiddenSize)
    upProjection = try weights.matrix(prefix + "up_proj.weight", c.intermediateSize, c.hiddenSize)
    downProjection = try weights.matrix(prefix + "down_proj.weight", c.hiddenSize, c.intermediateSize)
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

  init(_ weights: ResidentWeights, _ c: ModelConfiguration, layer: Int) throws(JambaError) {
    let prefix = ModelTensors.layerPrefix(layer) + "feed_forward."
    self =
      c.expertCount(ofLayer: layer) > 1
      ? .mixture(try MixtureOfExperts(weights, c, prefix: prefix))
      : .dense(try GatedMLP(weights, c, prefix: prefix))
  }

  /// `workspace.normed` in, `workspace.output` out.
  func forward(_ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ count: Int) {
    switch self {
    case .dense(let mlp):
      engine.quantize(w.normed, count, for: mlp.gateProjection, mlp.upProjection)
      mlp.forward(engine, c, w, count, into: w.output.values)
    case .mixture(let mixture):
      mixture.forward(engine, c, w, count)
    }
  }
}
