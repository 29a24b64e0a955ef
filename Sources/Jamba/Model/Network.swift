import JambaFormat

/// The layers of a model and the order in which they are applied.
struct Network: Sendable {
  let configuration: ModelConfiguration
  private let weights: ModelWeights
  private let embedding: Matrix  // [vocabulary, hidden]
  private let layers: LayerStack
  private let finalNorm: Vector  // [hidden]
  private let head: Matrix  // [vocabulary, hidden]

  init(_ weights: ModelWeights, _ c: ModelConfiguration) throws(JambaError) {
    configuration = c
    self.weights = weights
    let outer = weights.resident.view(of: c)
    embedding = try outer.matrix(.embedding)
    finalNorm = try outer.vector(.finalNorm)
    head = c.tieWordEmbeddings ? embedding : try outer.matrix(.head)
    layers = try LayerStack(weights, c)
  }

  /// Runs the tokens of one or several sequences, in rows that follow each other (at most `workspace.capacity`), through
  /// all layers and advances the sequences' states, which have room for them. Ids are in the vocabulary. Leaves the
  /// residual stream in the workspace for `logits`. A sequence's bits do not depend on the others.
  ///
  /// Between layers it asks `isCancelled`; once that is true, it stops at once, and states and workspace are good for
  /// nothing but `reset`.
  ///
  /// A sequence with a trace has its state left as it is, but for keys and values behind its end; `replay` advances it
  /// afterwards.
  ///
  /// - Returns: false when it was cancelled.
  /// - Throws: `format` when weights cannot be read; states and workspace are good for nothing but `reset` then.
  func forward(
    _ sequences: [SequenceRows], _ engine: Engine, _ w: Workspace, isCancelled: () -> Bool
  ) throws(JambaError) -> Bool {
    let c = configuration
    let count = sequences.last?.rows.upperBound ?? 0
    let residual = w.residual.values
    try weights.resident.check()
    for sequence in sequences {
      for (row, token) in zip(sequence.rows, sequence.tokens) {
        engine.decodeRow(Int(token), of: embedding, into: residual, row: row)
      }
    }
    layers.foresight?.suggest(engine, c, w, count)

    for index in 0..<layers.count {
      if isCancelled() { return false }
      try weights.resident.check()
      try layers.withLayer(index) { (layer) throws(JambaError) in
        // h = x + mixer(input_layernorm(x))
        engine.normalize(residual, by: layer.inputNorm, epsilon: c.rmsNormEps, count, into: w.normed.values)
        switch layer.mixer {
        case .mamba(let mamba): mamba.forward(engine, c, w, sequences, layer: index, count)
        case .attention(let attention): attention.forward(engine, c, w, sequences, layer: index, count)
        }
        engine.add(w.output.values, width: c.hiddenSize, count, to: residual)
        // x = h + feed_forward(pre_ff_layernorm(h))
        engine.normalize(residual, by: layer.feedForwardNorm, epsilon: c.rmsNormEps, count, into: w.normed.values)
        try layer.feedForward.forward(engine, c, w, count)
        engine.add(w.output.values, width: c.hiddenSize, count, to: residual)
      }
    }
    try weights.resident.check()
    for sequence in sequences where sequence.trace == nil { sequence.state.advance(by: sequence.rows.count) }
    return true
  }

  /// Whether `replay` finds all layers in memory.
  var canReplay: Bool { !layers.streams }

  /// Advances `state` by the first `count` tokens of a traced pass.
  ///
  /// - Throws: as `forward`.
  func replay(
    _ trace: PassTrace, _ count: Int, _ engine: Engine, _ w: Workspace, _ state: SequenceState
  ) throws(JambaError) {
    for index in 0..<layers.count {
      try layers.withLayer(index) { (layer) throws(JambaError) in
        guard case .mamba(let mamba) = layer.mixer else { return }
        mamba.replay(trace.mamba(index), engine, configuration, w, state.mamba(index), count)
      }
    }
    try weights.resident.check()
    state.advance(by: count)
  }

  /// Shows the head's input after the last pass to whoever watches the engine, without computing logits.
  func showHeadInput(_ count: Int, _ engine: Engine, _ w: Workspace) {
    engine.normalize(
      w.residual.values, by: finalNorm, epsilon: configuration.rmsNormEps, count, into: w.normed.values)
    engine.show(Product(matrix: head, input: w.normed, rows: nil, count: count, output: w.output.values))
  }

  /// Logits of some rows of the last pass, `[rows, vocab]`.
  func logits(rows: some Collection<Int>, _ engine: Engine, _ w: Workspace, into logits: Columns) {
    for (index, row) in rows.enumerated() {
      engine.normalize(
        w.residual.values.row(row), by: finalNorm, epsilon: configuration.rmsNormEps, 1, into: w.normed.values.row(index)
      )
    }
    engine.quantize(w.normed, rows.count, for: head)
    engine.multiply(head, w.normed, rows.count, into: logits)
  }
}

/// The tokens of one sequence in a pass.
struct SequenceRows {
  let tokens: ArraySlice<Int32>
  let state: SequenceState
  let trace: PassTrace?
  /// Their rows in the workspace.
  let rows: Range<Int>

  init(_ tokens: ArraySlice<Int32>, _ state: SequenceState, trace: PassTrace? = nil, firstRow: Int = 0) {
    self.tokens = tokens
    self.state = state
    self.trace = trace
    rows = firstRow..<firstRow + tokens.count
  }
}
