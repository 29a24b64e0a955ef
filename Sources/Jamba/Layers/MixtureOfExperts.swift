/// A mixture of experts: each token goes to its `num_experts_per_tok` most probable ones (its top k).
///
/// The router's softmax runs over all experts and the chosen probabilities are not renormalised (JambaSparseMoeBlock in
/// transformers): they add up to less than one.
struct MixtureOfExperts {
  let router: Matrix  // [experts, hidden]
  let experts: [GatedMLP]
  /// Of the next mixture, where its experts may have to be read.
  var predictor: ExpertPredictor?
  private let layer: Int

  init(_ tensors: TensorTable, layer: Int) throws(JambaError) {
    self.layer = layer
    router = try tensors.matrix(.router, layer: layer)
    experts = try (0..<tensors.configuration.numExperts).map { (expert) throws(JambaError) in
      try GatedMLP(tensors, layer: layer, expert: expert)
    }
  }

  /// `workspace.normed` in, `workspace.output` out. Tokens are grouped by expert, so that an expert's weights are read
  /// once a pass; a token adds its experts in ascending order, however many tokens are in the pass.
  func forward(_ pass: Pass, _ weights: ModelWeights) throws(JambaError) {
    let w = pass.workspace
    pass.multiply(router, w.normed, into: w.routerWeights)
    pass.engine.softmax(w.routerWeights.mutableValues)
    choose(pass.configuration.numExpertsPerTok, w)
    if let observer = pass.observer {
      observer.routerChose(
        (0..<pass.count).map { token in experts.indices.filter { w.expertWeights.values[token, $0] >= 0 } },
        layer: layer)
    }

    let output = w.output.mutableValues
    output.clear()
    let uses = experts.indices.map { expert in (0..<pass.count).count { w.expertWeights.values[$0, expert] >= 0 } }
    let chosen = experts.indices.filter { uses[$0] > 0 }
    try weights.forEachExpert(
      chosen, ofLayer: layer, uses: chosen.map { uses[$0] }, tokens: pass.count,
      whileReading: { predictor?.prefetch(pass, weights) }
    ) { expert, view in
      w.expertTokens.gather(expert, of: w.expertWeights.values)
      let tokens = w.expertTokens.rows
      experts[expert].forward(pass.with(view), rows: tokens, into: w.expertOutput)
      pass.engine.add(w.expertOutput.values, scaledBy: w.expertTokens.weights, toRows: tokens, of: output)
    }
  }

  /// Copies each token's `kept` largest probabilities to `expertWeights`, where those of other experts are negative.
  private func choose(_ kept: Int, _ w: Workspace) {
    let (probabilities, chosen) = (w.routerWeights.mutableValues, w.expertWeights.mutableValues)
    for token in 0..<chosen.count {
      for expert in 0..<chosen.width { chosen[token, expert] = -1 }
      MixtureOfExperts.takeLargest(kept, of: probabilities.rows(token..<token + 1)) { chosen[token, $0] = $1 }
    }
  }

  /// Hands out the `count` largest of a row of scores, the largest first; of equals the one that comes first. Leaves out
  /// what is not a number, and leaves -infinity in place of what it has handed out.
  static func takeLargest(_ count: Int, of scores: MutableRows, _ body: (_ expert: Int, _ score: Float) -> Void) {
    for _ in 0..<count {
      var best: (expert: Int, score: Float)?
      for expert in 0..<scores.width where scores[0, expert] > best?.score ?? -.infinity {
        best = (expert, scores[0, expert])
      }
      guard let best else { break }
      scores[0, best.expert] = -.infinity
      body(best.expert, best.score)
    }
  }
}

/// Guesses which experts the next mixture will choose, so that they can be prefetched: its router applied to the residual
/// stream as it is now. The layers between change the stream little: of the demo model's choices 70 % are foreseen.
struct ExpertPredictor {
  let norm: Vector
  let router: Matrix
  let layer: Int

  /// Prefetches experts for the pass's last tokens. What is computed here has no part in the result.
  func prefetch(_ pass: Pass, _ weights: ModelWeights) {
    let (engine, c, w, view) = (pass.engine, pass.configuration, pass.workspace, weights.residentView)
    let rows = min(pass.count, w.predictorInput.capacity)
    w.predictorInput.resize(to: rows)
    w.predictorLogits.resize(to: rows)
    engine.normalize(
      w.residual.values.rows(pass.count - rows..<pass.count), by: view[norm], epsilon: c.rmsNormEps,
      into: w.predictorInput.mutableValues)
    let logits = w.predictorLogits.mutableValues
    engine.multiply(view[router], w.predictorInput, into: logits)
    var isLikely = [Bool](repeating: false, count: c.numExperts)
    for row in 0..<rows {
      MixtureOfExperts.takeLargest(c.numExpertsPerTok, of: logits.rows(row..<row + 1)) { expert, _ in
        isLikely[expert] = true
      }
    }
    weights.prefetchExperts(isLikely.indices.filter { isLikely[$0] }, ofLayer: layer)
  }
}
