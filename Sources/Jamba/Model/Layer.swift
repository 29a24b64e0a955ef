import JambaFormat

/// A layer: h = x + mixer(norm(x)), then h + feedForward(norm(h)).
struct Layer {
  let inputNorm: Vector  // [hidden]
  let mixer: Mixer
  let feedForwardNorm: Vector  // [hidden]
  var feedForward: FeedForward

  enum Mixer {
    case mamba(MambaMixer)
    case attention(AttentionMixer)
  }

  /// - Parameter experts: the experts of a layer that has several.
  init(
    _ weights: WeightView, _ c: ModelConfiguration, index: Int, experts: Experts?
  ) throws(JambaError) {
    inputNorm = try weights.vector(.inputNorm, layer: index)
    mixer =
      switch c.mixer(ofLayer: index) {
      case .mamba: .mamba(try MambaMixer(weights, layer: index))
      case .attention: .attention(try AttentionMixer(weights, layer: index))
      }
    feedForwardNorm = try weights.vector(.feedForwardNorm, layer: index)
    if let experts {
      let router = try weights.matrix(.router, layer: index)
      feedForward = .mixture(MixtureOfExperts(router: router, experts: experts))
    } else {
      feedForward = .dense(try GatedMLP(weights, layer: index, expert: nil))
    }
  }
}
