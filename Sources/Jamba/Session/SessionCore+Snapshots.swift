extension SessionCore {
  /// The text so far, for another session or for later.
  mutating func snapshot() throws(JambaError) -> Snapshot {
    try settle()
    return try makeSnapshot(withLogits: hasLogits)
  }

  /// Keeps a snapshot of the text so far, if the plan has room for such. That memory is short is no failure: the text can
  /// be read again.
  mutating func keepSnapshot(withLogits: Bool) {
    let cache = model.memory.prefixCache
    guard cache.hasRoom(for: state.recurrentByteCount + TokenText.ownByteCount), state.position > 0 else { return }
    do throws(JambaError) {
      cache.insert(try makeSnapshot(withLogits: withLogits))
    } catch {}
  }

  /// Appends tokens to the text, from a snapshot as far as one has been kept of what text and tokens make together.
  ///
  /// - Parameter progress: called with how many of the tokens came from the snapshot, then as by `append`.
  /// - Returns: how many of the tokens came from the snapshot.
  mutating func read(
    _ new: [Int32], progress: (Int) -> Bool, isCancelled: () -> Bool
  ) throws(JambaError) -> Int {
    guard !new.isEmpty else { return 0 }
    let (before, text) = (tokens.count, tokens + new)
    if let snapshot = model.memory.prefixCache.longestPrefix(of: text[...], state.layout, state.adapters),
      snapshot.tokenCount > before
    {
      restore(snapshot)
    }
    let reused = tokens.count - before
    guard progress(reused) else {
      reset()
      throw .cancelled
    }
    try append(
      Array(text[tokens.count...]), progress: { progress(reused + $0) }, isCancelled: isCancelled)
    keepSnapshot(withLogits: true)
    return reused
  }

  mutating func rewind(to count: Int, progress: (Int) -> Bool) throws(JambaError) {
    guard 0...tokens.count ~= count else {
      throw .invalidOption("the session has \(tokens.count) tokens and cannot be rewound to \(count)")
    }
    guard count < tokens.count else { return }
    let text = Array(tokens[..<count])
    reset()
    if let snapshot = model.memory.prefixCache.longestPrefix(of: text[...], state.layout, state.adapters) { restore(snapshot) }
    try append(Array(text[tokens.count...]), progress: progress, isCancelled: { false })
  }

  /// Goes on from a snapshot whose keys and values are kept the same way.
  mutating func restore(_ snapshot: Snapshot) {
    forget()
    state.restore(snapshot)
    take(snapshot)
  }

  /// The same from a snapshot that nobody else has, without copying it.
  mutating func adopt(_ snapshot: Snapshot) {
    forget()
    state.adopt(snapshot)
    take(snapshot)
  }
}
