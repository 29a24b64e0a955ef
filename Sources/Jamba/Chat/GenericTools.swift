import JambaSystem

/// Chats with tools through templates that know none: the tools stand in the system message, calls in the history are
/// written as the model writes them, results come as messages of the user. The answer is held to the form by a grammar
/// and read by `GenericForm`.
enum GenericTools {
  /// The messages as such a template takes them.
  ///
  /// - Parameters:
  ///   - wrapsText: whether an assistant's text stands in the member `response`, as its answers do.
  ///   - hasSystemRole: false for a template that refuses system messages: the instructions then begin the first message
  ///     of the user.
  static func messages(
    _ messages: [ChatMessage], _ options: ChatOptions, wrapsText: Bool, hasSystemRole: Bool
  ) -> [ChatMessage] {
    var result: [ChatMessage] = []
    var isResult = false
    // Whose result a message without a name is, where no more than one function was called.
    var called: [ToolCall] = []
    for message in messages {
      var message = message
      let wasResult = isResult
      isResult = message.role == "tool"
      if message.role == "assistant" { called = message.toolCalls }
      if isResult {
        message = .user(self.result(message, name: message.name ?? (called.count == 1 ? called[0].name : nil)))
      } else if message.role == "assistant" {
        message.content = answer(message, wrapsText: wrapsText)
        message.toolCalls = []
      }
      // Templates may want turns that alternate.
      if wasResult, message.role == "user" {
        result[result.count - 1].content += "\n" + message.content
      } else {
        result.append(message)
      }
    }
    let instructions = instructions(options, wrapsText: wrapsText)
    let role = hasSystemRole ? "system" : "user"
    if hasSystemRole, result.first?.role == "system" {
      result[0].content += "\n\n" + instructions
    } else if !hasSystemRole, let place = result.firstIndex(where: { $0.role == "user" }) {
      let system = result.first?.role == "system" ? result.removeFirst().content + "\n\n" : ""
      let place = system.isEmpty ? place : place - 1
      result[place].content = system + instructions + "\n\n" + result[place].content
    } else {
      result.insert(ChatMessage(role: role, content: instructions), at: 0)
    }
    return result
  }

  private static func answer(_ message: ChatMessage, wrapsText: Bool) -> String {
    guard message.toolCalls.isEmpty else {
      let calls = JSON.object(["tool_calls": .array(message.toolCalls.map { $0.templateMembers["function"]! })]).text(.spaced)
      return message.content.isEmpty ? calls : message.content + "\n" + calls
    }
    return wrapsText ? JSON.object(["response": .string(message.content)]).text(.spaced) : message.content
  }

  private static func result(_ message: ChatMessage, name: String?) -> String {
    var response: JSONObject = [:]
    if let name { response["name"] = .string(name) }
    response["content"] = .string(message.content)
    return JSON.object(["tool_response": .object(response)]).text(.spaced)
  }

  private static func instructions(_ options: ChatOptions, wrapsText: Bool) -> String {
    let tools = options.tools.map { ($0["function"] ?? $0).text(.spaced) }.joined(separator: "\n")
    let call = #"{"tool_calls": [{"name": <name of a tool>, "arguments": <object that fits its parameters>}]}"#
    var text = "You can call these tools, each of which is described by a JSON object:\n\(tools)\n\n"
    if options.toolUse == .required {
      text += "Answer with a JSON object that calls tools:\n\(call)\n"
    } else if wrapsText {
      text += "Answer with a JSON object in one of two forms. To call tools:\n\(call)\n"
      text += "To answer the user:\n" + #"{"response": <text of the answer>}"# + "\n"
    } else {
      text += "Answer the user, or call tools with a JSON object:\n\(call)\n"
    }
    text += "The results of tools come to you as JSON objects with the member \"tool_response\"."
    if !options.allowsSeveralCalls { text += " Call one tool at a time." }
    return text
  }
}
