import Jamba
import JambaSystem
import Synchronization

/// What a request asks for that takes a thread and a session.
protocol Work: Sendable {
  /// Finds out what the work comes to, and whether it can be done: what is refused is refused here, before it waits.
  func prepare(_ answers: Answers) throws(Failure) -> any PreparedWork
}

/// Work that waits for its turn, or has it.
protocol PreparedWork: Sendable {
  /// Tokens of all its prompts.
  var promptTokenCount: Int { get }
  /// Does it, on the thread that calls, which is that of slot `slot`, and tells `job` what comes of it.
  func run(_ job: Job, _ answers: Answers, slot: Int) throws(Failure) -> AnswerUsage
}

/// Work that is waited for or being done.
final class Job: Sendable {
  /// Events for its client, in order; the last is `ended` or `failed`.
  enum Event: Sendable {
    /// The request has been accepted: its prompts, of so many tokens, are about to be read.
    case began(promptTokens: Int)
    /// A prompt has been read so far.
    case progress(PromptProgress)
    /// A prompt that was to be scored has been read.
    case scored(PromptScores, choice: Int)
    case piece(Piece, choice: Int)
    /// The embedding of the input in place `place`.
    case embedded([Float], place: Int)
    /// What has been done to a slot.
    case done(JSON)
    /// A second has gone by.
    case tick
    case ended(AnswerUsage)
    case failed(Failure)
  }

  let work: any Work
  let arrivalSeconds = monotonicSeconds()
  let events: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation
  private let cancelled = Atomic<Bool>(false)

  init(_ work: any Work, streams: Bool = false) {
    self.work = work
    // A client that takes nothing must not make the server keep everything. A whole answer is kept anyhow.
    (events, continuation) = AsyncStream.makeStream(
      bufferingPolicy: streams ? .bufferingOldest(Limits.bufferedPieces) : .unbounded)
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

/// How far the reading of a prompt is, in tokens.
struct PromptProgress: Sendable, Equatable {
  let total: Int
  /// Those that came from a snapshot, which are among those that have been processed.
  let cached: Int
  let processed: Int
  let seconds: Double
}

/// How probable a prompt's tokens were, each after those before it.
struct PromptScores: Sendable {
  let tokens: [Int32]
  /// Of all tokens but the first, which follows nothing.
  let scores: [LogProbabilities]
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
