import JambaFormat

/// What a session owns: state, scratch memory, and the last logits.
struct SessionCore {
  let model: JambaModel
  let state: SequenceState
  private let workspace: Workspace
  /// `[vocab]` after the last token.
  private let logits: Activations
  private let reservation: MemoryBudget.Reservation
  private let snapshotInterval: Int
  /// The text's tokens.
  private(set) var tokens: [Int32] = []

  init(_ model: JambaModel, _ options: SessionOptions) throws(JambaError) {
    let preferred = model.preferredLayout
    let hasOwnWindow = options.window != nil
    try self.init(
      model,
      KeyValueLayout(
        type: options.cacheType ?? preferred.type, window: options.window ?? preferred.window,
        sinks: hasOwnWindow ? options.sinks : preferred.sinks, chunk: options.chunk),
      snapshotInterval: options.snapshotInterval)
  }

  init(_ model: JambaModel, _ layout: KeyValueLayout, snapshotInterval: Int) throws(JambaError) {
    self.model = model
    self.snapshotInterval = snapshotInterval
    let memory = model.sessionMemory
    reservation = MemoryBudget.Reservation(memory.budget)
    do throws(SystemError) {
      workspace = try Workspace(model.configuration, capacity: layout.chunk)
      logits = try Activations(width: model.configuration.vocabSize, capacity: 1, codes: false)
    } catch { throw .outOfMemory(byteCount: 0) }
    let byteCount = workspace.byteCount + Memory.wholePages(4 * model.configuration.vocabSize)
    while true {
      do throws(JambaError) {
        try reservation.grow(to: byteCount, context: 0)
        break
      } catch {
        guard memory.snapshots.removeOldest() else { throw error }
      }
    }
    state = try SequenceState(model.configuration, layout, memory)
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
    // Jamba has no positions: the limit is what the model was trained for, which a window keeps to.
    guard state.layout.window != nil || new.count <= c.maxPositionEmbeddings - state.position else {
      throw .contextFull(limit: c.maxPositionEmbeddings)
    }
    try state.reserve(new.count)
  }

  /// Runs tokens through the model chunk by chunk; `lastLogits` then holds those after the last token.
  mutating func append(
    _ new: [Int32], progress: (Int) -> Bool, isCancelled: () -> Bool
  ) throws(JambaError) {
    guard !new.isEmpty else { return }
    try prepare(new)
    var done = 0
    while done < new.count {
      let count = chunk(of: new.count - done)
      guard try forward(new[done..<done + count], isCancelled: isCancelled) else {
        reset()
        throw .cancelled
      }
      done += count
      if done == new.count {
        model.network.logits(rows: count - 1, 1, model.engine, workspace, into: logits.values)
      } else if !progress(done) {
        reset()
        throw .cancelled
      }
      if state.position % snapshotInterval == 0 { keepSnapshot(withLogits: done == new.count) }
    }
  }

  /// How many of `count` tokens come next: up to a chunk, and not past the next snapshot.
  private func chunk(of count: Int) -> Int {
    min(workspace.capacity, count, snapshotInterval - state.position % snapshotInterval)
  }

  /// A pass of the network. One that fails empties the session.
  private mutating func forward(_ new: ArraySlice<Int32>, isCancelled: () -> Bool) throws(JambaError) -> Bool {
    try state.makeWritable(new.count)
    do throws(JambaError) {
      guard try model.network.forward(new, model.engine, workspace, state, isCancelled: isCancelled) else { return false }
    } catch {
      reset()
      throw error
    }
    tokens += new
    return true
  }

  mutating func append(_ new: [Int32], eachLogits body: (Int, Span<Float>) -> Void) throws(JambaError) {
    try prepare(new)
    var done = 0
    while done < new.count {
      let count = chunk(of: new.count - done)
      _ = try forward(new[done..<done + count], isCancelled: { false })
      for row in 0..<count {
        model.network.logits(rows: row, 1, model.engine, workspace, into: logits.values)
        withLogits { body(done + row, $0) }
      }
      done += count
    }
  }

  /// The residual stream before each layer, `[layers][tokens * hidden]`, for comparison with a reference. The tokens must
  /// fit one chunk. Afterwards the session is empty.
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
    reset()
    return states
  }

  func withLogits<Result>(_ body: (Span<Float>) -> Result) -> Result {
    body(unsafe Span(_unsafeStart: UnsafePointer(logits.values.base), count: logits.width))
  }

  func lastLogits() -> [Float] {
    unsafe Array(UnsafeBufferPointer(start: logits.values.base, count: logits.width))
  }

  /// Picks the next token from the last logits.
  mutating func sample(_ sampler: inout Sampler, allowed: TokenMask? = nil) -> Int32 {
    withLogits { sampler.sample($0, history: tokens, allowed: allowed) }
  }
}

// MARK: - Snapshots

extension SessionCore {
  /// Keeps a snapshot of the text so far, if the plan has room for such. That memory is short is no failure: the text can
  /// be read again.
  func keepSnapshot(withLogits: Bool) {
    let snapshots = model.sessionMemory.snapshots
    guard snapshots.hasRoom(for: state.recurrentByteCount + 4 * tokens.count), state.position > 0 else { return }
    do throws(JambaError) {
      snapshots.insert(try state.snapshot(tokens: tokens, logits: withLogits ? lastLogits() : nil))
    } catch {}
  }
}
