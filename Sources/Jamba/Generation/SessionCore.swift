import JambaFormat

/// What a session owns: state, scratch memory, and the last logits.
struct SessionCore {
  let model: JambaModel
  let state: SequenceState
  private let workspace: Workspace
  /// `[vocab]` after the last token.
  private let logits: Activations
  private let reservation: MemoryBudget.Reservation
  private let cacheType: CacheType
  /// The text's tokens, for the repetition penalty.
  private(set) var tokens: [Int32] = []

  init(_ model: JambaModel, _ options: SessionOptions) throws(JambaError) {
    self.model = model
    cacheType = options.cacheType ?? model.preferredCacheType
    reservation = MemoryBudget.Reservation(model.budget)
    do throws(SystemError) {
      state = try SequenceState(model.configuration, cacheType: cacheType)
      workspace = try Workspace(model.configuration, capacity: options.chunk)
      logits = try Activations(width: model.configuration.vocabSize, capacity: 1, codes: false)
    } catch { throw .outOfMemory(byteCount: 0) }
    try reserve(context: 0)
  }

  /// Sees to it that the text's memory stays within the model's limit.
  private func reserve(context: Int) throws(JambaError) {
    let state = SequenceState.byteCount(model.configuration, cacheType: cacheType, context: context)
    try reservation.grow(
      to: state + workspace.byteCount + Memory.wholePages(4 * model.configuration.vocabSize), context: context)
  }

  mutating func reset() {
    state.reset()
    tokens = []
  }

  /// Checks tokens and makes room for them, so that nothing can fail half way.
  private func prepare(_ new: [Int32]) throws(JambaError) {
    let c = model.configuration
    for id in new where id < 0 || Int(id) >= c.vocabSize {
      throw .invalidToken(Int(id), vocabularyCount: c.vocabSize)
    }
    guard new.count <= c.maxPositionEmbeddings - state.position else {
      throw .contextFull(limit: c.maxPositionEmbeddings)
    }
    try reserve(context: state.position + new.count)
    do throws(SystemError) { try state.reserve(new.count) } catch { throw .outOfMemory(byteCount: 0) }
  }

  /// Runs tokens through the model chunk by chunk; `lastLogits` then holds those after the last token.
  mutating func append(
    _ new: [Int32], progress: (Int) -> Bool, isCancelled: () -> Bool
  ) throws(JambaError) {
    guard !new.isEmpty else { return }
    try prepare(new)
    var done = 0
    while done < new.count {
      let count = min(workspace.capacity, new.count - done)
      guard try forward(new[done..<done + count], isCancelled: isCancelled) else {
        reset()
        throw .cancelled
      }
      tokens += new[done..<done + count]
      done += count
      if done == new.count {
        model.network.logits(rows: count - 1, 1, model.engine, workspace, into: logits.values)
      } else if !progress(done) {
        reset()
        throw .cancelled
      }
    }
  }

  /// A pass of the network. One that fails empties the session.
  private mutating func forward(_ tokens: ArraySlice<Int32>, isCancelled: () -> Bool) throws(JambaError) -> Bool {
    do throws(JambaError) {
      return try model.network.forward(tokens, model.engine, workspace, state, isCancelled: isCancelled)
    } catch {
      reset()
      throw error
    }
  }

  mutating func append(_ new: [Int32], eachLogits body: (Int, Span<Float>) -> Void) throws(JambaError) {
    try prepare(new)
    var done = 0
    while done < new.count {
      let count = min(workspace.capacity, new.count - done)
      _ = try forward(new[done..<done + count], isCancelled: { false })
      tokens += new[done..<done + count]
      for row in 0..<count {
        model.network.logits(rows: row, 1, model.engine, workspace, into: logits.values)
        withLogits { body(done + row, $0) }
      }
      done += count
    }
  }

  /// The residual stream before each layer, `[layers][tokens * hidden]`, for comparison with a reference. The tokens must
  /// fit one chunk.
  mutating func hiddenStates(_ new: [Int32]) throws(JambaError) -> [[Float]] {
    precondition(new.count <= workspace.capacity, "the tokens are more than a chunk")
    try prepare(new)
    var states: [[Float]] = []
    let (residual, width) = (workspace.residual.values, model.configuration.hiddenSize)
    // The network asks before each layer whether to stop: a good moment to look.
    _ = try forward(new[...]) {
      states.append((0..<new.count).flatMap { row in (0..<width).map { residual[row, $0] } })
      return false
    }
    tokens += new
    return states
  }

  func withLogits<Result>(_ body: (Span<Float>) -> Result) -> Result {
    body(unsafe Span(_unsafeStart: UnsafePointer(logits.values.base), count: logits.width))
  }

  func lastLogits() -> [Float] {
    unsafe Array(UnsafeBufferPointer(start: logits.values.base, count: logits.width))
  }

  /// Picks the next token from the last logits.
  mutating func sample(_ sampler: inout Sampler) -> Int32 {
    withLogits { sampler.sample($0, history: tokens) }
  }
}
