import Jamba
import JambaSystem
import Synchronization

/// An answer that is waited for or being generated.
final class Job: Sendable {
  /// Events for its client, in order; the last is `ended` or `failed`.
  enum Event: Sendable {
    /// The request has been accepted and its prompt is being read.
    case began
    case piece(Piece, choice: Int)
    case ended(AnswerUsage)
    case failed(Failure)
  }

  let request: AnswerRequest
  let arrivalSeconds = monotonicSeconds()
  let events: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation
  private let cancelled = Atomic<Bool>(false)

  init(_ request: AnswerRequest) {
    self.request = request
    // A client that takes nothing must not make the server keep everything. A whole answer is kept anyhow.
    (events, continuation) = AsyncStream.makeStream(
      bufferingPolicy: request.streams ? .bufferingOldest(Limits.bufferedPieces) : .unbounded)
  }

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  /// Nobody waits for the answer any more: it ends with the step it is in.
  func cancel() { cancelled.store(true, ordering: .relaxed) }

  func tell(_ event: Event) {
    if case .dropped = continuation.yield(event) { cancel() }
  }

  func finish(_ event: Event) {
    tell(event)
    continuation.finish()
  }
}

/// Usage of all choices of an answer.
struct AnswerUsage: Sendable, Equatable {
  var promptTokens = 0
  var cachedTokens = 0
  var completionTokens = 0
  var reasoningTokens = 0
  var promptSeconds = 0.0
  /// From each choice's first token to its last.
  var decodeSeconds = 0.0
  /// Tokens that those seconds went into.
  var decodedTokens = 0
}

/// Answers in the making: so many at a time, each on a thread of its own, and a line of those that wait.
///
/// A thread per answer, since a step computes for long: the runtime puts steps that are asked for at the same time into
/// one pass over the weights.
final class Answers: Sendable {
  private struct State {
    var waiting: [Job] = []
    var idleCount: Int
    var isStopping = false
    var isClosed = false
  }

  private let model: JambaModel
  private let options: ServerOptions
  private let metrics: Metrics
  private let notices: Notices
  private let state: Monitor<State>
  private let threads = Mutex<[BackgroundThread]>([])
  /// Running answers are to end now.
  private let isAborted = Atomic<Bool>(false)

  init(
    _ model: JambaModel, _ options: ServerOptions, _ metrics: Metrics, _ notices: Notices
  ) throws(SystemError) {
    self.model = model
    self.options = options
    self.metrics = metrics
    self.notices = notices
    state = Monitor(State(idleCount: options.sessions))
    for _ in 0..<options.sessions {
      let thread = try BackgroundThread { [self] in work() }
      threads.withLock { $0.append(thread) }
    }
  }

  var waitingCount: Int { state.withLock { max(0, $0.waiting.count - $0.idleCount) } }
  var runningCount: Int { state.withLock { options.sessions - $0.idleCount } }
  var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Puts an answer into the line.
  ///
  /// - Throws: status 429 when the line is full, 503 when the server is stopping.
  func submit(_ job: Job) throws(Failure) {
    enum Outcome { case taken, full, stopping }
    let outcome = state.withLock { state -> Outcome in
      if state.isStopping { return .stopping }
      guard state.waiting.count < state.idleCount + options.queueLimit else { return .full }
      state.waiting.append(job)
      return .taken
    }
    switch outcome {
    case .taken: state.signal(.work)
    case .full:
      throw Failure(
        .tooManyRequests,
        "\(options.sessions) answers are being generated and \(options.queueLimit) requests are waiting; try again later",
        code: "queue_full", retryAfterSeconds: 2)
    case .stopping: throw .stopping
    }
  }

  /// Nobody waits for the answer any more. One in the line leaves its place.
  func cancel(_ job: Job) {
    job.cancel()
    let wasWaiting = state.withLock { state in
      guard let place = state.waiting.firstIndex(where: { $0 === job }) else { return false }
      state.waiting.remove(at: place)
      return true
    }
    if wasWaiting { job.finish(.failed(.stopping)) }
  }

  /// Refuses whoever waits and whoever comes; running answers go on.
  func stop() {
    let refused = state.withLock { state in
      state.isStopping = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for job in refused { job.finish(.failed(.stopping)) }
  }

  /// Running answers end with the step they are in.
  func abort() { isAborted.store(true, ordering: .relaxed) }

  /// Waits for running answers and ends the threads.
  func close() {
    stop()
    state.withLock { $0.isClosed = true }
    state.signal(.work)
    let threads = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in threads { thread.join() }
  }

  private func work() {
    while true {
      let job = state.wait(for: .work) { state -> Job?? in
        if !state.waiting.isEmpty {
          state.idleCount -= 1
          return .some(state.waiting.removeFirst())
        }
        return state.isClosed ? .some(nil) : nil
      }
      guard let job else { return }
      AnswerGenerator(
        model, options, metrics, notices, job, isAborted: { [self] in isAborted.load(ordering: .relaxed) }
      ).run()
      state.withLock { $0.idleCount += 1 }
    }
  }
}
