import JambaFormat

/// The layers of a model and the order in which they are applied.
struct Network: Sendable {
  let configuration: ModelConfiguration
  private let weights: ModelWeights
  private let embedding: Matrix  // [vocab, hidden]
  private let layers: [Layer]
  private let finalNorm: Vector  // [hidden]
  private let head: Matrix  // [vocab, hidden]
  /// Of the first mixture whose experts may have to be read.
  private let predictor: ExpertPredictor?

  init(_ file: JambaFile, _ weights: ModelWeights, _ c: ModelConfiguration) throws(JambaError) {
    configuration = c
    self.weights = weights
    let tensors = TensorTable(file: file, configuration: c)
    embedding = try tensors.matrix(.embedding)
    finalNorm = try tensors.vector(.finalNorm)
    head = c.tieWordEmbeddings ? embedding : try tensors.matrix(.head)
    var layers = try (0..<c.numHiddenLayers).map { (index) throws(JambaError) in
      try Layer(tensors, layer: index)
    }
    predictor = Network.addPredictors(to: &layers, weights)
    self.layers = layers
  }

  /// Lets every mixture whose experts may have to be read be foreseen by the one before it, as far as its router stays in
  /// memory. - Returns: that of the first.
  private static func addPredictors(to layers: inout [Layer], _ weights: ModelWeights) -> ExpertPredictor? {
    var next: ExpertPredictor?
    for index in layers.indices.reversed() {
      guard case .mixture(var mixture) = layers[index].feedForward, weights.cachesExperts(ofLayer: index),
        weights.isResident(index)
      else { continue }
      mixture.predictor = next
      next = ExpertPredictor(norm: layers[index].feedForwardNorm, router: mixture.router, layer: index)
      layers[index].feedForward = .mixture(mixture)
    }
    return next
  }

  /// Runs the tokens of one or several sequences, in rows that follow each other (at most `workspace.capacity`), through
  /// all layers and advances the sequences' states, which have room for them. Ids are in the vocabulary. Leaves the
  /// residual stream in the workspace for `logits`. A sequence's bits do not depend on the others.
  ///
  /// A sequence with a trace has its state left as it is, but for keys and values behind its end; `replay` advances it
  /// afterwards.
  ///
  /// - Parameter isCancelled: asked between layers; once it is true, the pass stops at once, and states and workspace are
  ///   good for nothing but `reset`.
  /// - Returns: false when it was cancelled.
  /// - Throws: `format` when weights cannot be read or are damaged; states and workspace are good for nothing but `reset` then.
  func forward(
    _ sequences: [SequenceRows], _ engine: Engine, _ w: Workspace, observer: (any PassObserver)? = nil,
    isCancelled: () -> Bool
  ) throws(JambaError) -> Bool {
    let adapters = AdapterPass(sequences, engine, w)
    let pass = Pass(
      sequences, engine, configuration, w, weights.residentView, adapters: adapters, observer: observer)
    w.resize(to: pass.count)
    try weights.check()
    for sequence in sequences {
      for (row, token) in zip(sequence.rows, sequence.tokens) {
        pass.decode(row: Int(token), of: embedding, into: w.residual.mutableValues.rows(row..<row + 1))
      }
      adapters?.addEmbeddings(of: sequence, to: w.residual.mutableValues)
    }
    pass.checkNumbers(.embedding)
    predictor?.prefetch(pass, weights)

    for (index, layer) in layers.enumerated() {
      if isCancelled() { return false }
      observer?.layerBegins(index, residual: ResidualStream(rows: w.residual.values))
      try weights.check()
      try weights.withLayer(index) { (view) throws(JambaError) in try layer.forward(pass.with(view), weights) }
    }
    try weights.check()
    for sequence in sequences where sequence.trace == nil { sequence.state.advance(by: sequence.rows.count) }
    if let observer {
      observer.layerBegins(layers.count, residual: ResidualStream(rows: w.residual.values))
      pass.normalize(w.residual.values, by: finalNorm, into: w.normed)
      try weights.check()
      observer.didMultiply(MatrixInput(head, w.normed, rows: nil, engine))
    }
    return true
  }

  /// Whether `replay` finds all layers in memory.
  var canReplay: Bool { layers.indices.allSatisfy(weights.isResident) }

  /// Advances `state` by the first `count` tokens of a traced pass.
  ///
  /// - Throws: as `forward`.
  func replay(
    _ trace: PassTrace, _ count: Int, _ engine: Engine, _ w: Workspace, _ state: SequenceState
  ) throws(JambaError) {
    let pass = Pass([], engine, configuration, w, weights.residentView)
    w.resize(to: count)
    for (index, layer) in layers.enumerated() {
      guard case .mamba(let mamba) = layer.mixer else { continue }
      try weights.withLayer(index) { (view) throws(JambaError) in
        mamba.replay(trace.mamba(index), pass.with(view), state.mamba(index), count)
      }
    }
    try weights.check()
    state.advance(by: count)
  }

  /// Logits of some rows, ascending, of the last pass, which was one of `sequences`: `[rows, vocab]`.
  ///
  /// - Throws: `format` when the head is damaged; the logits are good for nothing then.
  func logits(
    rows: some Collection<Int>, of sequences: [SequenceRows], _ engine: Engine, _ w: Workspace, into logits: MutableRows
  ) throws(JambaError) {
    try normalize(rows: rows, engine, w)
    let adapters = AdapterPass(rows: rows, of: sequences, engine, w)
    Pass([], engine, configuration, w, weights.residentView, adapters: adapters)
      .multiply(head: head, w.normed, into: logits)
    try weights.check()
  }

  /// Puts some rows of the last pass through the final norm, into the workspace's `normed`, from its first row on.
  ///
  /// - Throws: `format` when the norm is damaged.
  func normalize(rows: some Collection<Int>, _ engine: Engine, _ w: Workspace) throws(JambaError) {
    let pass = Pass([], engine, configuration, w, weights.residentView)
    w.normed.resize(to: rows.count)
    let norm = pass[finalNorm]
    for (index, row) in rows.enumerated() {
      engine.normalize(
        w.residual.values.rows(row..<row + 1), by: norm, epsilon: configuration.rmsNormEps,
        into: w.normed.mutableValues.rows(index..<index + 1))
    }
    try weights.check()
  }
}
