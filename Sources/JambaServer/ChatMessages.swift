import Jamba
import JambaSystem

/// Reads the messages of a chat request.
package enum ChatMessages {
  package static func read(_ list: [JSON]) throws(Failure) -> [ChatMessage] {
    guard list.count <= Limits.messages else {
      throw .invalid("messages", "there are more than \(Limits.messages) messages")
    }
    var messages: [ChatMessage] = []
    /// The functions that calls were for, by the calls' ids.
    var names: [String: String] = [:]
    for (index, value) in list.enumerated() {
      let place = "messages[\(index)]"
      guard let object = value.object else { throw .invalid(place, "\(place) is not an object") }
      var members = Parameters(object, path: place + ".")
      let role = try members.string("role")
      var message = ChatMessage(role: "", content: "")
      message.name = try members.string("name")
      switch role {
      // Templates print the role between control tokens: no other one gets there.
      case "system", "developer": message.role = "system"
      case "user": message.role = "user"
      case "assistant":
        message.role = "assistant"
        message.reasoning = try members.string("reasoning_content")
        message.toolCalls = try calls(&members, place, &names)
        members.ignore(["annotations"])
        for name in ["refusal", "audio", "function_call"] { try members.fixed(name) { _ in false } }
      case "tool":
        message.role = "tool"
        let id = try members.string("tool_call_id")
        message.name = message.name ?? id.flatMap { names[$0] }
      default: throw .invalid(place + ".role", "\(place) has no role among system, developer, user, assistant and tool")
      }
      message.content = try content(&members, place, isRequired: role != "assistant" || message.toolCalls.isEmpty)
      try members.finish()
      messages.append(message)
    }
    return messages
  }

  /// A string, or a list of parts of type text.
  private static func content(
    _ members: inout Parameters, _ place: String, isRequired: Bool
  ) throws(Failure) -> String {
    switch members.value("content") {
    case nil:
      guard !isRequired else { throw .invalid(place + ".content", "\(place) has no content") }
      return ""
    case .string(let text): return text
    case .array(let parts):
      var text = ""
      for part in parts {
        guard part["type"]?.string == "text", let piece = part["text"]?.string else {
          throw .unsupported(
            place + ".content", "\(place) holds a part that is no text, which is not supported")
        }
        text += piece
      }
      return text
    default: throw .invalid(place + ".content", "the content of \(place) is neither a string nor a list of parts")
    }
  }

  private static func calls(
    _ members: inout Parameters, _ place: String, _ names: inout [String: String]
  ) throws(Failure) -> [ToolCall] {
    var calls: [ToolCall] = []
    for call in try members.array("tool_calls") ?? [] {
      guard let function = call["function"], let name = function["name"]?.string,
        let arguments = function["arguments"]
      else {
        throw .invalid(place + ".tool_calls", "\(place) holds a tool call without a function's name and arguments")
      }
      if let id = call["id"]?.string { names[id] = name }
      calls.append(ToolCall(name: name, arguments: ToolCall.arguments(arguments)))
    }
    return calls
  }
}
