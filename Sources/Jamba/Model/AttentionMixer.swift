import CKernels
import JambaFormat

/// Grouped-query attention. Jamba has no positional encoding: order comes from the Mamba layers.
struct AttentionMixer {
  let queryProjection: Matrix  // [heads x head size, hidden]
  let keyProjection: Matrix  // [key-value heads x head size, hidden]
  let valueProjection: Matrix  // [key-value heads x head size, hidden]
  let outProjection: Matrix  // [hidden, heads x head size]

  init(_ weights: WeightView, layer: Int) throws(JambaError) {
    queryProjection = try weights.matrix(.queryProjection, layer: layer)
    keyProjection = try weights.matrix(.keyProjection, layer: layer)
    valueProjection = try weights.matrix(.valueProjection, layer: layer)
    outProjection = try weights.matrix(.attentionOutProjection, layer: layer)
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
