/// A layer's feed-forward part.
enum FeedForward {
  case dense(GatedMLP)
  case mixture(MixtureOfExperts)

  var part: NumberFault.Part {
    switch self {
    case .dense: .feedForward
    case .mixture: .experts
    }
  }
}

/// down(silu(gate(x)) * up(x)): a dense feed-forward part, or one expert.
struct GatedMLP {
  let gateProjection: Matrix  // [intermediate, hidden]
  let upProjection: Matrix  // [intermediate, hidden]
  let downProjection: Matrix  // [hidden, intermediate]

  /// - Parameter expert: nil for a dense part.
  init(_ tensors: TensorTable, layer: Int, expert: Int? = nil) throws(JambaError) {
    gateProjection = try tensors.matrix(.gateProjection, layer: layer, expert: expert)
    upProjection = try tensors.matrix(.upProjection, layer: layer, expert: expert)
    downProjection = try tensors.matrix(.downProjection, layer: layer, expert: expert)
  }

  /// `workspace.normed` in, `output` out. With `rows`, only those tokens, one after the other.
  func forward(_ pass: Pass, rows: IndexList? = nil, into output: Activations) {
    let w = pass.workspace
    for activations in [w.gate, w.up, output] { activations.resize(to: rows?.count ?? pass.count) }
    pass.multiply([(gateProjection, w.gate), (upProjection, w.up)], w.normed, rows: rows)
    pass.engine.gate(w.gate.mutableValues, with: w.up.values)
    (rows.map(pass.of) ?? pass).multiply(downProjection, w.gate, into: output)
  }
}
