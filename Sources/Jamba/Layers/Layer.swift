/// A layer: h = x + mixer(input_layernorm(x)), then h + feed_forward(pre_ff_layernorm(h)).
struct Layer {
  let inputNorm: Vector  // [hidden]
  let mixer: Mixer
  let feedForwardNorm: Vector  // [hidden]
  var feedForward: FeedForward
  private let index: Int

  enum Mixer {
    case mamba(MambaMixer)
    case attention(AttentionMixer)

    var part: NumberFault.Part {
      switch self {
      case .mamba: .mamba
      case .attention: .attention
      }
    }
  }

  init(_ tensors: TensorTable, layer index: Int) throws(JambaError) {
    self.index = index
    inputNorm = try tensors.vector(.inputNorm, layer: index)
    mixer =
      switch tensors.configuration.mixer(ofLayer: index) {
      case .mamba: .mamba(try MambaMixer(tensors, layer: index))
      case .attention: .attention(try AttentionMixer(tensors, layer: index))
      }
    feedForwardNorm = try tensors.vector(.feedForwardNorm, layer: index)
    feedForward =
      tensors.configuration.expertCount(ofLayer: index) > 1
      ? .mixture(try MixtureOfExperts(tensors, layer: index)) : .dense(try GatedMLP(tensors, layer: index))
  }

  /// Adds to `workspace.residual`.
  ///
  /// - Throws: `format` when experts cannot be read.
  func forward(_ pass: Pass, _ weights: ModelWeights) throws(JambaError) {
    let w = pass.workspace
    pass.normalize(w.residual.values, by: inputNorm, into: w.normed)
    switch mixer {
    case .mamba(let mamba): mamba.forward(pass, layer: index)
    case .attention(let attention): attention.forward(pass, layer: index)
    }
    pass.engine.add(w.output.values, to: w.residual.mutableValues)
    pass.checkNumbers(mixer.part, layer: index)

    pass.normalize(w.residual.values, by: feedForwardNorm, into: w.normed)
    switch feedForward {
    case .dense(let mlp): mlp.forward(pass, into: w.output)
    case .mixture(let mixture): try mixture.forward(pass, weights)
    }
    pass.engine.add(w.output.values, to: w.residual.mutableValues)
    pass.checkNumbers(feedForward.part, layer: index)
  }
}
