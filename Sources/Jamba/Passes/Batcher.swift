import JambaFormat
import JambaSystem
import Synchronization

/// Runs passes over the weights, one after the other. Sequences whose threads wait at the same time share a pass
/// (continuous batching): weights are read once for all of them, and each gets the bits it would get alone.
///
/// There is no thread for it: one of those that wait computes for all. Before it starts it gives those who were in the
/// last pass a moment to come back with their next token.
///
/// Invariant: workspace and head logits are touched by the thread that has set `isBusy` only. Sendable for that reason.
@safe
final class Batcher: @unchecked Sendable {
  private let network: Network
  private let engine: Engine
  private let workspace: Workspace
  /// `[headRows, vocab]`, for passes that several sequences share.
  private let headLogits: Activations
  private let reservation: MemoryBudget.Reservation
  private let adapterReservation: MemoryBudget.Reservation
  private let queue: Monitor<BatchQueue<BatchPart>>

  /// How long a waiting thread sleeps before it asks whether it has been cancelled.
  private static let pollSeconds = 0.02
  /// Which share of the last pass's time may be spent on waiting for those who were in it.
  private static let gatheringShare = 0.1

  private static func headRows(sessions: Int) -> Int { max(4, min(sessions, 16)) }

  /// - Parameters:
  ///   - capacity: the most tokens in a pass.
  ///   - sessions: how many sequences are expected at the same time.
  init(
    _ network: Network, _ engine: Engine, capacity: Int, sessions: Int, _ memory: SessionMemory
  ) throws(JambaError) {
    let c = network.configuration
    self.network = network
    self.engine = engine
    workspace = try Workspace(c, capacity: capacity)
    headLogits = try Activations(width: c.vocabSize, capacity: Batcher.headRows(sessions: sessions), codes: false)
    reservation = MemoryBudget.Reservation(memory.budget)
    adapterReservation = MemoryBudget.Reservation(memory.budget)
    queue = Monitor(BatchQueue<BatchPart>(capacity: capacity, isShared: sessions > 1))
    try memory.grow(reservation, to: try Batcher.byteCount(c, capacity: capacity, sessions: sessions))
  }

  /// Bytes of activations and logits.
  static func byteCount(_ c: ModelConfiguration, capacity: Int, sessions: Int) throws(JambaError) -> Int {
    let logits = Activations.byteCount(width: c.vocabSize, capacity: headRows(sessions: sessions), codes: false)
    return try Workspace.byteCount(c, capacity: capacity) + SystemMemory.wholePages(logits)
  }

  /// The most tokens in a pass.
  var capacity: Int { workspace.capacity }

  var statistics: PassStatistics { queue.withLock { $0.statistics } }

  /// Has a sequence's tokens computed, or, of a prompt, as many as others leave room for.
  ///
  /// - Parameter isCancelled: asked on this thread, between layers or every 20 ms. What is cancelled while others are in
  ///   the pass ends with it.
  /// - Returns: how many tokens were computed; nil when it was cancelled, and the sequence's state is good for nothing but
  ///   `reset`.
  /// - Throws: as `Network.forward`.
  func run(_ part: BatchPart, isCancelled: () -> Bool) throws(JambaError) -> Int? {
    enum Turn { case lead, done(BatchPart.Outcome) }
    if isCancelled() { return nil }
    queue.withLock { $0.arrive(part) }
    queue.signal(.work)
    while true {
      let turn = queue.wait(for: .result, atMost: Batcher.pollSeconds) { queue -> Turn? in
        if let outcome = part.outcome { return .done(outcome) }
        guard !queue.isBusy else { return nil }
        queue.isBusy = true
        return .lead
      }
      switch turn {
      case .done(.computed(let count)): return count
      case .done(.cancelled): return nil
      case .done(.failed(let error)): throw error
      case .lead: lead { if isCancelled() { part.isCancelled.store(true, ordering: .relaxed) } }
      case nil:
        guard isCancelled() else { continue }
        part.isCancelled.store(true, ordering: .relaxed)
        if queue.withLock({ $0.withdraw(part) }) { return nil }
      }
    }
  }

  /// Computes a pass for those who wait.
  private func lead(poll: () -> Void) {
    let patience = queue.withLock { $0.lastSeconds * Batcher.gatheringShare }
    _ = queue.wait(for: .work, atMost: patience) { $0.expected.isEmpty ? true : nil }
    let batch = queue.withLock { $0.take() }
    let start = monotonicSeconds()
    let result = compute(batch, poll: poll)
    let seconds = monotonicSeconds() - start
    queue.withLock { queue in
      for (part, count) in batch {
        // Before its thread goes on: what it views with may not outlive its call.
        part.viewer = nil
        part.outcome =
          switch result {
          case .success(let isComplete):
            !isComplete ? .cancelled : part.state.fault.map { .failed(.notANumber($0)) } ?? .computed(count)
          case .failure(let error): .failed(error)
          }
      }
      queue.finish(batch, seconds: seconds)
    }
    queue.signal(.result)
  }

  /// - Returns: false when all have been cancelled.
  private func compute(_ batch: [(part: BatchPart, count: Int)], poll: () -> Void) -> Result<Bool, JambaError> {
    var sequences: [SequenceRows] = []
    for (part, count) in batch {
      sequences.append(
        SequenceRows(
          part.tokens.prefix(count), part.state, trace: part.trace, firstRow: sequences.last?.rows.upperBound ?? 0))
    }
    do throws(JambaError) {
      let isComplete = try network.forward(sequences, engine, workspace) {
        poll()
        return batch.allSatisfy { $0.part.isCancelled.load(ordering: .relaxed) }
      }
      if isComplete {
        let parts = zip(batch, sequences).map { ($0.part, $1) }
        for (part, sequence) in parts { try show(sequence, to: part.viewer) }
        try computeLogits(parts)
        for (part, count) in batch where part.state.fault == nil && count == part.tokens.count {
          if let logits = part.logits, !engine.isFinite(0, of: logits.values) {
            part.state.fault = NumberFault(part: .head, layer: nil)
          }
        }
      }
      return .success(isComplete)
    } catch { return .failure(error) }
  }

  /// Shows a sequence's rows of the pass to who wants to see each of its tokens.
  private func show(_ sequence: SequenceRows, to viewer: TokenViewer?) throws(JambaError) {
    guard let viewer else { return }
    switch viewer {
    case .logits(let look):
      for start in stride(from: sequence.rows.lowerBound, to: sequence.rows.upperBound, by: headLogits.capacity) {
        let rows = start..<min(start + headLogits.capacity, sequence.rows.upperBound)
        headLogits.resize(to: rows.count)
        try network.logits(rows: rows, of: [sequence], engine, workspace, into: headLogits.mutableValues)
        for row in rows {
          let index = sequence.tokens.startIndex + row - sequence.rows.lowerBound
          headLogits.values.withRow(row - start) { look(index, $0) }
        }
      }
    case .hiddenStates(let look):
      try network.normalize(rows: sequence.rows, engine, workspace)
      for row in 0..<sequence.rows.count {
        workspace.normed.values.withRow(row) { look(sequence.tokens.startIndex + row, $0) }
      }
    }
  }

  /// One product with the head for as many rows as its buffer holds; a sequence alone needs no buffer.
  private func computeLogits(_ parts: [(part: BatchPart, sequence: SequenceRows)]) throws(JambaError) {
    let sequences = parts.map(\.sequence)
    var wanted: [(row: Int, target: MutableRows)] = []
    for (part, sequence) in parts {
      guard let logits = part.logits, sequence.rows.count == part.tokens.count else { continue }
      let rows = part.trace == nil ? sequence.rows.suffix(1) : sequence.rows
      if parts.count == 1 {
        return try network.logits(rows: rows, of: sequences, engine, workspace, into: logits.rows(0..<rows.count))
      }
      for (index, row) in rows.enumerated() { wanted.append((row, logits.rows(index..<index + 1))) }
    }
    let size = headLogits.capacity
    for start in stride(from: 0, to: wanted.count, by: size) {
      let group = wanted[start..<min(start + size, wanted.count)]
      headLogits.resize(to: group.count)
      try network.logits(rows: group.map(\.row), of: sequences, engine, workspace, into: headLogits.mutableValues)
      for (index, entry) in group.enumerated() { entry.target.copy(headLogits.values.rows(index..<index + 1)) }
    }
  }

  /// Makes room for products with adapters, once for all sessions.
  ///
  /// - Throws: `memoryLimitReached`, `outOfMemory`.
  func makeRoom(for stack: AdapterStack, _ memory: SessionMemory) throws(JambaError) {
    guard !stack.isEmpty else { return }
    let widths = stack.adapters.reduce(into: Set<Int>()) { $0.formUnion($1.adapter.widths) }
    try withWorkspace { (w) throws(JambaError) in
      let all = widths.union(w.adapters?.widths ?? [])
      guard w.adapters?.widths != all else { return }
      try memory.grow(adapterReservation, to: AdapterScratch.byteCount(widths: all))
      if w.adapters == nil { w.adapters = AdapterScratch() }
      try w.adapters!.makeRoom(for: all)
    }
  }

  /// Lends the workspace, while no pass runs.
  func withWorkspace<Result>(_ body: (Workspace) throws(JambaError) -> Result) throws(JambaError) -> Result {
    queue.wait(for: .result) { queue -> Void? in
      guard !queue.isBusy else { return nil }
      queue.isBusy = true
      return ()
    }
    defer {
      queue.withLock { $0.isBusy = false }
      queue.signal(.result)
    }
    return try body(workspace)
  }
}

/// Who wants to see something of every token of a prompt. Called on the thread that computes, with a token's place in the
/// prompt, in order; the span is good for the call.
enum TokenViewer {
  /// The logits after the token, `[vocab]`.
  case logits((_ index: Int, Span<Float>) -> Void)
  /// The last layer's output behind the final norm, which is what the head multiplies, `[hidden]`.
  case hiddenStates((_ index: Int, Span<Float>) -> Void)
}

/// A sequence's part of a pass: tokens to be computed, and where their logits go.
///
/// Invariant: its thread waits for the outcome, and meanwhile the thread that computes has all of it; the outcome is
/// guarded by the queue's lock. Sendable for that reason.
@safe
final class BatchPart: BatchMember, @unchecked Sendable {
  enum Outcome {
    /// How many of the tokens.
    case computed(Int)
    case cancelled
    case failed(JambaError)
  }

  let tokens: ArraySlice<Int32>
  let state: SequenceState
  let trace: PassTrace?
  /// Where the logits go, `[rows, vocab]`: with a trace those of every token, else of the last one if the pass gets so far.
  let logits: MutableRows?
  /// Is shown the tokens by their places in `tokens`; nil once there is an outcome.
  fileprivate(set) var viewer: TokenViewer?
  let isCancelled = Atomic(false)
  fileprivate(set) var outcome: Outcome?
  let thread = currentThread

  init(
    _ tokens: ArraySlice<Int32>, _ state: SequenceState, trace: PassTrace? = nil, logits: MutableRows?,
    viewer: TokenViewer? = nil
  ) {
    self.viewer = viewer
    self.tokens = tokens
    self.state = state
    self.trace = trace
    self.logits = logits
  }

  /// A step is one token, or one and guesses of what follows it.
  var isPrompt: Bool { trace == nil && tokens.count > 1 }
  var tokenCount: Int { tokens.count }
  var sequence: ObjectIdentifier { ObjectIdentifier(state) }
}
