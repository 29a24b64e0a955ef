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
