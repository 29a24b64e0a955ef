/// An answer as an asynchronous sequence of pieces.
///
/// Each step computes on the task that asks for it, tens of milliseconds at a time; cancelling the task ends the answer
/// after the step it is in, with `finishReason` `cancelled`.
public struct Response: AsyncSequence {
  public typealias Element = Piece
  public typealias Failure = JambaError

  let session: Session
  let messages: [ChatMessage]
  let chat: ChatOptions
  let options: GenerationOptions

  public func makeAsyncIterator() -> Iterator { Iterator(response: self) }

  public struct Iterator: AsyncIteratorProtocol {
    let response: Response
    var generation: Generation?

    init(response: Response) { self.response = response }

    public mutating func next() async throws(JambaError) -> Piece? {
      try await next(isolation: nil)
    }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(JambaError) -> Piece? {
      if generation == nil { generation = try response.start() }
      return try generation!.next(isCancelled: { Task.isCancelled })
    }
  }

  private func start() throws(JambaError) -> Generation {
    let model = session.model
    let prompt = try model.prompt(messages, chat)
    try session.reset()
    let tokens = try model.requireTokenizer().encode(prompt.text)
    return try session.generate(
      tokens: tokens, options: options, answering: prompt, chat, progress: { _ in !Task.isCancelled },
      isCancelled: { Task.isCancelled })
  }
}

extension Session {
  /// Answers a conversation: empties the session, reads the messages through the chat template and generates.
  ///
  /// For a conversation of several turns `Conversation` reads each message only once.
  public func respond(
    to messages: [ChatMessage], sampling: Sampling = Sampling(), maxTokens: Int = 512, chat: ChatOptions = ChatOptions()
  ) -> Response {
    respond(to: messages, options: GenerationOptions(sampling: sampling, maxTokens: maxTokens), chat: chat)
  }

  public func respond(
    to messages: [ChatMessage], options: GenerationOptions, chat: ChatOptions = ChatOptions()
  ) -> Response {
    Response(session: self, messages: messages, chat: chat, options: options)
  }
}
