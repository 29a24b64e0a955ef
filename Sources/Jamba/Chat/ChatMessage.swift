public import JambaSystem

/// A turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
  /// `system`, `user`, `assistant` or `tool`. Templates print it between the marks of a turn: it is the program's word,
  /// not a user's.
  public var role: String
  /// The text.
  public var content: String
  /// An assistant's thoughts before its answer (reasoning), without `<think>` and `</think>`.
  public var reasoning: String?
  /// The functions that an assistant wants called.
  public var toolCalls: [ToolCall]
  /// Of a tool's message: the function's name.
  public var name: String?

  public init(
    role: String, content: String, reasoning: String? = nil, toolCalls: [ToolCall] = [], name: String? = nil
  ) {
    self.role = role
    self.content = content
    self.reasoning = reasoning
    self.toolCalls = toolCalls
    self.name = name
  }

  /// The system message: instructions before the conversation.
  public static func system(_ content: String) -> ChatMessage { .init(role: "system", content: content) }
  /// A message of the user.
  public static func user(_ content: String) -> ChatMessage { .init(role: "user", content: content) }
  /// An answer of the model.
  public static func assistant(_ content: String) -> ChatMessage { .init(role: "assistant", content: content) }

  /// The result of a function that an assistant called.
  public static func tool(_ content: String, name: String? = nil) -> ChatMessage {
    .init(role: "tool", content: content, name: name)
  }
}

// MARK: - Saving

extension ChatMessage {
  /// The message as saved conversations hold it.
  var record: JSON {
    var object: JSONObject = ["role": .string(role), "content": .string(content)]
    if let reasoning { object["reasoning"] = .string(reasoning) }
    if let name { object["name"] = .string(name) }
    if !toolCalls.isEmpty {
      object["tool_calls"] = .array(toolCalls.map(\.json))
    }
    return .object(object)
  }

  /// nil for what is no message.
  init?(record: JSON) {
    guard let role = record["role"]?.string, let content = record["content"]?.string else { return nil }
    var calls: [ToolCall] = []
    for call in record["tool_calls"]?.array ?? [] {
      guard let call = ToolCall(json: call) else { return nil }
      calls.append(call)
    }
    self.init(
      role: role, content: content, reasoning: record["reasoning"]?.string, toolCalls: calls,
      name: record["name"]?.string)
  }
}

/// Options of a chat: what the template is given beside the messages.
public struct ChatOptions: Sendable {
  /// Functions the model may call: `{"type": "function", "function": {"name": …, "description": …, "parameters": schema}}`.
  public var tools: [JSON]
  /// Whether the model is held to them.
  public var toolUse: ToolUse
  /// Whether an answer that is held to the tools may hold several calls; with false it ends with the first one.
  public var allowsSeveralCalls = true
  /// Whether a schema of parameters that no grammar can hold leaves the arguments to the model, as any object, unless the
  /// tool says `strict`; else it is an error.
  package var leavesParametersToModel = false
  /// Whether the answer goes on with the last message instead of beginning a turn of its own: what the assistant's answer
  /// is to begin with (prefill). The answer then holds what follows, without that beginning.
  public var continuesFinalMessage = false
  /// Whether the prompt ends where a turn of the assistant begins. With false it ends as the template ends the last
  /// message.
  public var addsGenerationPrompt = true
  /// Texts the model may refer to, as the template wants them (`title`, `text` …).
  public var documents: [JSON]
  /// More variables of the template, such as `knobs` or `enable_thinking`. They are the program's word: names of control
  /// tokens in them count.
  public var variables: JSONObject
  /// Whether names of control tokens in messages, tools and documents become those tokens. As a rule they stay text.
  public var parsesSpecialTokens: Bool

  /// How far a model is held to the tools.
  public enum ToolUse: Sendable {
    /// The model calls as it likes, and writes what it likes.
    case free
    /// The model calls as it likes; a call names one of the functions, and its arguments fit the function's parameters.
    case constrained
    /// The answer is such a call.
    case required
  }

  public init(
    tools: [JSON] = [], toolUse: ToolUse = .free, documents: [JSON] = [], variables: JSONObject = [:],
    parsesSpecialTokens: Bool = false
  ) {
    self.tools = tools
    self.toolUse = toolUse
    self.documents = documents
    self.variables = variables
    self.parsesSpecialTokens = parsesSpecialTokens
  }
}
