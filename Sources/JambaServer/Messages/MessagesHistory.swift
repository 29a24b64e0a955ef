import JambaSystem

/// The conversation of a request in Anthropic's words, turned into messages of /v1/chat/completions: results of tools, which
/// are blocks of the user's there, are messages of their own here.
struct MessagesHistory {
  private(set) var messages: [JSON] = []
  /// Where the client has each of them.
  private(set) var places: [String] = []
  private let unknown: UnknownMembers

  init(system: JSON?, _ list: [JSON], _ unknown: UnknownMembers) throws(Failure) {
    self.unknown = unknown
    if let system { add("system", system, "system") }
    guard list.count <= Limits.messages else {
      throw .invalid("messages", "there are more than \(Limits.messages) messages")
    }
    for (index, message) in list.enumerated() {
      let place = "messages[\(index)]"
      guard let object = message.object else { throw .invalid(place, "\(place) is not an object") }
      var members = Parameters(object, path: place + ".", unknown)
      members.ignore(["id", "type", "model", "stop_reason", "stop_sequence", "usage", "cache_control"])
      let content = members.value("content") ?? .null
      switch try members.string("role") {
      case "user": try addUser(content, place)
      case "assistant": try addAssistant(content, place)
      case "system": add("system", content, place)
      default: throw .invalid(place + ".role", "\(place) has no role among user, assistant and system")
      }
      try members.finish()
    }
  }

  private mutating func add(_ role: String, _ content: JSON, _ place: String) {
    add(.object(["role": .string(role), "content": content]), place)
  }

  private mutating func add(_ message: JSON, _ place: String) {
    messages.append(message)
    places.append(place)
  }

  // MARK: Blocks

  private mutating func addUser(_ content: JSON, _ place: String) throws(Failure) {
    guard let blocks = content.array else { return add("user", content, place) }
    var said: [JSON] = []
    for (index, block) in blocks.enumerated() {
      guard block["type"]?.string == "tool_result" else {
        said += try MessagesHistory.parts(of: block, "\(place).content[\(index)]")
        continue
      }
      if !said.isEmpty { add("user", .array(said), place) }
      said = []
      add(try result(block, "\(place).content[\(index)]"), "\(place).content[\(index)]")
    }
    if !said.isEmpty || blocks.isEmpty { add("user", .array(said), place) }
  }

  private mutating func addAssistant(_ content: JSON, _ place: String) throws(Failure) {
    guard let blocks = content.array else { return add("assistant", content, place) }
    var turn = AssistantTurn()
    for (index, block) in blocks.enumerated() {
      let place = "\(place).content[\(index)]"
      switch block["type"]?.string {
      case "tool_use":
        guard let name = block["name"]?.string else { throw .invalid(place + ".name", "\(place) names no tool") }
        turn.add(call: name, block["input"] ?? .null, id: block["id"]?.string)
      case "thinking":
        guard let text = block["thinking"]?.string else {
          throw .invalid(place + ".thinking", "\"\(place).thinking\" is not a string")
        }
        turn.add(thoughts: text)
      case "redacted_thinking": break
      default: turn.add(content: try MessagesHistory.parts(of: block, place))
      }
    }
    add(turn.message, place)
  }

  /// What a tool has answered. That it has failed, which templates have no member for, is said in words.
  private func result(_ block: JSON, _ place: String) throws(Failure) -> JSON {
    var members = Parameters(block.object ?? [:], path: place + ".", unknown)
    members.ignore(["type", "cache_control"])
    guard let id = try members.string("tool_use_id") else {
      throw Failure(
        .badRequest, "\"\(place).tool_use_id\" is missing", code: "missing_required_parameter",
        parameter: place + ".tool_use_id")
    }
    var parts: [JSON] = []
    switch members.value("content") {
    case nil: break
    case .string(let text): parts = [.string(text)]
    case .array(let blocks):
      for (index, block) in blocks.enumerated() {
        parts += try MessagesHistory.parts(of: block, "\(place).content[\(index)]")
      }
    default: throw .invalid(place + ".content", "\"\(place).content\" is neither a string nor a list of blocks")
    }
    if try members.bool("is_error") ?? false { parts.insert(.string("Error: "), at: 0) }
    try members.finish()
    return .object(["role": .string("tool"), "tool_call_id": .string(id), "content": .array(parts)])
  }

  /// A block that is text, as parts of a content.
  private static func parts(of block: JSON, _ place: String) throws(Failure) -> [JSON] {
    switch block["type"]?.string {
    case "text" where block["text"]?.string != nil: return [block]
    case "document":
      // Of a text; others are files.
      switch block["source"]?["type"]?.string {
      case "text": if let text = block["source"]?["data"]?.string { return [.string(text)] }
      case "content":
        let content = block["source"]?["content"] ?? .null
        if content.string != nil { return [content] }
        if let blocks = content.array {
          var parts: [JSON] = []
          for block in blocks { parts += try textPart(of: block, place) }
          return parts
        }
      default: break
      }
    default: if block.string != nil { return [block] }
    }
    return try textPart(of: block, place)
  }

  private static func textPart(of block: JSON, _ place: String) throws(Failure) -> [JSON] {
    if block["type"]?.string == "text", block["text"]?.string != nil { return [block] }
    let kind = block["type"]?.string.map { " (\($0.prefix(40)))" } ?? ""
    throw .unsupported(place, "\(place) is a block that is no text\(kind), which is not supported")
  }
}
