import JambaFormat

/// A layer's feed-forward part.
enum FeedForward {
  case dense(GatedMLP)
  case mixture(MixtureOfExperts)
}

/// down(silu(gate(x)) * up(x)): a dense feed-forward part, or one expert.
struct GatedMLP {
  let gateProjection: Matrix  // [intermediate, hidden]
  let upProjection: Matrix  // [intermediate, hidden]
  let downProjection: Matrix  // [hidden, intermediate]

  init(_ tensors: TensorTable, _ c: ModelConfiguration, prefix: String) throws(JambaError) {
    gateProjection = try tensors.matrix(prefix + "gate_proj.weight", c.intermediateSize, c.hiddenSize)
    upProjection = try tensors.matrix(prefix + "up_proj.weight", c.intermediateSize, c.hiddenSize)
    downProjection = try tensors.matrix(prefix + "down_proj.weight", c.hiddenSize, c.intermediateSize)
  }

  /// `workspace.normed` in, `output` out. With `rows`, only those tokens, one after the other.
  func forward(_ pass: Pass, rows: IndexList? = nil, into output: Activations) {
    let w = pass.workspace
    for activations in [w.gate, w.up, output] { activations.resize(to: rows?.count ?? pass.count) }
    pass.multiply(gateProjection, w.normed, rows: rows, into: w.gate)
    pass.multiply(upProjection, w.normed, rows: rows, into: w.up)
    pass.engine.gate(w.gate.mutableValues, with: w.up.values)
    pass.multiply(downProjection, w.gate, into: output)
  }
}
