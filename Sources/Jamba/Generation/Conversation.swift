import JambaFormat

/// A conversation with a model: messages, and a session that has seen them.
///
/// A turn costs its own tokens only, as long as the template prints earlier turns as it did before; otherwise the
/// conversation is read again from the start.
public final class Conversation {
  public let session: Session
  /// What the template is given beside the messages.
  public let chat: ChatOptions
  public private(set) var messages: [ChatMessage]
  private let system: [ChatMessage]
  /// The text whose tokens the session has seen.
  private var seen = ""

  public init(_ session: Session, system: String? = nil, chat: ChatOptions = ChatOptions()) throws(JambaError) {
    self.session = session
    self.chat = chat
    self.system = system.map { [.system($0)] } ?? []
    messages = self.system
    _ = try session.model.requireTokenizer()
    _ = try session.model.prompt([.user("")], chat)
  }

  /// Forgets everything but the system message.
  public func reset() throws(JambaError) {
    messages = system
    seen = ""
    try session.reset()
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
    let rendered = try session.model.prompt(messages + new, chat)
    let prompt = rendered.text.marked
    var rest = prompt[...]
    if !seen.isEmpty, prompt.utf8.starts(with: seen.utf8) {
      rest = prompt[prompt.utf8.index(prompt.startIndex, offsetBy: seen.utf8.count)...]
    } else {
      try session.reset()
    }
    // The template prints the first token itself.
    let tokens = tokenizer.encode(MarkedText(marked: String(rest), mark: rendered.text.mark))
    seen = ""  // until the whole prompt is in
    let generation = try session.generate(
      tokens: tokens, options: options, answering: rendered, chat, progress: { progress($0, tokens.count) },
      isCancelled: isCancelled)
    messages += new
    seen = prompt
    return generation
  }

  /// Records the answer.
  public func finish(_ generation: Generation) throws(JambaError) {
    messages.append(generation.message)
    try generation.settle()
    seen = generation.promptAndAnswer ?? ""
  }
}
