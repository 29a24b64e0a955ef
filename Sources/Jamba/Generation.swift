import JambaGrammar
import JambaSystem
import JambaText

/// When and how to generate.
public struct GenerationOptions: Sendable {
  /// How tokens are chosen.
  public var sampling: Sampling
  /// The most tokens to generate.
  public var maxTokens: Int
  /// Texts that end the answer; they are not part of it.
  public var stop: [String]
  /// Whether an end-of-text token ends the answer.
  public var stopsAtEnd: Bool
  /// The grammar of the answer; in a chat without the thoughts before it.
  public var grammar: Grammar?
  /// Whether pieces say how probable their token was, and how many of the most probable ones they name; nil for no.
  public var topLogProbabilities: Int?
  /// Whether the prompt's tokens are to be scored, too. Their logits are needed for it, so that none of them is taken from
  /// a snapshot.
  public var scoresPrompt: Bool

  public init(
    sampling: Sampling = Sampling(), maxTokens: Int = 512, stop: [String] = [], stopsAtEnd: Bool = true,
    grammar: Grammar? = nil, topLogProbabilities: Int? = nil, scoresPrompt: Bool = false
  ) {
    self.sampling = sampling
    self.maxTokens = maxTokens
    self.stop = stop
    self.stopsAtEnd = stopsAtEnd
    self.grammar = grammar
    self.topLogProbabilities = topLogProbabilities
    self.scoresPrompt = scoresPrompt
  }
}

/// Why an answer ended.
public enum FinishReason: String, Sendable {
  /// The model ended it, or a stop text came up.
  case stop
  /// The model ended it and wants functions called.
  case toolCalls = "tool_calls"
  /// As many tokens as were asked for.
  case length
  /// A callback or the cancelled task stopped it.
  case cancelled
}

/// How many tokens an answer has taken.
public struct Usage: Sendable, Equatable {
  /// Tokens of the prompt as given, whether computed or taken from a snapshot.
  public let promptTokens: Int
  /// Those of the prompt that were not computed, but taken from a snapshot.
  public let cachedTokens: Int
  /// Tokens generated.
  public let completionTokens: Int
}

/// A step of generation: a token, and the text that became certain with it.
public struct Piece: Sendable, Equatable {
  /// The token; nil for the last piece when it only carries text that was held back.
  public let token: Int32?
  /// Whole characters; may be empty while a character or a stop text is incomplete.
  public let text: String
  /// In a chat with a model that thinks aloud: what belongs to its thoughts, and so not to `text`.
  public var reasoning = ""
  /// In a chat with tools: the calls that are complete with this token.
  public var toolCalls: [ToolCall] = []
  /// The same calls while they are written: names, and more of their arguments.
  public var toolCallDeltas: [ToolCallDelta] = []
  /// How probable the token was, where that was asked for.
  public var logProbabilities: LogProbabilities?
  /// Set on the last piece.
  public let finishReason: FinishReason?
  /// Of the last piece: the stop text that has ended the answer, where one has.
  public var stopText: String?
  /// Set on the last piece.
  public let usage: Usage?
}

/// The token loop: prompt in, pieces out.
///
///     var generation = try session.generate(tokens: prompt, options: options)
///     while let piece = try generation.next() { print(piece.text, terminator: "") }
public final class Generation {
  private let session: Session
  private let options: GenerationOptions
  /// nil while it draws: nobody has a copy of it then, so that it keeps its memory.
  private var sampler: Sampler?
  private var detokenizer: StreamingDetokenizer?
  private var stops: StopMatcher
  private let promptTokenCount: Int
  private var cachedTokenCount = 0
  private var generated = 0
  private var pendingToken: Int32?
  private var isFinished = false
  private let endTokens: Set<Int32>
  private let constraint: TokenConstraint?
  /// What the constraint takes of the memory that sessions share.
  private let constraintMemory: MemoryBudget.Reservation
  /// In a chat: what is answered, how the answer is taken apart, and the answer so far.
  private let prompt: Prompt?
  private var parser: AnswerParser
  private var answer = ""
  /// Where the prompt was to be scored: how probable each of its tokens but the session's first was after those before it,
  /// with as many of the most probable ones as pieces name.
  public private(set) var promptLogProbabilities: [LogProbabilities] = []
  /// The answer as a message. Complete when the last piece is out.
  public private(set) var message = ChatMessage.assistant("")
  /// Whether the prompt lacks the tools that the chat was given, because they do not fit the context.
  public let leavesOutTools: Bool

  init(
    _ session: Session, _ options: GenerationOptions, _ tokenized: TokenizedPrompt
  ) throws(JambaError) {
    guard options.maxTokens >= 0 else {
      throw .invalidOption("the number of tokens is \(options.maxTokens), which is negative")
    }
    if let count = options.topLogProbabilities, !(0...LogProbabilities.limit ~= count) {
      throw .invalidOption(
        "\(count) most probable tokens are asked for, which is not within 0...\(LogProbabilities.limit)")
    }
    self.session = session
    self.options = options
    promptTokenCount = tokenized.tokens.count
    leavesOutTools = tokenized.leavesOutTools
    let (prompt, afterText) = (tokenized.chat?.prompt, tokenized.continuesText)
    let model = session.model
    constraintMemory = MemoryBudget.Reservation(model.loaded.memory.budget)
    var sampler = try Sampler(options.sampling)
    sampler.learnSequenceBreakers(of: model.text)
    self.sampler = sampler
    let shown = prompt == nil ? [] : model.text.markerTokens
    detokenizer = model.tokenizer.map { StreamingDetokenizer(tokenizer: $0, showing: shown, afterText: afterText) }
    stops = StopMatcher(options.stop)
    let endTokens = options.stopsAtEnd ? model.endTokens : []
    self.endTokens = endTokens
    self.prompt = prompt
    let style = prompt?.parsing ?? AnswerParser.Style()
    parser = AnswerParser(style)
    do throws(GrammarError) {
      constraint = try tokenized.grammar(options.grammar).map { (grammar) throws(GrammarError) in
        guard let texts = model.text.tokenTexts(showingMarkers: prompt != nil) else { throw .noTokenFits }
        return try TokenConstraint(grammar, texts, endTokens: endTokens, afterText: afterText)
      }
    } catch { throw .grammar(error) }
  }

  /// Tokens so far.
  public var usage: Usage {
    Usage(promptTokens: promptTokenCount, cachedTokens: cachedTokenCount, completionTokens: generated)
  }

  /// Begins after a prompt.
  fileprivate func read(
    _ tokens: [Int32], _ progress: (Int) -> Bool, _ isCancelled: () -> Bool
  ) throws(JambaError) {
    cachedTokenCount = try session.withCore { (core) throws(JambaError) in
      var prompt = tokens
      if prompt.isEmpty, core.tokens.isEmpty {
        guard let bos = core.model.configuration.bosTokenID else { throw .emptyPrompt }
        prompt = [Int32(bos)]
      }
      guard !options.scoresPrompt else {
        promptLogProbabilities = try score(prompt, &core, progress, isCancelled)
        return 0
      }
      return min(try core.read(prompt, progress: progress, isCancelled: isCancelled), tokens.count)
    }
  }

  private func score(
    _ tokens: [Int32], _ core: inout SessionCore, _ progress: (Int) -> Bool, _ isCancelled: () -> Bool
  ) throws(JambaError) -> [LogProbabilities] {
    var scores: [LogProbabilities] = []
    scores.reserveCapacity(tokens.count)
    let count = options.topLogProbabilities ?? 0
    if core.hasLogits, let first = tokens.first {
      scores.append(core.withLogits { LogProbabilities(of: first, $0, top: count) })
    }
    let viewer = TokenViewer.logits { index, logits in
      guard index + 1 < tokens.count else { return }
      scores.append(LogProbabilities(of: tokens[index + 1], logits, top: count))
    }
    try core.append(tokens, viewer: viewer, progress: progress, isCancelled: isCancelled)
    return scores
  }

  /// The next piece; nil after the last one. Computes one step of the model.
  ///
  /// - Parameter isCancelled: asked before the step; once true, the last piece has `finishReason` `cancelled`, and the
  ///   tokens handed out so far are what the session holds.
  public func next(isCancelled: () -> Bool = { false }) throws(JambaError) -> Piece? {
    guard !isFinished else { return nil }
    if generated >= options.maxTokens { return finish(.length) }
    if isCancelled() { return finish(.cancelled) }
    if constraint?.isComplete ?? false { return finish(.stop) }
    let allowed = try allowedTokens()
    // The token of the last piece goes into the session only now, so that an answer costs no step for its last token.
    let pending = pendingToken
    pendingToken = nil
    var sampler = self.sampler.take()!
    defer { self.sampler = sampler }
    let (token, probabilities) = try session.withCore { (core) throws(JambaError) in
      if let pending {
        try core.step(pending, limit: options.maxTokens - generated) { constraint?.foreseenTokens(limit: $0) ?? [] }
      }
      let token = core.sample(&sampler, allowed: allowed)
      core.continuation = Continuation(sampler: sampler.state, token: token)
      let probabilities = options.topLogProbabilities.map { count in
        core.withLogits { LogProbabilities(of: token, $0, top: count) }
      }
      return (token, probabilities)
    }
    generated += 1
    if endTokens.contains(token) { return finish(.stop, token: token, probabilities) }
    pendingToken = token
    do throws(GrammarError) { try constraint?.advance(token) } catch { throw .grammar(error) }
    let text = stops.push(detokenizer?.push(token) ?? "")
    if stops.hasMatched { return finish(.stop, token: token, text: text, probabilities) }
    return piece(token, text, probabilities, nil)
  }

  /// The tokens that may come next; nil for any.
  private func allowedTokens() throws(JambaError) -> TokenMask? {
    guard let constraint else { return nil }
    let memory = session.model.loaded.memory
    do throws(GrammarError) {
      let mask = try constraint.allowedTokens()
      do throws(JambaError) {
        try memory.grow(constraintMemory, to: SystemMemory.wholePages(constraint.byteCount))
        return mask
      } catch { try constraint.forget() }
      guard (try? memory.grow(constraintMemory, to: SystemMemory.wholePages(constraint.byteCount))) != nil else {
        throw GrammarError.tooLarge("\(constraint.byteCount >> 10) KiB beside the model and the text")
      }
      return mask
    } catch { throw .grammar(error) }
  }

  /// The prompt and the answer as the session's tokens spell them, marks included; nil after a stop text, which is cut from
  /// the last piece.
  var promptAndAnswer: String? { stops.hasMatched ? nil : prompt?.continued(by: answer) }

  /// Takes text apart and records it.
  private func piece(
    _ token: Int32?, _ text: String, _ probabilities: LogProbabilities?, _ reason: FinishReason?
  ) -> Piece {
    answer += text
    var parts = parser.push(text)
    if reason != nil {
      let rest = parser.finish(isCut: reason != .stop || stops.hasMatched)
      parts.text += rest.text
      parts.reasoning += rest.reasoning
      parts.toolCalls += rest.toolCalls
      parts.toolCallDeltas += rest.toolCallDeltas
    }
    message.content += parts.text
    if !parts.reasoning.isEmpty { message.reasoning = (message.reasoning ?? "") + parts.reasoning }
    message.toolCalls += parts.toolCalls
    let reason = reason == .stop && !message.toolCalls.isEmpty ? .toolCalls : reason
    return Piece(
      token: token, text: parts.text, reasoning: parts.reasoning, toolCalls: parts.toolCalls,
      toolCallDeltas: parts.toolCallDeltas, logProbabilities: probabilities, finishReason: reason,
      stopText: reason == nil ? nil : stops.match, usage: reason == nil ? nil : usage)
  }

  /// Puts the last piece's token into the session, where it is part of the text.
  func settle() throws(JambaError) {
    isFinished = true
    guard let token = pendingToken else { return }
    pendingToken = nil
    try session.withCore { (core) throws(JambaError) in
      try core.append([token], progress: { _ in true }, isCancelled: { false })
    }
  }

  /// Where the sampler's candidates lie, to see that their memory stays the same from token to token.
  package var candidatesAddress: UInt? { sampler?.candidatesAddress }

  /// Starts where `continuation` left off.
  func resume(_ continuation: Continuation) {
    sampler?.state = continuation.sampler
    pendingToken = continuation.token
  }

  private func finish(
    _ reason: FinishReason, token: Int32? = nil, text: String = "", _ probabilities: LogProbabilities? = nil
  ) -> Piece {
    isFinished = true
    var text = text
    if !stops.hasMatched {
      text += stops.push(detokenizer?.finish() ?? "")
      if !stops.hasMatched { text += stops.finish() }
    }
    return piece(token, text, probabilities, reason)
  }
}

extension Session {
  /// Appends a prompt and generates after it. In an empty session an empty prompt stands for the model's first token.
  ///
  /// - Parameters:
  ///   - continuesText: whether the answer goes on where the prompt's text ends, so that its leading space is kept;
  ///     false for an answer that stands alone, as in a chat.
  ///   - progress: called with the tokens of the prompt that are done, first those that an earlier text has in common with it, then
  ///     after each chunk; false cancels.
  ///   - isCancelled: asked between layers while the prompt is computed.
  public func generate(
    tokens: [Int32], options: GenerationOptions = GenerationOptions(), continuesText: Bool = true,
    progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    try generate(
      TokenizedPrompt(tokens: tokens, continuesText: continuesText), options: options, progress: progress,
      isCancelled: isCancelled)
  }

  /// Appends a prompt, of a text or of a chat, and generates after it.
  package func generate(
    _ prompt: TokenizedPrompt, options: GenerationOptions, progress: (Int) -> Bool, isCancelled: () -> Bool
  ) throws(JambaError) -> Generation {
    let generation = try Generation(self, options, prompt)
    try generation.read(prompt.tokens, progress, isCancelled)
    return generation
  }

  /// Goes on with a generation that ended for `maxTokens`, was cancelled, or was saved in the middle, with the same draws
  /// as if it had not stopped, given the same sampling.
  ///
  /// - Throws: `emptyPrompt` when nothing was generated since the session's last other token; `invalidOption` for a
  ///   grammar, which cannot be taken up in the middle.
  public func continueGenerating(options: GenerationOptions = GenerationOptions()) throws(JambaError) -> Generation {
    guard options.grammar == nil else {
      throw .invalidOption("a grammar cannot be taken up in the middle of an answer")
    }
    let generation = try Generation(self, options, TokenizedPrompt(tokens: []))
    let continuation = try withCore { (core) throws(JambaError) in core.continuation }
    guard let continuation else { throw .emptyPrompt }
    generation.resume(continuation)
    return generation
  }
}
