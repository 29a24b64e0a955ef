import JambaFormat

/// A mixture of experts: each token goes to its `num_experts_per_tok` most probable ones.
///
/// The router's softmax runs over all experts and the chosen probabilities are not renormalised (JambaSparseMoeBlock in
/// transformers): they add up to less than one.
struct MixtureOfExperts {
  let router: Matrix  // [experts, hidden]
  let experts: Experts
  /// Of the next mixture, where its experts may have to be read.
  var foresight: Foresight?
  private let readsCodes: Bool

  init(router: Matrix, experts: Experts) {
    self.router = router
    self.experts = experts
    readsCodes = router.readsCodes || experts.readsCodes
  }

  /// `workspace.normed` in, `workspace.output` out. Tokens are grouped by expert, so that an expert's weights are read
  /// once a pass; a token adds its experts in ascending order, however many tokens are in the pass.
  func forward(_ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ count: Int) throws(JambaError) {
    if readsCodes { engine.quantize(w.normed, count) }
    engine.multiply(router, w.normed, count, into: w.routerWeights.values)
    for token in 0..<count {
      engine.softmax(w.routerWeights.values, row: token, width: c.numExperts)
      keepLargest(c.numExpertsPerTok, of: w.routerWeights.values.row(token), in: w.expertWeights.values.row(token))
    }

    w.output.values.clear(rows: count)
    try experts.forEach(
      where: { expert in (0..<count).contains { w.expertWeights.values[$0, expert] >= 0 } },
      whileReading: { foresight?.suggest(engine, c, w, count) }
    ) { index, expert in
      let chosen = gather(expert: index, w, count)
      expert.forward(engine, c, w, rows: w.expertRows, chosen, into: w.expertOutput.values)
      engine.add(
        w.expertOutput.values, scaledBy: w.expertScales, toRows: w.expertRows, of: w.output.values,
        width: c.hiddenSize, chosen)
    }
  }

  /// Moves the `kept` largest probabilities to `chosen`, where experts not chosen are negative; of equals the first
  /// expert is taken.
  private func keepLargest(_ kept: Int, of probabilities: Columns, in chosen: Columns) {
    for expert in 0..<experts.count { chosen[0, expert] = -1 }
    for _ in 0..<kept {
      var best: Int?
      for expert in 0..<experts.count
      where probabilities[0, expert] >= 0 && best.map({ probabilities[0, expert] > probabilities[0, $0] }) ?? true {
        best = expert
      }
      guard let best else { break }  // nothing but not-a-number is left
      chosen[0, best] = probabilities[0, best]
      probabilities[0, best] = -1
    }
  }

  /// Lists the tokens that chose an expert, and their weights.
  private func gather(expert: Int, _ w: Workspace, _ count: Int) -> Int {
    let (rows, scales) = (w.expertRows, w.expertScales)
    var chosen = 0
    for token in 0..<count {
      let weight = w.expertWeights.values[token, expert]
      guard weight >= 0 else { continue }
      unsafe rows.base[chosen] = UInt32(token)
      unsafe scales.base[chosen] = weight
      chosen += 1
    }
    return chosen
  }
}
