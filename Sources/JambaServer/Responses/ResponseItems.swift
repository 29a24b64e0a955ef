import JambaSystem

/// The items of a request to /v1/responses.
enum ResponseItems {
  /// The request's own items, with what references stand for, each with an id.
  static func own(_ input: JSON?, _ store: ResponseStore) throws(Failure) -> [JSON] {
    let list: [JSON]
    switch input {
    case nil: return []
    case .string(let text): list = [.object(["role": .string("user"), "content": .string(text)])]
    case .array(let items): list = items
    default: throw .invalid("input", "\"input\" is neither a string nor a list of items")
    }
    guard list.count <= Limits.messages else { throw .invalid("input", "there are more than \(Limits.messages) items") }
    var items: [JSON] = []
    for (index, value) in list.enumerated() {
      guard var item = value.object else { throw .invalid("input[\(index)]", "input[\(index)] is not an object") }
      if item["type"] ?? .null == .null, item["role"] == nil, item["id"] != nil {
        item["type"] = .string("item_reference")
      }
      let kind = item["type"]?.string ?? "message"
      if kind == "item_reference" {
        let id = item["id"]?.string ?? ""
        guard let found = store.item(id) else {
          throw Failure(.notFound, "Item with id '\(id.prefix(100))' not found.", code: nil, parameter: "input")
        }
        items.append(found)
        continue
      }
      item["type"] = .string(kind)
      if item["id"]?.string == nil { item["id"] = .string(prefix(of: kind) + ReplyHead.randomText()) }
      items.append(.object(item))
    }
    return items
  }

  private static func prefix(of kind: String) -> String {
    switch kind {
    case "message": "msg_"
    case "reasoning": "rs_"
    case "function_call": "fc_"
    case "function_call_output": "fco_"
    default: "item_"
    }
  }
}

/// A conversation of items, turned into messages of /v1/chat/completions.
struct ResponseHistory {
  private(set) var messages: [JSON] = []
  /// Where the client has each of them.
  private(set) var places: [String] = []
  private var turn = AssistantTurn()
  private var turnPlace = ""
  private let unknown: UnknownMembers

  /// - Parameter ownStart: where the request's own items begin.
  init(instructions: JSON?, _ items: [JSON], ownStart: Int, _ unknown: UnknownMembers) throws(Failure) {
    self.unknown = unknown
    if let instructions { try addInstructions(instructions, ownStart: ownStart) }
    for (index, item) in items.enumerated() {
      try add(item, index < ownStart ? "previous_response_id" : "input[\(index - ownStart)]")
    }
    endTurn()
  }

  /// A text, or, as the API's answers have it, items.
  private mutating func addInstructions(_ value: JSON, ownStart: Int) throws(Failure) {
    guard let items = value.array else {
      guard value.string != nil else { throw .invalid("instructions", "\"instructions\" is not a string") }
      return append(.object(["role": .string("system"), "content": value]), "instructions")
    }
    for item in items { try add(item, "instructions") }
    endTurn()
  }

  private mutating func append(_ message: JSON, _ place: String) {
    messages.append(message)
    places.append(place)
  }

  private mutating func endTurn() {
    if !turn.isEmpty { append(turn.message, turnPlace) }
    turn = AssistantTurn()
  }

  private mutating func beginTurn(_ place: String) { if turn.isEmpty { turnPlace = place } }

  private mutating func add(_ item: JSON, _ place: String) throws(Failure) {
    switch item["type"]?.string ?? "message" {
    case "message":
      let content = item["content"] ?? .null
      if item["role"]?.string == "assistant", content.array != nil || content.string != nil {
        // What comes before it belongs to another answer, unless it is its thoughts.
        if turn.speaks { endTurn() }
        beginTurn(place)
        turn.add(content: content.array ?? [content])
      } else {
        endTurn()
        append(.object(["role": item["role"] ?? .null, "content": content]), place)
      }
    case "reasoning":
      if turn.speaks { endTurn() }
      beginTurn(place)
      turn.add(thoughts: ResponseHistory.thoughts(of: item))
    case "function_call", "custom_tool_call":
      guard var name = item["name"]?.string else { throw .invalid(place + ".name", "\(place) names no function") }
      if let space = item["namespace"]?.string { name = NamespacedFunction(namespace: space, name: name).fullName }
      let arguments = item["arguments"] ?? item["input"].map { .object(["input": $0]) } ?? .null
      beginTurn(place)
      turn.add(call: name, arguments, id: item["call_id"]?.string)
    case "local_shell_call", "shell_call":
      beginTurn(place)
      let name = item["type"]?.string == "shell_call" ? "shell" : "local_shell"
      turn.add(call: name, item["action"] ?? .null, id: item["call_id"]?.string)
    case "function_call_output", "custom_tool_call_output", "local_shell_call_output":
      endTurn()
      append(
        .object([
          "role": .string("tool"), "tool_call_id": item["call_id"] ?? item["id"] ?? .null,
          "content": item["output"] ?? .null,
        ]), place)
    case let kind:
      // What other servers' own tools have done.
      try unknown.pass(
        over: "items of type \(kind)",
        orThrow: .unsupported(place, "\(place) is of type \"\(kind.prefix(60))\", which is not supported"))
    }
  }

  /// The thoughts themselves, or what there is of them.
  private static func thoughts(of item: JSON) -> String {
    func text(_ name: String) -> String? {
      guard let parts = item[name]?.array, !parts.isEmpty else { return nil }
      return parts.compactMap { $0["text"]?.string }.joined(separator: name == "summary" ? "\n" : "")
    }
    return text("content") ?? item["encrypted_content"]?.string.flatMap(SealedThoughts.open) ?? text("summary") ?? ""
  }
}
