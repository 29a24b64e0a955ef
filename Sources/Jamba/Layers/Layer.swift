import JambaFormat

/// A layer: h = x + mixer(norm(x)), then h + feedForward(norm(h)).
struct Layer {
  let inputNorm: Vector
  let mixer: Mixer
  let feedForwardNorm: Vector
  var feedForward: FeedForward

  enum Mixer {
    case mamba(MambaMixer)
    case attention(AttentionMixer)
  }

  /// - Parameter experts: the experts of a layer that has several.
  init(
    _ weights: WeightView, _ c: ModelConfiguration, index: Int, experts: Experts?
  ) throws(JambaError) {
    let prefix = ModelTensors.layerPrefix(index)
    inputNorm = try weights.vector(prefix + "input_layernorm.weight", c.hiddenSize)
    mixer =
      switch c.mixer(ofLayer: index) {
      case .mamba: .mamba(try MambaMixer(weights, c, layer: index))
      case .attention: .attention(try AttentionMixer(weights, c, layer: index))
      }
    feedForwardNorm = try weights.vector(prefix + "pre_ff_layernorm.weight", c.hiddenSize)
    if let experts {
      let router = try weights.matrix(prefix + "feed_forward.router.weight", c.numExperts, c.hiddenSize)
      feedForward = .mixture(MixtureOfExperts(router: router, experts: experts))
    } else {
      feedForward = .dense(try GatedMLP(weights, c, prefix: prefix + "feed_forward."))
    }
  }
}
