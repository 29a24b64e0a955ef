/// An answer as an asynchronous sequence of pieces, of which the last has `finishReason` and `usage`.
///
/// The first step reads the messages, each further one computes a token, on the task that asks for it. Cancelling the
/// task ends the reading between two layers, with the error `cancelled`, and the answer after the step it is in, with
/// the `finishReason` `cancelled`.
public struct Response: AsyncSequence {
  public typealias Element = Piece
  public typealias Failure = JambaError

  let session: Session
  let messages: [ChatMessage]
  let chat: ChatOptions
  let options: GenerationOptions
  let progress: @Sendable (Int, Int) -> Void

  public func makeAsyncIterator() -> Iterator { Iterator(response: self) }

  /// Reads the messages with its first step.
  public struct Iterator: AsyncIteratorProtocol {
    let response: Response
    var generation: Generation?

    init(response: Response) { self.response = response }

    public mutating func next() async throws(JambaError) -> Piece? {
      try await next(isolation: nil)
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(JambaError) -> Piece? {
      if generation == nil {
        let response = response
        generation = try response.session.answer(
          to: response.messages, options: response.options, chat: response.chat,
          progress: { done, total in
            response.progress(done, total)
            return !Task.isCancelled
          }, isCancelled: { Task.isCancelled })
      }
      return try generation!.next(isCancelled: { Task.isCancelled })
    }
  }

}

extension Session {
  /// Answers a conversation: empties the session, reads the messages through the chat template and generates.
  ///
  /// For a conversation of several turns `Conversation` reads each message only once.
  ///
  ///     for try await piece in session.respond(to: [.user("Hello")]) { print(piece.text, terminator: "") }
  public func respond(
    to messages: [ChatMessage], sampling: Sampling = Sampling(), maxTokens: Int = 512, chat: ChatOptions = ChatOptions()
  ) -> Response {
    respond(to: messages, options: GenerationOptions(sampling: sampling, maxTokens: maxTokens), chat: chat)
  }

  /// - Parameter progress: called between chunks of the prompt with the tokens done and those of the whole prompt.
  public func respond(
    to messages: [ChatMessage], options: GenerationOptions, chat: ChatOptions = ChatOptions(),
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> Response {
    Response(session: self, messages: messages, chat: chat, options: options, progress: progress)
  }

  /// The same for a loop that does not wait for tasks: empties the session, reads the messages and starts the answer.
  ///
  ///     let generation = try session.answer(to: [.user("Hello")])
  ///     while let piece = try generation.next() { print(piece.text, terminator: "") }
  ///
  /// - Parameters:
  ///   - progress: called between chunks of the prompt with the tokens done and those of the whole prompt; false cancels.
  ///   - isCancelled: asked between layers while the prompt is computed.
  /// - Throws: `missing` without a tokenizer, `template`, `grammar`, `contextFull`, `cancelled`.
  public func answer(
    to messages: [ChatMessage], options: GenerationOptions = GenerationOptions(), chat: ChatOptions = ChatOptions(),
    progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }, isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    let prompt = try model.tokenizedPrompt(
      messages, chat, hasAnswerGrammar: options.grammar != nil, fitting: model.textLimit)
    try reset()
    return try generate(
      prompt, options: options, progress: { progress($0, prompt.tokens.count) }, isCancelled: isCancelled)
  }
}
