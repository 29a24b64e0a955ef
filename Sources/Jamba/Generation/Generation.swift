import JambaFormat

/// When and how to generate.
public struct GenerationOptions: Sendable {
  public var sampling: Sampling
  /// The most tokens to generate.
  public var maxTokens: Int
  /// Texts that end the answer; they are not part of it.
  public var stop: [String]
  /// Whether an end-of-text token ends the answer.
  public var stopsAtEnd: Bool

  public init(
    sampling: Sampling = Sampling(), maxTokens: Int = 512, stop: [String] = [], stopsAtEnd: Bool = true
  ) {
    self.sampling = sampling
    self.maxTokens = maxTokens
    self.stop = stop
    self.stopsAtEnd = stopsAtEnd
  }
}

/// Why an answer ended.
public enum FinishReason: String, Sendable {
  /// The model ended it, or a stop text came up.
  case stop
  /// As many tokens as were asked for.
  case length
  case cancelled
}

/// A step of generation: a token, and the text that became certain with it.
public struct Piece: Sendable, Equatable {
  /// The token; nil for the last piece when it only carries text that was held back.
  public let token: Int32?
  /// Whole characters; may be empty while a character or a stop text is incomplete.
  public let text: String
  /// Set on the last piece.
  public let finishReason: FinishReason?
}

/// The token loop: prompt in, pieces out.
///
///     var generation = try session.generate(tokens: prompt, options: options)
///     while let piece = try generation.next() { print(piece.text, terminator: "") }
public final class Generation {
  private let session: Session
  private let options: GenerationOptions
  private var sampler: Sampler
  private var detokenizer: StreamingDetokenizer?
  private var stops: StopMatcher
  private var generated = 0
  private var pendingToken: Int32?
  private var isFinished = false
  private let endTokens: Set<Int32>

  init(_ session: Session, _ options: GenerationOptions, afterText: Bool) throws(JambaError) {
    guard options.maxTokens >= 0 else {
      throw .invalidOption("the number of tokens is \(options.maxTokens), which is negative")
    }
    self.session = session
    self.options = options
    sampler = try Sampler(options.sampling)
    detokenizer = session.model.tokenizer.map { StreamingDetokenizer(tokenizer: $0, skipSpecialTokens: true, afterText: afterText) }
    stops = StopMatcher(options.stop)
    endTokens = options.stopsAtEnd ? Set(session.model.configuration.eosTokenIDs.map { Int32($0) }) : []
  }

  /// The next piece; nil after the last one. Computes one step of the model.
  ///
  /// - Parameter isCancelled: asked between layers; once true, the last piece has `finishReason` `cancelled`, and the
  ///   tokens handed out so far are what the session holds.
  public func next(isCancelled: () -> Bool = { false }) throws(JambaError) -> Piece? {
    guard !isFinished else { return nil }
    if generated >= options.maxTokens { return finish(.length) }
    if isCancelled() { return finish(.cancelled) }
    // The token of the last piece goes into the session only now, so that an answer costs no step for its last token.
    let pending = pendingToken
    pendingToken = nil
    var sampler = self.sampler
    let token = try session.withCore { (core) throws(JambaError) in
      if let pending { try core.step(pending, limit: options.maxTokens - generated) }
      let token = core.sample(&sampler)
      core.continuation = Continuation(generator: sampler.generator, token: token)
      return token
    }
    self.sampler = sampler
    generated += 1
    if endTokens.contains(token) { return finish(.stop, token: token) }
    pendingToken = token
    let text = stops.push(detokenizer?.push(token) ?? "")
    if stops.hasMatched { return finish(.stop, token: token, text: text) }
    return Piece(token: token, text: text, finishReason: nil)
  }

  /// Whether the session's tokens spell the pieces' text: not so after a stop text, which is cut from the last piece.
  var isExact: Bool { !stops.hasMatched }

  /// Puts the last piece's token into the session, where it is part of the text.
  func settle() throws(JambaError) {
    isFinished = true
    guard let token = pendingToken else { return }
    pendingToken = nil
    try session.withCore { (core) throws(JambaError) in
      try core.append([token], progress: { _ in true }, isCancelled: { false })
    }
  }

  /// Starts where `continuation` left off.
  func resume(_ continuation: Continuation) {
    sampler.generator = continuation.generator
    pendingToken = continuation.token
  }

  private func finish(_ reason: FinishReason, token: Int32? = nil, text: String = "") -> Piece {
    isFinished = true
    var text = text
    if !stops.hasMatched {
      text += stops.push(detokenizer?.finish() ?? "")
      if !stops.hasMatched { text += stops.finish() }
    }
    return Piece(token: token, text: text, finishReason: reason)
  }
}

extension Session {
  /// Appends a prompt and generates after it. In an empty session an empty prompt stands for the model's first token.
  ///
  /// - Parameters:
  ///   - continuesText: whether the answer goes on where the prompt's text ends, so that its leading space is kept;
  ///     false for an answer that stands alone, as in a chat.
  ///   - progress: called between chunks of the prompt with the tokens done; false cancels.
  ///   - isCancelled: asked between layers while the prompt is computed.
  public func generate(
    tokens: [Int32], options: GenerationOptions = GenerationOptions(), continuesText: Bool = true,
    progress: (Int) -> Bool = { _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    let generation = try Generation(self, options, afterText: continuesText)
    try withCore { (core) throws(JambaError) in
      var prompt = tokens
      if prompt.isEmpty, core.tokens.isEmpty {
        guard let bos = core.model.configuration.bosTokenID else { throw .emptyPrompt }
        prompt = [Int32(bos)]
      }
      try core.read(prompt, progress: progress, isCancelled: isCancelled)
    }
    return generation
  }

  /// Goes on with a generation that ended for `maxTokens`, was cancelled, or was saved in the middle, with the same draws
  /// as if it had not stopped, given the same sampling.
  ///
  /// - Throws: `emptyPrompt` when nothing was generated since the session's last other token.
  public func continueGenerating(options: GenerationOptions = GenerationOptions()) throws(JambaError) -> Generation {
    let generation = try Generation(self, options, afterText: true)
    let continuation = try withCore { (core) throws(JambaError) in core.continuation }
    guard let continuation else { throw .emptyPrompt }
    generation.resume(continuation)
    return generation
  }
}
