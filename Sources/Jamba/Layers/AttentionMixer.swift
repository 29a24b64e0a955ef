import JambaFormat

/// Grouped-query attention. Jamba has no positional encoding: order comes from the Mamba layers.
struct AttentionMixer {
  let queryProjection: Matrix  // [heads * head, hidden]
  let keyProjection: Matrix  // [KV heads * head, hidden]
  let valueProjection: Matrix  // [KV heads * head, hidden]
  let outProjection: Matrix  // [hidden, heads * head]

  init(_ tensors: TensorTable, _ c: ModelConfiguration, layer: Int) throws(JambaError) {
    let prefix = ModelTensors.layerPrefix(layer) + "self_attn."
    let (queryWidth, keyWidth) = (c.numAttentionHeads * c.headDim, c.numKeyValueHeads * c.headDim)
    queryProjection = try tensors.matrix(prefix + "q_proj.weight", queryWidth, c.hiddenSize)
    keyProjection = try tensors.matrix(prefix + "k_proj.weight", keyWidth, c.hiddenSize)
    valueProjection = try tensors.matrix(prefix + "v_proj.weight", keyWidth, c.hiddenSize)
    outProjection = try tensors.matrix(prefix + "o_proj.weight", c.hiddenSize, queryWidth)
  }

  /// Mixes the tokens of the pass's sequences: `workspace.normed` in, `workspace.output` out. Each sequence keeps the
  /// keys and values of its own.
  func forward(_ pass: Pass, layer: Int) {
    let (engine, c, w) = (pass.engine, pass.configuration, pass.workspace)
    pass.multiply(queryProjection, w.normed, into: w.queries)
    pass.multiply(keyProjection, w.normed, into: w.keys)
    pass.multiply(valueProjection, w.normed, into: w.values)

    let scale = 1 / Float(c.headDim).squareRoot()
    let attended = w.attended.mutableValues
    for sequence in pass.sequences {
      let (rows, position) = (sequence.rows, sequence.state.position)
      sequence.state.attention(layer).withPages { cache in
        engine.store(keys: w.keys.values.rows(rows), values: w.values.values.rows(rows), into: cache, at: position)
        engine.attend(
          w.queries.values.rows(rows), heads: c.numAttentionHeads, scale: scale, to: cache, at: position,
          into: attended.rows(rows))
      }
    }
    pass.multiply(outProjection, w.attended, into: w.output)
  }
}
