/// Grouped-query attention. Jamba has no positional encoding: order comes from the Mamba layers.
struct AttentionMixer {
  let queryProjection: Matrix  // [heads * head, hidden]
  let keyProjection: Matrix  // [KV heads * head, hidden]
  let valueProjection: Matrix  // [KV heads * head, hidden]
  let outProjection: Matrix  // [hidden, heads * head]

  init(_ tensors: TensorTable, layer: Int) throws(JambaError) {
    queryProjection = try tensors.matrix(.queryProjection, layer: layer)
    keyProjection = try tensors.matrix(.keyProjection, layer: layer)
    valueProjection = try tensors.matrix(.valueProjection, layer: layer)
    outProjection = try tensors.matrix(.attentionOutProjection, layer: layer)
  }

  /// Mixes the tokens of the pass's sequences: `workspace.normed` in, `workspace.output` out. Each sequence keeps the
  /// keys and values of its own.
  func forward(_ pass: Pass, layer: Int) {
    let (engine, c, w) = (pass.engine, pass.configuration, pass.workspace)
    pass.multiply([(queryProjection, w.queries), (keyProjection, w.keys), (valueProjection, w.values)], w.normed)

    let scale = 1 / Float(c.headDim).squareRoot()
    let attended = w.attended.mutableValues
    w.attentionScratch.resize(to: 1)
    let scratch = w.attentionScratch.mutableValues
    for sequence in pass.sequences {
      let (rows, position) = (sequence.rows, sequence.state.position)
      sequence.state.attention(layer).withPages { cache in
        engine.store(keys: w.keys.values.rows(rows), values: w.values.values.rows(rows), into: cache, at: position)
        engine.attend(
          w.queries.values.rows(rows), heads: c.numAttentionHeads, scale: scale, to: cache, at: position,
          scratch: scratch,
          into: attended.rows(rows))
      }
    }
    pass.multiply(outProjection, w.attended, into: w.output)
  }
}
