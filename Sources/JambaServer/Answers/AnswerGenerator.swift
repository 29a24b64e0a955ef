import Jamba
import JambaSystem
import Synchronization

/// Generates an answer and tells its job what comes: the prompts one after the other, the choices of a prompt at the same
/// time as far as threads and memory are free.
final class AnswerGenerator: Sendable {
  private let answer: PreparedAnswer
  private let job: Job
  private let answers: Answers
  private let slot: Int
  private let usage = Mutex(AnswerUsage())

  init(_ answer: PreparedAnswer, _ job: Job, _ answers: Answers, slot: Int) {
    self.slot = slot
    self.answer = answer
    self.job = job
    self.answers = answers
  }

  private var request: AnswerRequest { answer.request }
  private var isCancelled: Bool { answers.isOver(job) }

  func run() throws(Failure) -> AnswerUsage {
    for (place, prompt) in answer.prompts.enumerated() {
      do throws(JambaError) { try run(prompt, place) } catch {
        throw Failure(error, grammarParameter: "tools", promptParameter: request.promptParameter)
      }
    }
    return usage.withLock { $0 }
  }

  private func run(_ prompt: TokenizedPrompt, _ place: Int) throws(JambaError) {
    let firstChoice = place * request.choiceCount
    let (session, generation) = try read(prompt, place, firstChoice: firstChoice)
    guard request.candidateCount > 1 else {
      return try generate(generation, session, choice: firstChoice) { [job] in job.tell(.piece($0, choice: firstChoice)) }
    }
    let best = request.candidateCount > request.choiceCount ? BestCandidates() : nil
    let rest = prompt.afterReading
    let choices = Choices(request.candidateCount, origin: session) { [self] () throws(JambaError) in
      try read(prompt, place, firstChoice: nil).0
    } generate: { [self] (candidate, session) throws(JambaError) in
      let generation = try session.generate(
        rest, options: options(place, candidate), progress: { _ in true }, isCancelled: { false })
      try generate(generation, session, choice: firstChoice + candidate) { [job] piece in
        if let best {
          best.add(piece, candidate)
        } else {
          job.tell(.piece(piece, choice: firstChoice + candidate))
        }
      }
    }
    try answers.run(choices)
    for (index, pieces) in (best?.choose(request.choiceCount) ?? []).enumerated() {
      for var piece in pieces {
        if request.topLogProbabilities == nil { piece.logProbabilities = nil }
        job.tell(.piece(piece, choice: firstChoice + index))
      }
    }
  }

  private func options(_ place: Int, _ candidate: Int) -> GenerationOptions {
    var sampling = request.sampling
    sampling.seed = request.sampling.seed &+ UInt64(candidate)
    // The best are chosen by their log-probabilities.
    let isChosen = request.candidateCount > request.choiceCount
    return GenerationOptions(
      sampling: sampling, maxTokens: answer.rooms[place], stop: request.stop, grammar: answer.grammar,
      topLogProbabilities: request.topLogProbabilities ?? (isChosen ? 0 : nil))
  }

  /// Reads a prompt in a session of its own.
  ///
  /// - Parameter firstChoice: what its reading is told for; nil for one that has been read before.
  private func read(
    _ prompt: TokenizedPrompt, _ place: Int, firstChoice: Int?
  ) throws(JambaError) -> (Session, Generation) {
    let start = monotonicSeconds()
    let session = try answers.model.makeSession(
      options: SessionOptions(
        snapshotInterval: AnswerGenerator.snapshotInterval, adapters: request.adapter.map { [$0.applied] } ?? []))
    var cached: Int?
    func tellProgress(_ processed: Int) {
      guard request.reportsProgress, firstChoice != nil else { return }
      job.tell(
        .progress(
          PromptProgress(
            total: prompt.tokens.count, cached: cached ?? 0, processed: processed, seconds: monotonicSeconds() - start)))
    }
    var options = options(place, 0)
    options.scoresPrompt = request.scoresPrompts && firstChoice != nil
    let generation = try session.generate(
      prompt, options: options,
      progress: { processed in
        // The first is what came from a snapshot.
        cached = cached ?? processed
        tellProgress(processed)
        return !isCancelled
      }, isCancelled: { isCancelled })
    if (cached ?? 0) < prompt.tokens.count { tellProgress(prompt.tokens.count) }
    guard let firstChoice else { return (session, generation) }
    usage.withLock { usage in
      usage.promptTokens += generation.usage.promptTokens
      usage.cachedTokens += generation.usage.cachedTokens
      usage.promptSeconds += monotonicSeconds() - start
    }
    if request.scoresPrompts {
      let scores = PromptScores(tokens: prompt.tokens, scores: generation.promptLogProbabilities)
      for choice in firstChoice..<firstChoice + request.choiceCount { job.tell(.scored(scores, choice: choice)) }
    }
    return (session, generation)
  }

  /// Generates an answer in a session that has read its prompt.
  private func generate(
    _ generation: Generation, _ session: Session, choice: Int, tell: (Piece) -> Void
  ) throws(JambaError) {
    let metrics = answers.metrics
    var own = AnswerUsage()
    var last: Double?
    while let piece = try generation.next(isCancelled: { isCancelled }) {
      let now = monotonicSeconds()
      if let before = last {
        metrics.observeGap(now - before)
        own.decodeSeconds += now - before
        own.decodedTokens += 1
      } else if choice == 0 {
        metrics.observeFirstToken(now - job.arrivalSeconds)
      }
      last = now
      if !piece.reasoning.isEmpty { own.reasoningTokens += 1 }
      if piece.finishReason == .cancelled {
        try session.checkpoint()
        throw .cancelled
      }
      tell(piece)
    }
    // The next turn of a conversation begins here; many prompts are no conversation.
    if answer.prompts.count == 1, !request.scoresPrompts {
      try session.checkpoint()
      if choice == 0 { answers.slots.keep(session.tokens, request.adapter, in: slot) }
    }
    usage.withLock { usage in
      usage.decodeSeconds += own.decodeSeconds
      usage.decodedTokens += own.decodedTokens
      usage.reasoningTokens += own.reasoningTokens
      usage.completionTokens += generation.usage.completionTokens
    }
  }

  /// Sparser than a lone session's: the conversations of all clients share the memory for snapshots.
  private static let snapshotInterval = 2048
}

/// Candidates for answers, of which those with the highest log-probability per token are handed out.
private final class BestCandidates: Sendable {
  private let pieces = Mutex<[Int: [Piece]]>([:])

  func add(_ piece: Piece, _ candidate: Int) { pieces.withLock { $0[candidate, default: []].append(piece) } }

  /// The best ones, in descending order; of equals the earlier first.
  func choose(_ count: Int) -> [[Piece]] {
    let candidates = pieces.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    let scores = candidates.map { pieces in
      let values = pieces.compactMap { $0.logProbabilities.map { Double($0.chosen.value) } }
      return values.isEmpty ? -Double.infinity : values.reduce(0, +) / Double(values.count)
    }
    let order = candidates.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    return order.prefix(count).map { candidates[$0] }
  }
}
