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

  /// Mixes `count` tokens at positions from `first` on: `workspace.normed` in, `workspace.output` out.
  func forward(
    _ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ cache: KeyValueCache, at first: Int, _ count: Int
  ) {
    engine.quantize(w.normed, count, for: queryProjection, keyProjection, valueProjection)
    engine.multiply(queryProjection, w.normed, count, into: w.queries.values)
    engine.multiply(keyProjection, w.normed, count, into: w.keys.values)
    engine.multiply(valueProjection, w.normed, count, into: w.values.values)

    engine.store(keys: w.keys.values, values: w.values.values, into: cache, at: first, count)
    engine.attend(
      w.queries.values, heads: c.numAttentionHeads, scale: 1 / Float(c.headDim).squareRoot(), to: cache, at: first,
      count, into: w.attended.values)

    engine.quantize(w.attended, count, for: outProjection)
    engine.multiply(outProjection, w.attended, count, into: w.output.values)
  }
}
