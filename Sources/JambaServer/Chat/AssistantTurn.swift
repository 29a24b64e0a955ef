import JambaSystem

/// An assistant's turn in the words of /v1/chat/completions, gathered from the blocks or items that other APIs part it
/// into.
struct AssistantTurn {
  private var content: [JSON] = []
  private var thoughts: String?
  private var calls: [JSON] = []

  var isEmpty: Bool { content.isEmpty && thoughts == nil && calls.isEmpty }
  /// Whether there is more in it than thoughts.
  var speaks: Bool { !content.isEmpty || !calls.isEmpty }
  var callsTools: Bool { !calls.isEmpty }

  /// - Parameter parts: parts of a content.
  mutating func add(content parts: [JSON]) { content += parts }

  mutating func add(thoughts text: String) { thoughts = (thoughts ?? "") + text }

  /// - Parameter arguments: an object, or a text that holds one.
  mutating func add(call name: String, _ arguments: JSON, id: String?) {
    calls.append(
      .object([
        "id": id.map { .string($0) } ?? .null, "type": .string("function"),
        "function": .object(["name": .string(name), "arguments": arguments]),
      ]))
  }

  var message: JSON {
    var message: JSONObject = ["role": .string("assistant"), "content": .array(content)]
    if let thoughts { message["reasoning_content"] = .string(thoughts) }
    if !calls.isEmpty { message["tool_calls"] = .array(calls) }
    return .object(message)
  }
}
