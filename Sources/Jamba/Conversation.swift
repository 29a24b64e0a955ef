import JambaSystem

/// A conversation with a model: messages, and a session that has seen them.
///
/// A turn costs its own tokens only, as long as the template prints earlier turns as it did before; otherwise the
/// conversation is read again from the start.
public final class Conversation {
  /// The session that has read the conversation.
  public let session: Session
  /// Options for the chat template.
  public let chat: ChatOptions
  /// The messages so far, the system message first.
  public private(set) var messages: [ChatMessage]
  private var system: [ChatMessage]
  /// The text whose tokens the session has seen.
  private var seen = ""
  /// Where each of the user's messages began.
  private var turns: [Turn] = []

  /// The conversation before a message of the user's.
  private struct Turn {
    var messageCount: Int
    /// The session then, as far as it is still what the template prints: its tokens, and the length of the text seen.
    var place: (tokenCount: Int, seenByteCount: Int)?
  }

  /// A conversation that has not begun; the first message empties the session.
  ///
  /// - Parameter system: what the model is told beforehand.
  /// - Throws: `missing` without a tokenizer; `template` when it does not print a first message.
  public init(_ session: Session, system: String? = nil, chat: ChatOptions = ChatOptions()) throws(JambaError) {
    self.session = session
    self.chat = chat
    self.system = system.map { [.system($0)] } ?? []
    messages = self.system
    _ = try session.model.requireTokenizer()
    guard !chat.continuesFinalMessage else {
      throw .invalidOption("a conversation has turns of its own; Session.answer continues a last message")
    }
    _ = try session.model.prompt([.user("")], chat)
  }

  /// Forgets everything but the system message.
  public func reset() throws(JambaError) {
    messages = system
    seen = ""
    turns = []
    try session.reset()
  }

  /// Says something else, or nothing, to the model before the conversation, which it reads again with the next message.
  public func setSystem(_ text: String?) {
    let rest = messages.dropFirst(system.count)
    let shift = (text == nil ? 0 : 1) - system.count
    system = text.map { [.system($0)] } ?? []
    messages = system + rest
    for index in turns.indices { turns[index] = Turn(messageCount: turns[index].messageCount + shift, place: nil) }
  }

  /// Adds the user's message and starts the answer. Call `finish` when it has ended.
  public func answer(
    to text: String, options: GenerationOptions, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    try answer(adding: [.user(text)], options: options, progress: progress, isCancelled: isCancelled)
  }

  /// Adds messages, such as those of tools that were called, and starts the answer. Call `finish` when it has ended.
  public func answer(
    adding new: [ChatMessage], options: GenerationOptions, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    let tokenizer = try session.model.requireTokenizer()
    var text = ""
    var goesOn = false
    func read(_ chat: ChatOptions) throws(JambaError) -> TokenizedPrompt {
      let rendered = try session.model.prompt(messages + new, chat, hasAnswerGrammar: options.grammar != nil)
      text = rendered.text.marked
      goesOn = !seen.isEmpty && text.utf8.starts(with: seen.utf8)
      // The template prints the first token itself.
      var prompt = TokenizedPrompt(rendered, chat, tokenizer, seenByteCount: goesOn ? seen.utf8.count : 0)
      prompt.seenTokenCount = goesOn ? session.tokenCount : 0
      return prompt
    }
    let whole = try read(chat)
    let (wholeText, wholeGoesOn) = (text, goesOn)
    let prompt = try whole.fitting(session.model.textLimit, otherwise: read)
    if !prompt.leavesOutTools { (text, goesOn) = (wholeText, wholeGoesOn) }
    if !goesOn {
      for index in turns.indices { turns[index].place = nil }
      try session.reset()
    }
    let earlier = turns
    // What tools have answered belongs to the turn of the user's message.
    if new.first?.role == "user" {
      turns.append(Turn(messageCount: messages.count, place: (session.tokenCount, seen.utf8.count)))
    }
    seen = ""  // until the whole prompt is in
    let generation: Generation
    do throws(JambaError) {
      generation = try session.generate(
        prompt, options: options, progress: { progress($0, prompt.tokens.count) }, isCancelled: isCancelled)
    } catch {
      turns = earlier
      for index in turns.indices { turns[index].place = nil }
      throw error
    }
    messages += new
    seen = text
    return generation
  }

  /// Records the answer.
  public func finish(_ generation: Generation) throws(JambaError) {
    messages.append(generation.message)
    try generation.settle()
    seen = generation.promptAndAnswer ?? ""
    try session.checkpoint()
  }

  /// Takes the user's last message and the answer back.
  ///
  /// - Returns: the message; nil when there is none.
  public func undo() throws(JambaError) -> String? {
    guard let turn = turns.popLast() else { return nil }
    let message = messages[turn.messageCount].content
    messages.removeLast(messages.count - turn.messageCount)
    if let place = turn.place, place.tokenCount <= session.tokenCount {
      seen = String(decoding: seen.utf8.prefix(place.seenByteCount), as: UTF8.self)
      try session.rewind(to: place.tokenCount)
    } else {
      seen = ""
      try session.reset()
    }
    return message
  }
}

// MARK: - Saving

extension Conversation {
  /// Saves the conversation with its session.
  public func save(to path: String) throws(JambaError) {
    let note: JSON = .object([
      "messages": .array(messages.map(\.record)),
      "system": .integer(system.count), "seen": .string(seen),
      "turns": .array(
        turns.map { turn in
          let place = turn.place.map { [JSON.integer($0.tokenCount), .integer($0.seenByteCount)] } ?? []
          return .array([.integer(turn.messageCount)] + place)
        }),
    ])
    try session.save(to: path, note: Array(note.text().utf8))
  }

  /// Goes on with a saved conversation.
  ///
  /// - Throws: as `makeSession(restoring:)`; `format` for a session that was saved without a conversation.
  public convenience init(
    restoring path: String, _ model: JambaModel, options: SessionOptions = SessionOptions(),
    chat: ChatOptions = ChatOptions()
  ) throws(JambaError) {
    let (session, note) = try model.makeSession(restoring: path, options: options)
    func damaged() -> JambaError { .format(.damagedSession(path: path, reason: "it holds no conversation")) }
    let content: JSON
    do { content = try JSON.parse(note) } catch { throw damaged() }
    guard let messages = content["messages"]?.array, let seen = content["seen"]?.string,
      let systemCount = content["system"]?.integer, 0...messages.count ~= systemCount,
      let turns = content["turns"]?.array
    else { throw damaged() }
    try self.init(session, chat: chat)
    for message in messages {
      guard let message = ChatMessage(record: message) else { throw damaged() }
      self.messages.append(message)
    }
    system = Array(self.messages.prefix(systemCount))
    self.seen = seen
    for turn in turns {
      let numbers = (turn.array ?? []).compactMap(\.integer)
      guard numbers.count == turn.array?.count, numbers.count == 1 || numbers.count == 3,
        systemCount..<max(messages.count, systemCount) ~= numbers[0], numbers.allSatisfy({ $0 >= 0 })
      else { throw damaged() }
      let place = numbers.count == 3 ? (tokenCount: numbers[1], seenByteCount: numbers[2]) : nil
      self.turns.append(Turn(messageCount: numbers[0], place: place))
    }
  }
}
