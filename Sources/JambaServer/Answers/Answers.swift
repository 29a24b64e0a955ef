import Jamba
import JambaSystem
import Synchronization

/// Work that is being done: so much at a time, each on a thread of its own, and a line of what waits.
///
/// A thread per answer, since a step computes for long: the runtime puts steps that are asked for at the same time into
/// one pass over the weights. One more thread prepares what comes, so that nobody waits in line to be refused.
final class Answers: Sendable {
  private struct State {
    /// In the order in which it came.
    var unprepared: [Job] = []
    /// Whether a job is being prepared.
    var isPreparing = false
    var waiting: [(job: Job, work: any PreparedWork)] = []
    /// Choices that threads without a job of their own may take.
    var shared: [Choices] = []
    var idleCount: Int
    var isStopping = false
    var isClosed = false

    /// Jobs in the line.
    var lineCount: Int { unprepared.count + (isPreparing ? 1 : 0) + waiting.count }
  }

  let model: JambaModel
  let options: ServerOptions
  let metrics: Metrics
  /// One for each thread that answers.
  let slots: Slots
  let notices: Notices
  let grammars = GrammarCache()
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
    slots = Slots(options.sessions)
    state = Monitor(State(idleCount: options.sessions))
    for number in 0...options.sessions {
      let thread = try BackgroundThread { [self] in
        if number == options.sessions { prepare() } else { work(slot: number) }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  var waitingCount: Int { state.withLock { max(0, $0.lineCount - $0.idleCount) } }
  var runningCount: Int { state.withLock { options.sessions - $0.idleCount } }
  var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Whether a job is to end with the step it is in.
  func isOver(_ job: Job) -> Bool { job.isCancelled || isAborted.load(ordering: .relaxed) }

  /// Puts a job into the line.
  ///
  /// - Throws: status 429 when the line is full, 503 when the server is stopping.
  func submit(_ job: Job) throws(Failure) {
    enum Outcome { case taken, full, stopping }
    let outcome = state.withLock { state -> Outcome in
      if state.isStopping { return .stopping }
      guard state.lineCount < state.idleCount + options.queueLimit else { return .full }
      state.unprepared.append(job)
      return .taken
    }
    switch outcome {
    case .taken: state.signal(.result)
    case .full:
      throw Failure(
        .tooManyRequests,
        "\(options.sessions) answers are being generated and \(options.queueLimit) requests are waiting; try again later",
        code: "queue_full", retryAfterSeconds: 2)
    case .stopping: throw .stopping
    }
  }

  /// Nobody waits for the job any more. One in the line leaves its place.
  func cancel(_ job: Job) {
    job.cancel()
    let wasWaiting = state.withLock { state in
      let count = state.lineCount
      state.unprepared.removeAll { $0 === job }
      state.waiting.removeAll { $0.job === job }
      return state.lineCount < count
    }
    if wasWaiting { job.finish(.failed(.stopping)) }
  }

  /// Refuses whoever waits and whoever comes; running answers go on.
  func stop() {
    let refused = state.withLock { state in
      state.isStopping = true
      defer { (state.unprepared, state.waiting) = ([], []) }
      return state.unprepared + state.waiting.map(\.job)
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
    state.signal(.result)
    let threads = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in threads { thread.join() }
  }

  // MARK: Threads

  private func prepare() {
    while true {
      let job = state.wait(for: .result) { state -> Job?? in
        if !state.unprepared.isEmpty {
          state.isPreparing = true
          return .some(state.unprepared.removeFirst())
        }
        return state.isClosed ? .some(nil) : nil
      }
      guard let job else { return }
      let work: Result<any PreparedWork, Failure>
      do throws(Failure) { work = .success(try job.work.prepare(self)) } catch { work = .failure(error) }
      if case .success(let work) = work { job.tell(.began(promptTokens: work.promptTokenCount)) }
      let failure = state.withLock { state -> Failure? in
        state.isPreparing = false
        if job.isCancelled || state.isStopping { return .stopping }
        switch work {
        case .failure(let failure): return failure
        case .success(let work):
          state.waiting.append((job, work))
          return nil
        }
      }
      if let failure { job.finish(.failed(failure)) } else { state.signal(.work) }
    }
  }

  private func work(slot: Int) {
    enum Task { case job(Job, any PreparedWork), choices(Choices), end }
    while true {
      let task = state.wait(for: .work) { state -> Task? in
        if !state.waiting.isEmpty {
          state.idleCount -= 1
          let next = state.waiting.removeFirst()
          return .job(next.job, next.work)
        }
        if let choices = state.shared.first(where: \.hasMore) {
          state.idleCount -= 1
          return .choices(choices)
        }
        return state.isClosed ? .end : nil
      }
      switch task {
      case .job(let job, let work): run(work, job, slot)
      case .choices(let choices): choices.help()
      case .end: return
      }
      state.withLock { $0.idleCount += 1 }
    }
  }

  private func run(_ work: any PreparedWork, _ job: Job, _ slot: Int) {
    slots.begin(slot)
    var done: AnswerUsage?
    defer { slots.end(slot, done) }
    do throws(Failure) {
      guard !isOver(job) else { throw Failure(JambaError.cancelled) }
      let usage = try work.run(job, self, slot: slot)
      done = usage
      metrics.countTokens(usage)
      job.finish(.ended(usage))
    } catch {
      job.finish(.failed(error))
    }
  }

  /// Has choices generated: on this thread, and on those that have no job of their own.
  func run(_ choices: Choices) throws(JambaError) {
    state.withLock { $0.shared.append(choices) }
    state.signal(.work)
    defer { state.withLock { state in state.shared.removeAll { $0 === choices } } }
    try choices.run()
  }
}
