import JambaSystem

extension Session {
  /// Saves the session: text, state, keys and values, the last logits, and how an unfinished generation goes on.
  ///
  /// The file is complete or the old one: it is written under another name, synced, and renamed (docs/SESSIONS.md).
  ///
  /// - Parameter note: bytes of the caller's, at most 64 MiB, handed back when the session is restored.
  /// - Throws: `format` when the file cannot be written, `outOfMemory`.
  public func save(to path: String, note: [UInt8] = []) throws(JambaError) {
    guard note.count <= SavedSession.noteLimit else {
      throw .invalidOption(
        "a note of \(note.count) bytes is longer than the \(SavedSession.noteLimit) that a session keeps")
    }
    try withCore { (core) throws(JambaError) in
      try SavedSession(core.snapshot(), core.continuation, note).write(to: path, core.model)
    }
  }
}

extension Session {
  /// How many tokens `prefill(_:savingTo:)` reads before it saves again.
  public static let usualSavingInterval = 8192

  /// Reads a long text so that little is lost when the program is killed: the session is saved to `path` after every so many
  /// tokens and at the end, and where `path` holds what an earlier call has read of the same text, reading goes on there.
  ///
  /// - Parameters:
  ///   - interval: tokens between two savings.
  ///   - progress: called with the number of tokens done, those of the earlier call among them; false cancels.
  ///   - isCancelled: asked between layers.
  /// - Returns: how many of the tokens came from the file.
  /// - Throws: as `prefill`, and as `save`; `foreignSession`, `foreignAdapters` or `format` when the file is another model's or no session, so that
  ///   nobody's file is overwritten. What was saved before stays.
  @discardableResult
  public func prefill(
    _ tokens: [Int32], savingTo path: String, every interval: Int = Session.usualSavingInterval,
    progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Int {
    guard interval > 0 else {
      throw .invalidOption("the interval of savings is \(interval) tokens, which is not positive")
    }
    let before = tokenCount
    let text = self.tokens + tokens
    if FileSystem.exists(path) { try resume(text, from: path) }
    let reused = tokenCount - before
    guard progress(reused) else { throw .cancelled }
    while tokenCount < text.count {
      let start = tokenCount
      try prefill(
        Array(text[start..<min(text.count, start + interval)]), progress: { progress(start - before + $0) },
        isCancelled: isCancelled)
      try save(to: path)
      guard tokenCount == text.count || progress(tokenCount - before) else { throw .cancelled }
    }
    return reused
  }

  /// Takes over a saved session that is farther in `text`, and keeps keys and values as this one does.
  private func resume(_ text: [Int32], from path: String) throws(JambaError) {
    let (chunk, adapters) = try withCore { (core) throws(JambaError) in (core.options.chunk, core.state.adapters) }
    let snapshot = try SavedSession(path, model.loaded, chunk: chunk, adapters: adapters).snapshot
    try withCore { (core) throws(JambaError) in
      guard snapshot.tokenCount > core.tokens.count, snapshot.isUsable(for: text[...], core.state.layout, adapters) else {
        return
      }
      core.adopt(snapshot)
    }
  }
}

extension JambaModel {
  /// Goes on with a saved session, with the same bits as if it had never stopped. Window, sinks and the type of keys and
  /// values are those it was saved with; the other options count.
  ///
  /// - Throws: `foreignSession` for another model's session, `foreignAdapters` for one that was read with other adapters than
  ///   those of the options, `format` for a file that is damaged or none,
  ///   `memoryLimitReached`.
  public func makeSession(
    restoring path: String, options: SessionOptions = SessionOptions()
  ) throws(JambaError) -> (session: Session, note: [UInt8]) {
    try options.validate()
    let saved = try SavedSession(path, loaded, chunk: options.chunk, adapters: AdapterStack(options.adapters))
    let session = try Session(self, options, layout: saved.snapshot.layout)
    try session.withCore { (core) throws(JambaError) in
      core.restore(saved.snapshot)
      core.continuation = saved.continuation
    }
    loaded.memory.prefixCache.insert(saved.snapshot)
    return (session, saved.note)
  }
}
