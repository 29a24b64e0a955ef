public import CJamba
internal import Jamba
internal import JambaFormat

@c @implementation public func jamba_tokenize(
  _ model: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int, _ flags: UInt32,
  _ tokens: UnsafeMutablePointer<Int32>!, _ capacity: Int, _ count: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let tokenizer = try runtime { () throws(JambaError) in try model.requireTokenizer() }
    try JambaC.flags(flags, allowed: JAMBA_ADD_SPECIAL | JAMBA_PARSE_SPECIAL)
    let text = unsafe try JambaC.text(text, length, "the text")
    let room = unsafe try Room(tokens, capacity, count)
    let ids = tokenizer.encode(
      text, addSpecialTokens: flags & JAMBA_ADD_SPECIAL != 0, parseSpecialTokens: flags & JAMBA_PARSE_SPECIAL != 0)
    try room.fill(ids.span)
  }
}

@c @implementation public func jamba_detokenize(
  _ model: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int, _ flags: UInt32,
  _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int, _ length: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let tokenizer = try runtime { () throws(JambaError) in try model.requireTokenizer() }
    try JambaC.flags(flags, allowed: JAMBA_SKIP_SPECIAL)
    let ids = unsafe try array(tokens, count, limit: ArgumentLimits.tokenCount, "tokens")
    // Ids that a model has and its tokenizer does not stand for no text.
    let vocabularyCount = max(model.configuration.vocabSize, tokenizer.idEnd)
    for id in ids where !(0..<vocabularyCount ~= Int(id)) {
      throw Failure(JambaError.invalidToken(Int(id), vocabularyCount: vocabularyCount))
    }
    let room = unsafe try Room(text, capacity, length)
    try room.fill(tokenizer.decode(ids, skipSpecialTokens: flags & JAMBA_SKIP_SPECIAL != 0))
  }
}

@c @implementation public func jamba_chat_format(
  _ model: OpaquePointer!, _ messages: UnsafePointer<jamba_message>!, _ count: Int,
  _ options: UnsafePointer<jamba_chat_options>!, _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int,
  _ length: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let chat = unsafe try Chat(messages, count, options)
    let room = unsafe try Room(text, capacity, length)
    let rendered = try runtime { () throws(JambaError) in
      try model.render(chat.messages, options: chat.options, addGenerationPrompt: chat.asksForAnswer)
    }
    try room.fill(rendered)
  }
}

@c @implementation public func jamba_chat_tokenize(
  _ model: OpaquePointer!, _ messages: UnsafePointer<jamba_message>!, _ messageCount: Int,
  _ options: UnsafePointer<jamba_chat_options>!, _ tokens: UnsafeMutablePointer<Int32>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let chat = unsafe try Chat(messages, messageCount, options)
    let room = unsafe try Room(tokens, capacity, count)
    let ids = try runtime { () throws(JambaError) in
      try model.promptTokens(chat.messages, options: chat.options, addGenerationPrompt: chat.asksForAnswer)
    }
    try room.fill(ids.span)
  }
}

/// A conversation from C.
struct Chat {
  let messages: [ChatMessage]
  let options: ChatOptions
  let asksForAnswer: Bool

  init(
    _ messages: UnsafePointer<jamba_message>?, _ count: Int, _ options: UnsafePointer<jamba_chat_options>?
  ) throws(Failure) {
    let turns = unsafe try array(messages, count, limit: ArgumentLimits.messageCount, "messages")
    self.messages = unsafe try turns.map { (message) throws(Failure) in unsafe try ChatMessage(message) }
    let given = unsafe try structure(options, jamba_chat_options(), "the chat's options")
    unsafe try flags(given.flags, allowed: JAMBA_PARSE_SPECIAL | JAMBA_NO_ANSWER | JAMBA_CONTINUE)
    asksForAnswer = unsafe given.flags & JAMBA_NO_ANSWER == 0
    let use: ChatOptions.ToolUse
    switch unsafe given.tool_use {
    case JAMBA_TOOLS_FREE: use = .free
    case JAMBA_TOOLS_CONSTRAINED: use = .constrained
    case JAMBA_TOOLS_REQUIRED: use = .required
    default: throw .argument(unsafe "the tool use is \(given.tool_use.rawValue), which is none of jamba_tool_use")
    }
    let variables = unsafe try json(given.variables, "variables") ?? .object([:])
    guard let object = variables.object else { throw .argument("variables is not a JSON object") }
    var options = unsafe ChatOptions(
      tools: unsafe try jsonArray(given.tools, "tools"), toolUse: use,
      documents: unsafe try jsonArray(given.documents, "documents"), variables: object,
      parsesSpecialTokens: given.flags & JAMBA_PARSE_SPECIAL != 0)
    options.continuesFinalMessage = unsafe given.flags & JAMBA_CONTINUE != 0
    self.options = options
  }
}

extension ChatMessage {
  fileprivate init(_ message: jamba_message) throws(Failure) {
    var calls: [ToolCall] = []
    for call in unsafe try jsonArray(message.tool_calls, "tool_calls") {
      guard let call = ToolCall(json: call) else {
        throw .argument("tool_calls has a call without name or arguments")
      }
      calls.append(call)
    }
    self.init(
      role: unsafe try text(message.role, "a message's role"),
      content: unsafe try text(message.content, "a message's content"),
      reasoning: unsafe try optionalText(message.reasoning, "a message's reasoning"), toolCalls: calls,
      name: unsafe try optionalText(message.name, "a message's name"))
  }
}
