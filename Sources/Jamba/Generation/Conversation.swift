import JambaFormat
import JambaTemplate

/// A turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  public static func system(_ content: String) -> ChatMessage { .init(role: "system", content: content) }
  public static func user(_ content: String) -> ChatMessage { .init(role: "user", content: content) }
  public static func assistant(_ content: String) -> ChatMessage { .init(role: "assistant", content: content) }
}

extension JambaModel {
  /// The conversation as the model's chat template prints it, ready for the answer.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true) throws(JambaError) -> String {
    guard let chatTemplate else { throw .missing("chat template; it completes text only (jamba generate)") }
    var context: JSONObject = [
      "messages": .array(
        messages.map { .object(["role": .string($0.role), "content": .string($0.content)]) }),
      "add_generation_prompt": .bool(addGenerationPrompt),
    ]
    for (name, id) in [("bos_token", configuration.bosTokenID), ("eos_token", configuration.eosTokenIDs.first)] {
      if let id, let piece = tokenizer?.piece(of: Int32(id)) { context[name] = .string(piece) }
    }
    do { return try chatTemplate.render(context) } catch { throw .template(error) }
  }
}

/// A conversation with a model: messages, and a session that has seen them.
///
/// A turn costs its own tokens only, as long as the template prints earlier turns as it did before; otherwise the
/// conversation is read again from the start.
public final class Conversation {
  public let session: Session
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

  public init(_ session: Session, system: String? = nil) throws(JambaError) {
    self.session = session
    self.system = system.map { [.system($0)] } ?? []
    messages = self.system
    _ = try session.model.requireTokenizer()
    _ = try session.model.render([.user("")])
  }

  /// Forgets everything but the system message.
  public func reset() throws(JambaError) {
    messages = system
    seen = ""
    turns = []
    try session.reset()
  }

  /// Adds the user's message and starts the answer. Call `finish` with the answer's text when it has ended.
  public func answer(
    to text: String, options: GenerationOptions, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: () -> Bool = { false }
  ) throws(JambaError) -> Generation {
    let tokenizer = try session.model.requireTokenizer()
    let prompt = try session.model.render(messages + [.user(text)])
    var rest = prompt[...]
    if !seen.isEmpty, prompt.utf8.starts(with: seen.utf8) {
      rest = prompt[prompt.utf8.index(prompt.startIndex, offsetBy: seen.utf8.count)...]
    } else {
      for index in turns.indices { turns[index].place = nil }
      try session.reset()
    }
    turns.append(Turn(messageCount: messages.count, place: (session.tokenCount, seen.utf8.count)))
    // The template prints the first token itself.
    let tokens = tokenizer.encode(String(rest), addSpecialTokens: false)
    seen = ""  // until the whole prompt is in
    let generation: Generation
    do throws(JambaError) {
      generation = try session.generate(
        tokens: tokens, options: options, continuesText: false, progress: { progress($0, tokens.count) },
        isCancelled: isCancelled)
    } catch {
      turns.removeLast()
      for index in turns.indices { turns[index].place = nil }
      throw error
    }
    messages.append(.user(text))
    seen = prompt
    return generation
  }

  /// Records the answer. `text` is what the generation's pieces added up to.
  public func finish(_ generation: Generation, text: String) throws(JambaError) {
    messages.append(.assistant(text))
    try generation.settle()
    seen = generation.isExact ? seen + text : ""
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
      "messages": .array(messages.map { .object(["role": .string($0.role), "content": .string($0.content)]) }),
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
    restoring path: String, _ model: JambaModel, options: SessionOptions = SessionOptions()
  ) throws(JambaError) {
    let (session, note) = try model.makeSession(restoring: path, options: options)
    func damaged() -> JambaError { .format(.damagedSession(path: path, reason: "it holds no conversation")) }
    let content: JSON
    do { content = try JSON.parse(note) } catch { throw damaged() }
    guard let messages = content["messages"]?.array, let seen = content["seen"]?.string,
      let systemCount = content["system"]?.integer, 0...messages.count ~= systemCount,
      let turns = content["turns"]?.array
    else { throw damaged() }
    try self.init(session)
    for message in messages {
      guard let role = message["role"]?.string, let text = message["content"]?.string else { throw damaged() }
      self.messages.append(ChatMessage(role: role, content: text))
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
