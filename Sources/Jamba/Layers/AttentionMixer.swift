import CKernels
import JambaFormat

/// Grouped-query attention. Jamba has no positional encoding: order comes from the Mamba layers.
struct AttentionMixer {
  let queryProjection: Matrix
  let keyProjection: Matrix
  let valueProjection: Matrix
  let outProjection: Matrix

  init(_ weights: WeightView, _ c: ModelConfiguration, layer: Int) throws(JambaError) {
    let prefix = ModelTensors.layerPrefix(layer) + "self_attn."
    let (queryWidth, keyWidth) = (c.numAttentionHeads * c.headDim, c.numKeyValueHeads * c.headDim)
    queryProjection = try weights.matrix(prefix + "q_proj.weight", queryWidth, c.hiddenSize)
    keyProjection = try weights.matrix(prefix + "k_proj.weight", keyWidth, c.hiddenSize)
    valueProjection = try weights.matrix(prefix + "v_proj.weight", keyWidth, c.hiddenSize)
    outProjection = try weights.matrix(prefix + "o_proj.weight", c.hiddenSize, queryWidth)
  }

  /// Mixes the tokens of some sequences, `count` in all: `workspace.normed` in, `workspace.output` out. Each sequence
  /// keeps the keys and values of its own.
  func forward(
    _ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ sequences: [SequenceRows], layer: Int, _ count: Int
  ) {
    engine.quantize(w.normed, count, for: queryProjection, keyProjection, valueProjection)
    engine.multiply(queryProjection, w.normed, count, into: w.queries.values)
    engine.multiply(keyProjection, w.normed, count, into: w.keys.values)
    engine.multiply(valueProjection, w.normed, count, into: w.values.values)

    let scale = 1 / Float(c.headDim).squareRoot()
    for sequence in sequences {
      let (first, count, state) = (sequence.rows.lowerBound, sequence.rows.count, sequence.state)
      engine.store(
        keys: w.keys.values.row(first), values: w.values.values.row(first), into: state.attention(layer),
        at: state.position, count)
      engine.attend(
        w.queries.values.row(first), heads: c.numAttentionHeads, scale: scale, to: state.attention(layer),
        at: state.position, count, into: w.attended.values.row(first))
    }

    engine.quantize(w.attended, count, for: outProjection)
    engine.multiply(outProjection, w.attended, count, into: w.output.values)
  }
}
