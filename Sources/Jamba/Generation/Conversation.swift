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
  private let system: [ChatMessage]
  /// The text whose tokens the session has seen.
  private var seen = ""

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
      try session.reset()
    }
    // The template prints the first token itself.
    let tokens = tokenizer.encode(String(rest), addSpecialTokens: false)
    seen = ""  // until the whole prompt is in
    let generation = try session.generate(
      tokens: tokens, options: options, continuesText: false, progress: { progress($0, tokens.count) },
      isCancelled: isCancelled)
    messages.append(.user(text))
    seen = prompt
    return generation
  }

  /// Records the answer. `text` is what the generation's pieces added up to.
  public func finish(_ generation: Generation, text: String) throws(JambaError) {
    messages.append(.assistant(text))
    try generation.settle()
    seen = generation.isExact ? seen + text : ""
  }
}
