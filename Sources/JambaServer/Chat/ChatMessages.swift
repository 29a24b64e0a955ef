import Jamba
import JambaSystem

/// Reads the messages of a chat request.
package struct ChatMessages {
  private let unknown: UnknownMembers

  package static func read(
    _ list: [JSON], _ unknown: UnknownMembers = UnknownMembers(areRefused: false),
    place: (Int) -> String = { "messages[\($0)]" }
  ) throws(Failure) -> [ChatMessage] {
    guard list.count <= Limits.messages else {
      throw .invalid("messages", "there are more than \(Limits.messages) messages")
    }
    let reader = ChatMessages(unknown)
    var messages: [ChatMessage] = []
    for (index, value) in list.enumerated() {
      let place = place(index)
      guard let object = value.object else { throw .invalid(place, "\(place) is not an object") }
      messages.append(try reader.message(object, place))
    }
    return messages
  }

  private init(_ unknown: UnknownMembers) { self.unknown = unknown }

  /// Members that clients' own messages carry, and that say nothing to a model.
  private static let idleMembers = [
    "id", "annotations", "refusal", "provider_specific_fields", "cache_control", "reasoning_details",
    "reasoning_signature", "thinking_blocks", "status", "created_at", "createdAt", "timestamp", "metadata",
  ]

  private func message(_ object: JSONObject, _ place: String) throws(Failure) -> ChatMessage {
    var members = Parameters(object, path: place + ".", unknown)
    var message = ChatMessage(role: "", content: "")
    message.name = try members.string("name")
    members.ignore(ChatMessages.idleMembers)
    try members.fixed("audio", [])
    let calls = try calls(&members, place)
    var thoughts = try thoughts(&members)
    let content = try content(&members, place, &thoughts)
    switch try members.string("role") {
    // Templates print the role between control tokens: no other one gets there.
    case "system", "developer": message.role = "system"
    case "user": message.role = "user"
    case "assistant":
      message.role = "assistant"
      message.reasoning = thoughts.isEmpty ? nil : thoughts
      message.toolCalls = calls
    case "tool", "function":
      message.role = "tool"
      members.ignore(["tool_call_id", "is_error"])
    default: throw .invalid(place + ".role", "\(place) has no role among system, developer, user, assistant and tool")
    }
    guard message.role == "assistant" || calls.isEmpty else {
      throw .invalid(place + ".tool_calls", "\(place) calls tools, which only an assistant's message does")
    }
    guard content != nil || message.role == "assistant" else {
      throw .invalid(place + ".content", "\(place) has no content")
    }
    message.content = content ?? ""
    try members.finish()
    return message
  }

  /// An assistant's thoughts, by the names that servers give them.
  private func thoughts(_ members: inout Parameters) throws(Failure) -> String {
    var thoughts: String?
    for name in ["reasoning_content", "reasoning", "thinking"] {
      guard let value = members.value(name) else { continue }
      if let text = value.string {
        thoughts = thoughts ?? text
      } else {
        try members.passOver(name)
      }
    }
    return thoughts ?? ""
  }

  /// A string, or text in parts; empty when null, nil when absent. Parts that are thoughts go there.
  private func content(
    _ members: inout Parameters, _ place: String, _ thoughts: inout String
  ) throws(Failure) -> String? {
    let parts: [JSON]
    switch members.value("content") {
    case nil: return members.contains("content") ? "" : nil
    case .string(let text): return text
    case .array(let list): parts = list
    case .object(let part): parts = [.object(part)]
    default: throw .invalid(place + ".content", "the content of \(place) is neither a string nor a list of parts")
    }
    var text = ""
    for part in parts {
      if let piece = ChatMessages.text(of: part) {
        text += piece
      } else if let piece = ChatMessages.thought(of: part) {
        thoughts += piece
      } else {
        let kind = part["type"]?.string.map { " (\($0.prefix(40)))" } ?? ""
        throw .unsupported(place + ".content", "\(place) holds a part that is no text\(kind), which is not supported")
      }
    }
    return text
  }

  /// The text of a part: OpenAI's kinds of two APIs, and a bare string.
  private static func text(of part: JSON) -> String? {
    if let text = part.string { return text }
    switch part["type"] ?? .null {
    case .null, .string("text"), .string("input_text"), .string("output_text"), .string("summary_text"):
      guard let text = part["text"] else { return nil }
      return text.isNull ? "" : text.string
    case .string("refusal"): return part["refusal"]?.string
    default: return nil
    }
  }

  private static func thought(of part: JSON) -> String? {
    switch part["type"]?.string {
    case "thinking": part["thinking"]?.string
    case "reasoning": part["text"]?.string ?? part["reasoning"]?.string
    case "redacted_thinking": ""
    default: nil
    }
  }

  private func calls(_ members: inout Parameters, _ place: String) throws(Failure) -> [ToolCall] {
    var calls: [ToolCall] = []
    for call in try members.array("tool_calls") ?? [] {
      guard let function = call["function"], let name = function["name"]?.string else {
        throw .invalid(place + ".tool_calls", "\(place) holds a tool call without a function's name")
      }
      calls.append(ToolCall(name: name, arguments: ToolCall.arguments(function["arguments"] ?? .null)))
    }
    // The form before there were tool calls.
    if let call = try members.object("function_call") {
      guard let name = call["name"]?.string else {
        throw .invalid(place + ".function_call", "\(place) holds a function call without a name")
      }
      calls.append(ToolCall(name: name, arguments: ToolCall.arguments(call["arguments"] ?? .null)))
    }
    return calls
  }
}
