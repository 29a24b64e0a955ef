extension JambaModel {
  /// What a text looks like to the model: the mean, over all of its tokens, of the last layer's output behind the final norm,
  /// `[hidden]`. Summed in double precision in the text's order, so that its bits do not depend on how passes are cut.
  ///
  /// A language model is not trained for that: texts about the same lie nearer to each other than others do, but farther
  /// than a model for embeddings would put them.
  ///
  /// - Parameters:
  ///   - adapters: what it is computed with beside the model's weights.
  ///   - progress: called between chunks with the number of tokens done; false cancels.
  ///   - isCancelled: asked between layers.
  /// - Throws: `emptyPrompt`; else as `Session.append`.
  public func embedding(
    of tokens: [Int32], adapters: [AppliedAdapter] = [], progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> [Float] {
    guard !tokens.isEmpty else { throw .emptyPrompt }
    var sums = [Double](repeating: 0, count: configuration.hiddenSize)
    try makeSession(options: SessionOptions(adapters: adapters)).appendShowingStates(tokens, progress: progress, isCancelled: isCancelled) { _, state in
      for index in state.indices { sums[index] += Double(state[index]) }
    }
    return sums.map { Float($0 / Double(tokens.count)) }
  }
}
