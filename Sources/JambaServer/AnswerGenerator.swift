import Jamba
import JambaGrammar
import JambaSystem

/// Generates an answer, on the thread that calls `run`, and tells its job what comes.
struct AnswerGenerator {
  private let model: JambaModel
  private let options: ServerOptions
  private let metrics: Metrics
  private let notices: Notices
  private let job: Job
  private let isAborted: () -> Bool

  init(
    _ model: JambaModel, _ options: ServerOptions, _ metrics: Metrics, _ notices: Notices, _ job: Job,
    isAborted: @escaping () -> Bool
  ) {
    self.model = model
    self.options = options
    self.metrics = metrics
    self.notices = notices
    self.job = job
    self.isAborted = isAborted
  }

  private var isCancelled: Bool { job.isCancelled || isAborted() }

  func run() {
    var usage = AnswerUsage()
    do throws(Failure) {
      guard !isCancelled else { throw Failure(JambaError.cancelled) }
      var options = GenerationOptions(
        sampling: job.request.sampling, stop: job.request.stop, grammar: try grammar(),
        topLogProbabilities: job.request.topLogProbabilities)
      let prompts: [TokenizedPrompt]
      do throws(JambaError) { prompts = try self.prompts() } catch { throw Failure(error) }
      for (place, prompt) in prompts.enumerated() {
        options.maxTokens = try room(after: prompt.tokens.count)
        for attempt in 0..<job.request.choiceCount {
          options.sampling.seed = job.request.sampling.seed &+ UInt64(attempt)
          let choice = place * job.request.choiceCount + attempt
          do throws(JambaError) {
            try answer(prompt, options, choice: choice, isFirst: attempt == 0, &usage)
          } catch {
            throw Failure(error, grammarParameter: "tools")
          }
        }
      }
      metrics.countTokens(usage)
      job.finish(.ended(usage))
    } catch {
      job.finish(.failed(error))
    }
  }

  private func prompts() throws(JambaError) -> [TokenizedPrompt] {
    switch job.request.source {
    case .chat(let messages, let options): [try chatPrompt(messages, options)]
    case .texts(let prompts):
      try prompts.map { (prompt) throws(JambaError) in
        switch prompt {
        case .tokens(let tokens): TokenizedPrompt(tokens: tokens)
        case .text(let text): TokenizedPrompt(tokens: try model.requireTokenizer().encode(text))
        }
      }
    }
  }

  private func chatPrompt(_ messages: [ChatMessage], _ chat: ChatOptions) throws(JambaError) -> TokenizedPrompt {
    let prompt = try model.tokenizedPrompt(
      messages, chat, hasAnswerGrammar: job.request.form != .free,
      fitting: options.refusesUnknownMembers ? nil : model.textLimit)
    if prompt.leavesOutTools {
      metrics.countPassedOver(1)
      notices.passedOver(["tools (they do not fit the context)"])
    }
    return prompt
  }

  private func grammar() throws(Failure) -> Grammar? {
    do throws(GrammarError) {
      switch job.request.form {
      case .free: return nil
      case .schema(let schema): return try Grammar(jsonSchema: schema)
      case .grammar(let text): return try Grammar(gbnf: text)
      }
    } catch { throw Failure(.grammar(error), grammarParameter: job.request.formParameter) }
  }

  /// The most tokens that an answer may have: what the request asks for, within the context.
  private func room(after promptTokenCount: Int) throws(Failure) -> Int {
    let wanted = job.request.maxTokens ?? options.defaultMaxTokens
    guard let context = model.textLimit else { return wanted }
    guard promptTokenCount < context else { throw .contextFull(promptTokenCount, of: context, job.request.source) }
    return min(wanted, context - promptTokenCount)
  }

  private func answer(
    _ prompt: TokenizedPrompt, _ options: GenerationOptions, choice: Int, isFirst: Bool, _ usage: inout AnswerUsage
  ) throws(JambaError) {
    let start = monotonicSeconds()
    let session = try model.makeSession(options: SessionOptions(snapshotInterval: AnswerGenerator.snapshotInterval))
    var hasBegun = choice > 0
    // The first chunk is in, or all of it: what could be refused has been.
    func begin() {
      if !hasBegun { job.tell(.began) }
      hasBegun = true
    }
    func progress(_ done: Int) -> Bool {
      begin()
      return !isCancelled
    }
    let generation = try session.generate(
      prompt, options: options, progress: progress, isCancelled: { isCancelled })
    begin()
    let read = monotonicSeconds()
    var last: Double?
    while let piece = try generation.next(isCancelled: { isCancelled }) {
      let now = monotonicSeconds()
      if let before = last {
        metrics.observeGap(now - before)
        usage.decodeSeconds += now - before
        usage.decodedTokens += 1
      } else if choice == 0 {
        metrics.observeFirstToken(now - job.arrivalSeconds)
      }
      last = now
      if !piece.reasoning.isEmpty { usage.reasoningTokens += 1 }
      if piece.finishReason == .cancelled {
        try session.checkpoint()
        throw .cancelled
      }
      job.tell(.piece(piece, choice: choice))
    }
    // The next turn of the conversation begins here.
    try session.checkpoint()
    if isFirst {
      usage.promptTokens += generation.usage.promptTokens
      usage.cachedTokens += generation.usage.cachedTokens
      usage.promptSeconds += read - start
    }
    usage.completionTokens += generation.usage.completionTokens
  }

  /// Sparser than a lone session's: the conversations of all clients share the memory for snapshots.
  private static let snapshotInterval = 2048
}
