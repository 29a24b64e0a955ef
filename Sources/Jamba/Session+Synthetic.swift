extension Session {
  /// Makes the session's text one of `tokenCount` arbitrary tokens that are not computed, for measuring what comes after them.
  ///
  /// - Throws: as `append`.
  package func fill(to tokenCount: Int) throws(JambaError) {
    try withCore { (core) throws(JambaError) in
      core.reset()
      let snapshot = try SyntheticText.snapshot(core.model, core.state.layout, tokenCount: tokenCount)
      core.adopt(snapshot)
    }
  }
}
