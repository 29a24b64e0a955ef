import JambaFormat

/// The layers of a model and the order in which they are applied.
struct Network: Sendable {
  let configuration: ModelConfiguration
  private let embedding: Matrix
  private let layers: [Layer]
  private let finalNorm: Vector
  private let head: Matrix

  private struct Layer {
    let inputNorm: Vector
    let mixer: Mixer
    let feedForwardNorm: Vector
    let feedForward: FeedForward
  }

  private enum Mixer {
    case mamba(MambaMixer)
    case attention(AttentionMixer)
  }

  init(_ weights: ResidentWeights, _ c: ModelConfiguration) throws(JambaError) {
    configuration = c
    embedding = try weights.matrix(ModelTensors.embedding, c.vocabSize, c.hiddenSize)
    finalNorm = try weights.vector(ModelTensors.finalNorm, c.hiddenSize)
    head = c.tieWordEmbeddings ? embedding : try weights.matrix(ModelTensors.head, c.vocabSize, c.hiddenSize)
    var layers: [Layer] = []
    for index in 0..<c.numHiddenLayers {
      let prefix = ModelTensors.layerPrefix(index)
      let mixer: Mixer =
        switch c.mixer(ofLayer: index) {
        case .mamba: .mamba(try MambaMixer(weights, c, layer: index))
        case .attention: .attention(try AttentionMixer(weights, c, layer: index))
        }
      layers.append(
        Layer(
          inputNorm: try weights.vector(prefix + "input_layernorm.weight", c.hiddenSize), mixer: mixer,
          feedForwardNorm: try weights.vector(prefix + "pre_ff_layernorm.weight", c.hiddenSize),
          feedForward: try FeedForward(weights, c, layer: index)))
    }
    self.layers = layers
  }

  /// Keys and values keep the precision of the weights that make them: f32 beside f32, else f16.
  var preferredCacheType: CacheType {
    for case .attention(let attention) in layers.lazy.map(\.mixer) where attention.keyProjection.storesFullPrecision {
      return .f32
    }
    return .f16
  }

  /// Runs `tokens` (at most `workspace.capacity`, ids in the vocabulary) through all layers and advances `state`, which
  /// has room for them. Leaves the residual stream in the workspace for `logits`. Between layers it asks `isCancelled`;
  /// once that is true, it stops at once, and state and workspace are good for nothing but `reset`.
  ///
  /// - Returns: false when it was cancelled.
  func forward(
    _ tokens: ArraySlice<Int32>, _ engine: Engine, _ w: Workspace, _ state: SequenceState, isCancelled: () -> Bool
  ) -> Bool {
    let c = configuration
    let count = tokens.count
    let residual = w.residual.values
    for (row, token) in tokens.enumerated() { engine.decodeRow(Int(token), of: embedding, into: residual, row: row) }

    for (index, layer) in layers.enumerated() {
      if isCancelled() { return false }
      // h = x + mixer(input_layernorm(x))
      engine.normalize(residual, by: layer.inputNorm, epsilon: c.rmsNormEps, count, into: w.normed.values)
      switch layer.mixer {
      case .mamba(let mamba): mamba.forward(engine, c, w, state.mamba(index), count)
      case .attention(let attention):
        attention.forward(engine, c, w, state.attention(index), at: state.position, count)
      }
      engine.add(w.output.values, width: c.hiddenSize, count, to: residual)
      // x = h + feed_forward(pre_ff_layernorm(h))
      engine.normalize(residual, by: layer.feedForwardNorm, epsilon: c.rmsNormEps, count, into: w.normed.values)
      layer.feedForward.forward(engine, c, w, count)
      engine.add(w.output.values, width: c.hiddenSize, count, to: residual)
    }
    state.advance(by: count)
    return true
  }

  /// Logits of rows `first..<first + count` of the last pass, `[count, vocab]`.
  func logits(rows first: Int, _ count: Int, _ engine: Engine, _ w: Workspace, into logits: Columns) {
    engine.normalize(
      w.residual.values.row(first), by: finalNorm, epsilon: configuration.rmsNormEps, count, into: w.normed.values)
    engine.quantize(w.normed, count, for: head)
    engine.multiply(head, w.normed, count, into: logits)
  }
}
