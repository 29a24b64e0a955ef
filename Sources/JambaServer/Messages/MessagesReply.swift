import Jamba
import JambaSystem

/// The wording of /v1/messages.
struct MessagesReply: Reply {
  static var framing: StreamFraming { .events }

  private let id = "msg_" + ReplyHead.randomText()
  private let modelName: String
  private var parts = AnswerParts()
  private var callIDs: [Int: String] = [:]

  init(modelName: String) { self.modelName = modelName }

  // MARK: The whole

  mutating func add(_ piece: Piece, choice: Int) {
    for case .began(let index) in parts.addWhole(piece) { nameCall(index) }
  }

  mutating func whole(_ usage: AnswerUsage) -> JSON {
    message(
      parts.list.enumerated().map { index, part in .object(block(index, part)) }, usage.messagesJSON, reason: stopReason
    )
  }

  private func message(_ content: [JSON], _ usage: JSON, reason: JSON) -> JSON {
    .object([
      "id": .string(id), "type": .string("message"), "role": .string("assistant"), "model": .string(modelName),
      "content": .array(content), "stop_reason": reason, "stop_sequence": stopSequence, "usage": usage,
    ])
  }

  private func block(_ index: Int, _ part: AnswerParts.Part, isOpening: Bool = false) -> JSONObject {
    switch part {
    case .thoughts(let text):
      ["type": .string("thinking"), "thinking": .string(isOpening ? "" : text), "signature": .string("")]
    case .text(let text): ["type": .string("text"), "text": .string(isOpening ? "" : text)]
    case .call(let name, let arguments, _):
      [
        "type": .string("tool_use"), "id": .string(callIDs[index] ?? ""), "name": .string(name),
        "input": isOpening
          ? .object([:]) : ToolCall(name: name, arguments: ToolCall.arguments(.string(arguments))).argumentsObject,
      ]
    }
  }

  private mutating func nameCall(_ index: Int) {
    if case .call = parts.list[index] { callIDs[index] = "toolu_" + ReplyHead.randomText() }
  }

  private var stopReason: JSON {
    switch parts.finishReason {
    case .toolCalls: .string("tool_use")
    case .length: .string("max_tokens")
    case .stop where parts.stopText != nil: .string("stop_sequence")
    default: .string("end_turn")
    }
  }

  private var stopSequence: JSON { parts.stopText.map { .string($0) } ?? .null }

  // MARK: The stream

  private func event(_ name: String, _ members: JSONObject = [:]) -> StreamEvent {
    var data: JSONObject = ["type": .string(name)]
    for (member, value) in members.members { data[member] = value }
    return StreamEvent(.object(data), name: name)
  }

  func begin(promptTokens: Int) -> [StreamEvent] {
    var usage = AnswerUsage()
    usage.promptTokens = promptTokens
    return [event("message_start", ["message": message([], usage.messagesJSON, reason: .null)]), event("ping")]
  }

  var ping: StreamEvent? { event("ping") }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    var events: [StreamEvent] = []
    for change in parts.add(piece) {
      switch change {
      case .began(let index):
        nameCall(index)
        events.append(
          event(
            "content_block_start",
            [
              "index": .integer(index), "content_block": .object(block(index, parts.list[index], isOpening: true)),
            ]))
      case .grew(let index, let text): events.append(delta(index, text))
      case .ended(let index):
        if case .thoughts = parts.list[index] {
          events.append(delta(index, ["type": .string("signature_delta"), "signature": .string("")]))
        }
        events.append(event("content_block_stop", ["index": .integer(index)]))
      }
    }
    return events
  }

  private func delta(_ index: Int, _ text: String) -> StreamEvent {
    let (kind, member) =
      switch parts.list[index] {
      case .thoughts: ("thinking_delta", "thinking")
      case .text: ("text_delta", "text")
      case .call: ("input_json_delta", "partial_json")
      }
    return delta(index, ["type": .string(kind), member: .string(text)])
  }

  private func delta(_ index: Int, _ delta: JSONObject) -> StreamEvent {
    event("content_block_delta", ["index": .integer(index), "delta": .object(delta)])
  }

  func end(_ usage: AnswerUsage) -> [StreamEvent] {
    [
      event(
        "message_delta",
        [
          "delta": .object(["stop_reason": stopReason, "stop_sequence": stopSequence]), "usage": usage.messagesJSON,
        ]),
      event("message_stop"),
    ]
  }

  func fail(_ failure: Failure) -> [StreamEvent] { [StreamEvent(Dialect.anthropic.json(failure), name: "error")] }
}

extension AnswerUsage {
  /// Tokens of the prompt that were not computed are counted apart.
  fileprivate var messagesJSON: JSON {
    .object([
      "input_tokens": .integer(promptTokens - cachedTokens), "cache_creation_input_tokens": .integer(0),
      "cache_read_input_tokens": .integer(cachedTokens), "output_tokens": .integer(completionTokens),
      "output_tokens_details": .object(["thinking_tokens": .integer(reasoningTokens)]),
    ])
  }
}

extension ToolCall {
  /// The arguments for APIs that have an object there: what is none stands in one.
  var argumentsObject: JSON { arguments.object == nil ? .object(["arguments": arguments]) : arguments }
}
