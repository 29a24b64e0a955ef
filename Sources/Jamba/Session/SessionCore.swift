import JambaGrammar
import JambaSystem

/// The core of a session: its tokens, its state and the last logits. Not safe for threads; `Session` guards it.
struct SessionCore {
  let model: LoadedModel
  let options: SessionOptions
  /// The most tokens in a pass.
  private let chunk: Int
  private let snapshotInterval: Int
  let state: SequenceState
  /// `[1 + draft, vocab]`
  private let logits: Activations
  /// The row of `logits` that holds those after the last token; nil before there are any.
  private var row: Int?
  private let reservation: MemoryBudget.Reservation
  /// The text's tokens; those taken from an open lookahead are ahead of the state.
  private(set) var tokens: [Int32] = []
  /// The last one of the text, if somebody still has it: the next one shares its blocks of tokens. They are the snapshots' alone,
  /// so that they go with them when memory is needed.
  private weak var lastSnapshot: Snapshot?
  private var lookahead: Lookahead?
  private var drafts: DraftSource
  private(set) var draftStatistics = DraftStatistics()
  /// The last pass over guesses, while closing it has not been added to its time.
  private var openPass: (seconds: Double, count: Int)?
  /// How generating goes on after the last token; nil when that was not generated.
  var continuation: Continuation?

  /// - Parameter layout: how keys and values are kept, whatever the options say.
  init(_ model: LoadedModel, _ options: SessionOptions, layout: KeyValueLayout?, _ draftText: DraftText?) throws(JambaError) {
    try options.validate()
    let (preferred, defaults) = (model.layout, model.sessionDefaults)
    let chosen = KeyValueLayout(
      type: options.cacheType ?? preferred.type, window: options.window ?? preferred.window,
      sinks: options.window == nil ? preferred.sinks : options.sinks, chunk: options.chunk)
    let layout = try (layout ?? chosen).checked(for: model.configuration)
    snapshotInterval = options.snapshotInterval ?? defaults.snapshotInterval ?? max(256, layout.chunk)
    // A pass that is verified fits a chunk; and where layers stream, replaying it would read them all again.
    let chunk = min(layout.chunk, model.batcher.capacity)
    var draft = min(options.draft ?? defaults.draft ?? 0, chunk - 1)
    if !model.network.canReplay { draft = 0 }
    let (c, memory) = (model.configuration, model.memory)
    self.model = model
    self.options = options
    self.chunk = chunk
    reservation = MemoryBudget.Reservation(memory.budget)
    logits = try Activations(width: c.vocabSize, capacity: draft + 1, codes: false)
    logits.resize(to: draft + 1)
    try memory.grow(reservation, to: SystemMemory.wholePages(Lookahead.logitsByteCount(c, draft: draft)))
    let adapters = AdapterStack(options.adapters)
    if let other = options.adapters.first(where: { !$0.adapter.belongs(to: memory) }) {
      throw .invalidOption("\(other.adapter.file.file.path) was loaded for another model")
    }
    try model.batcher.makeRoom(for: adapters, memory)
    state = try SequenceState(c, layout, memory, adapters: adapters)
    drafts = DraftSource(isEager: options.draftsEagerly || defaults.draftsEagerly, draftText)
    lookahead = draft > 0 ? try Lookahead(c, draft: draft, memory) : nil
  }

  mutating func reset() {
    state.reset()
    forget()
  }

  /// Forgets what belongs to the text but for the state, which another one's replaces.
  mutating func forget() {
    tokens = []
    lastSnapshot = nil
    row = nil
    lookahead?.close()
    openPass = nil
    continuation = nil
  }

  /// Checks tokens and makes room for them, so that nothing can fail half way.
  private mutating func prepare(_ new: [Int32]) throws(JambaError) {
    let c = model.configuration
    for id in new where id < 0 || Int(id) >= c.vocabSize {
      throw .invalidToken(Int(id), vocabularyCount: c.vocabSize)
    }
    // Jamba has no positions: the limit is what the model was trained for, which a window keeps to.
    guard new.count <= room else { throw .contextFull(limit: c.maxPositionEmbeddings) }
    try settle()
    try state.reserve(new.count)
    continuation = nil
  }

  /// Tokens that the text may still take.
  private var room: Int {
    state.layout.window == nil ? model.configuration.maxPositionEmbeddings - tokens.count : .max
  }

  /// Runs tokens through the model chunk by chunk; `lastLogits` then holds those after the last token.
  ///
  /// - Parameter viewer: is shown each of them; no snapshots are kept on the way then.
  mutating func append(
    _ new: [Int32], viewer: TokenViewer? = nil, progress: (Int) -> Bool, isCancelled: () -> Bool
  ) throws(JambaError) {
    guard !new.isEmpty else { return }
    try prepare(new)
    var done = 0
    while done < new.count {
      let count = count(of: new.count - done)
      let isLast = done + count == new.count
      guard let computed = try pass(new[done..<done + count], endsText: isLast, viewer, isCancelled) else {
        throw .cancelled
      }
      done += computed
      if done < new.count, !progress(done) {
        reset()
        throw .cancelled
      }
      if viewer == nil, state.position % snapshotInterval == 0 { keepSnapshot(withLogits: done == new.count) }
    }
  }

  /// How many of `count` tokens come next: up to a chunk, and not past the next snapshot.
  private func count(of count: Int) -> Int {
    min(chunk, count, snapshotInterval - state.position % snapshotInterval)
  }

  /// A pass with tokens, or, where others share it, with some of them. One that fails or is cancelled empties the session.
  ///
  /// - Parameter endsText: whether the logits after the last one are wanted.
  /// - Returns: how many were computed; nil when it was cancelled.
  private mutating func pass(
    _ new: ArraySlice<Int32>, endsText: Bool, _ viewer: TokenViewer?, _ isCancelled: () -> Bool
  ) throws(JambaError) -> Int? {
    try state.makeWritable(new.count)
    row = nil
    let part = BatchPart(new, state, logits: endsText ? logits.mutableValues : nil, viewer: viewer)
    do throws(JambaError) {
      guard let count = try model.batcher.run(part, isCancelled: isCancelled) else {
        reset()
        return nil
      }
      tokens += new.prefix(count)
      if endsText, count == new.count { row = 0 }
      return count
    } catch {
      reset()
      throw error
    }
  }

  /// Runs tokens through the model for an observer, by passes that nobody shares. Afterwards the session is empty.
  mutating func observe(_ new: [Int32], by observer: any PassObserver) throws(JambaError) {
    try prepare(new)
    defer { reset() }
    var done = 0
    while done < new.count {
      let part = new[done..<done + count(of: new.count - done)]
      try state.makeWritable(part.count)
      try model.batcher.withWorkspace { (w) throws(JambaError) in
        _ = try model.network.forward([SequenceRows(part, state)], model.engine, w, observer: observer) { false }
        if let fault = state.fault { throw .notANumber(fault) }
      }
      done += part.count
    }
  }

  /// Takes over a snapshot's text and logits.
  mutating func take(_ snapshot: Snapshot) {
    tokens = snapshot.tokens
    lastSnapshot = snapshot
    row = nil
    guard let saved = snapshot.logits else { return }
    let target = logits.mutableValues
    for (index, value) in saved.enumerated() { target[0, index] = value }
    row = 0
  }

  /// A copy of what comes after the text so far.
  mutating func makeSnapshot(withLogits: Bool) throws(JambaError) -> Snapshot {
    let text = try (lastSnapshot?.text.wholeBlocks ?? TokenText()).extended(to: tokens, model.memory)
    let snapshot = try state.snapshot(text: text, logits: withLogits ? lastLogits() : nil)
    lastSnapshot = snapshot
    return snapshot
  }

  var hasLogits: Bool { row != nil }

  func withLogits<Result>(_ body: (Span<Float>) -> Result) -> Result { logits.values.withRow(row ?? 0, body) }

  func lastLogits() -> [Float] { withLogits { logits in logits.indices.map { logits[$0] } } }

  /// Picks the next token from the last logits.
  mutating func sample(_ sampler: inout Sampler, allowed: TokenMask? = nil) -> Int32 {
    withLogits { sampler.sample($0, history: tokens, allowed: allowed) }
  }
}

// MARK: - Steps of a generation

extension SessionCore {
  /// Appends a token that was generated, of which at most `limit` more may follow.
  ///
  /// - Parameter foreseen: what follows it in all likelihood, at most as many tokens as it is given.
  mutating func step(
    _ token: Int32, limit: Int, foreseen: (_ limit: Int) -> ArraySlice<Int32> = { _ in [] }
  ) throws(JambaError) {
    guard lookahead != nil else { return try append(token) }
    if lookahead!.take(token) {
      tokens.append(token)
      row = lookahead!.taken - 1
      draftStatistics.right += 1
      let next = lookahead!.taken
      drafts.confirm(in: tokens, next: next < lookahead!.tokens.count ? lookahead!.tokens[next] : nil)
      return
    }
    let opened = monotonicSeconds()
    try settle()
    let start = monotonicSeconds()
    if let pass = openPass { drafts.record(seconds: pass.seconds + start - opened, count: pass.count) }
    openPass = nil
    let most = min(lookahead!.capacity - 1, limit, room - 1, generatedInterval - state.position % generatedInterval - 1)
    let guesses = drafts.propose(after: tokens, token, foreseen: most > 0 ? foreseen(most) : [], limit: max(0, most))
    let isVerified = guesses.isEmpty ? false : try verify([token] + guesses)
    if !isVerified { try append(token) }
    let seconds = monotonicSeconds() - start
    if isVerified { openPass = (seconds, 1 + guesses.count) } else { drafts.record(seconds: seconds, count: 1) }
  }

  /// A pass over a token and guesses of what follows it.
  ///
  /// - Returns: false when there is no memory for guesses.
  private mutating func verify(_ pass: [Int32]) throws(JambaError) -> Bool {
    do throws(JambaError) {
      try prepare(pass)
      try state.makeWritable(pass.count)
    } catch { return false }
    row = nil
    let part = BatchPart(pass[...], state, trace: lookahead!.trace, logits: logits.mutableValues)
    do throws(JambaError) { _ = try model.batcher.run(part, isCancelled: { false }) } catch {
      reset()
      throw error
    }
    lookahead!.open(pass)
    draftStatistics.passes += 1
    draftStatistics.guessed += pass.count - 1
    tokens.append(pass[0])
    row = 0
    return true
  }

  /// Brings the state up to the text: closes a pass that was computed ahead.
  mutating func settle() throws(JambaError) {
    guard let taken = lookahead?.taken, taken > 0 else { return }
    lookahead!.close()
    do throws(JambaError) {
      try model.batcher.withWorkspace { (w) throws(JambaError) in
        try model.network.replay(lookahead!.trace, taken, model.engine, w, state)
      }
    } catch {
      reset()
      throw error
    }
    if state.position % generatedInterval == 0 { keepSnapshot(withLogits: true) }
  }

  /// A step takes as long as several tokens of a prompt, so that generated tokens are worth more snapshots.
  private var generatedInterval: Int { max(1, snapshotInterval / 8) }

  /// A step of one token.
  private mutating func append(_ token: Int32) throws(JambaError) {
    try append([token], progress: { _ in true }, isCancelled: { false })
    if state.position % generatedInterval == 0, state.position % snapshotInterval != 0 {
      keepSnapshot(withLogits: true)
    }
  }
}
