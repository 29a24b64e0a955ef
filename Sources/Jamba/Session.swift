import Synchronization

/// One text in the making: the state after the tokens it has seen.
///
/// A session may be handed from task to task; two calls at the same time are refused with `sessionBusy`.
public final class Session: Sendable {
  /// The model that computes it.
  public let model: JambaModel
  let core: Mutex<SessionCore>

  init(_ model: JambaModel, _ options: SessionOptions, layout: KeyValueLayout? = nil) throws(JambaError) {
    self.model = model
    core = Mutex(try SessionCore(model.loaded, options, layout: layout, model.draftText))
  }

  /// Tokens in the session's text so far.
  public var tokenCount: Int { core.withLock { $0.tokens.count } }

  /// The session's text so far.
  public var tokens: [Int32] { core.withLock { $0.tokens } }

  /// Empties the session.
  public func reset() throws(JambaError) {
    try withCore { (core) throws(JambaError) in core.reset() }
  }

  /// Appends tokens and hands out the logits after the last one, `[vocabulary]`.
  ///
  /// - Throws: `invalidToken`, `contextFull`, `outOfMemory` before anything is computed; `cancelled` when `progress`
  ///   returns false, `format` when weights cannot be read. After these two the session is empty.
  /// - Parameter progress: called between chunks with the number of tokens done.
  public func append(
    _ tokens: [Int32], progress: (Int) -> Bool = { _ in true }
  ) throws(JambaError) -> [Float] {
    try withCore { (core) throws(JambaError) in
      try core.append(tokens, progress: progress, isCancelled: { false })
      return core.lastLogits()
    }
  }

  /// Appends tokens. `withLogits` and `sample` then have the logits after the last one.
  ///
  /// - Throws: as `append`.
  /// - Parameters:
  ///   - progress: called between chunks with the number of tokens done; false cancels.
  ///   - isCancelled: asked between layers.
  public func prefill(
    _ tokens: [Int32], progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) {
    try withCore { (core) throws(JambaError) in
      try core.append(tokens, progress: progress, isCancelled: isCancelled)
    }
  }

  /// Lends the logits after the last token, `[vocabulary]`.
  ///
  /// - Returns: false where there are none, since nothing has been read; `body` is not called then.
  public func withLogits(_ body: (Span<Float>) -> Void) throws(JambaError) -> Bool {
    try withCore { (core) throws(JambaError) in
      if core.hasLogits { core.withLogits(body) }
      return core.hasLogits
    }
  }

  /// Chooses the token after the last one, without appending it; nil where there are no logits.
  public func sample(with sampler: inout Sampler) throws(JambaError) -> Int32? {
    sampler.learnSequenceBreakers(of: model.text)
    return try withCore { (core) throws(JambaError) in core.hasLogits ? core.sample(&sampler) : nil }
  }

  /// Appends tokens and hands the logits after each to `body`, in order.
  ///
  /// - Parameters:
  ///   - body: may be called on the thread of another session that computes at the same time.
  ///   - progress: called between chunks with the number of tokens done; false cancels.
  ///   - isCancelled: asked between layers.
  public func append(
    _ tokens: [Int32], progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false },
    logits body: (_ index: Int, _ logits: Span<Float>) -> Void
  ) throws(JambaError) {
    try append(tokens, progress, isCancelled, body) { .logits($0) }
  }

  /// Appends tokens and hands the last layer's output for each, behind the final norm, to `body`, in order: `[hidden]`.
  ///
  /// - Parameters: as of `append`.
  func appendShowingStates(
    _ tokens: [Int32], progress: (Int) -> Bool, isCancelled: () -> Bool, _ body: (_ index: Int, Span<Float>) -> Void
  ) throws(JambaError) {
    try append(tokens, progress, isCancelled, body) { .hiddenStates($0) }
  }

  private func append(
    _ tokens: [Int32], _ progress: (Int) -> Bool, _ isCancelled: () -> Bool, _ body: (Int, Span<Float>) -> Void,
    _ viewer: (@escaping (Int, Span<Float>) -> Void) -> TokenViewer
  ) throws(JambaError) {
    let result = withoutActuallyEscaping(body) { body -> Result<Void, JambaError> in
      do throws(JambaError) {
        return .success(
          try withCore { (core) throws(JambaError) in
            try core.append(tokens, viewer: viewer(body), progress: progress, isCancelled: isCancelled)
          })
      } catch { return .failure(error) }
    }
    try result.get()
  }

  /// Runs tokens through the model for an observer. Afterwards the session is empty.
  package func observe(_ tokens: [Int32], by observer: any PassObserver) throws(JambaError) {
    try withCore { (core) throws(JambaError) in try core.observe(tokens, by: observer) }
  }

  /// Appends tokens one by one as if they had been generated.
  package func follow(_ tokens: [Int32]) throws(JambaError) {
    for (index, token) in tokens.enumerated() {
      try withCore { (core) throws(JambaError) in try core.step(token, limit: tokens.count - 1 - index) }
    }
  }

  /// Statistics of guessing ahead (speculative decoding) in this session.
  public var draftStatistics: DraftStatistics { core.withLock { $0.draftStatistics } }

  /// Bytes of the session's state: Mamba states, keys and values.
  public var stateByteCount: Int { core.withLock { $0.state.byteCount } }

  /// A second session with the same text. Both go on alone; keys and values are shared until one of them changes.
  public func fork() throws(JambaError) -> Session {
    let (options, snapshot) = try withCore { (core) throws(JambaError) in (core.options, try core.snapshot()) }
    let fork = try Session(model, options, layout: snapshot.layout)
    try fork.withCore { (core) throws(JambaError) in core.adopt(snapshot) }
    return fork
  }

  /// Forgets what comes after the first `tokenCount` tokens: from a snapshot (see
  /// `SessionOptions.snapshotInterval`), after which tokens are read again. The same bits as a session that
  /// has read no more.
  ///
  /// - Parameter progress: called between chunks with the number of tokens read again; false cancels.
  /// - Throws: `invalidOption` when the session has fewer tokens; `cancelled`, after which it is empty.
  public func rewind(to tokenCount: Int, progress: (Int) -> Bool = { _ in true }) throws(JambaError) {
    try withCore { (core) throws(JambaError) in try core.rewind(to: tokenCount, progress: progress) }
  }

  /// Keeps a snapshot of the text so far, to which `rewind` returns without reading, and from which any session of the
  /// model starts whose text begins the same way. It goes when memory is needed.
  public func checkpoint() throws(JambaError) {
    try withCore { (core) throws(JambaError) in
      try core.settle()
      core.keepSnapshot(withLogits: core.hasLogits)
    }
  }

  func withCore<Result>(_ body: (inout SessionCore) throws(JambaError) -> sending Result) throws(JambaError) -> Result {
    let result = try core.withLockIfAvailable { (core) throws(JambaError) in try body(&core) }
    guard let result else { throw .sessionBusy }
    return result
  }
}
