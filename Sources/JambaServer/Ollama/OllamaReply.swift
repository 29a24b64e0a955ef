import Jamba
import JambaSystem
import JambaText

/// The wording of /api/chat and /api/generate.
struct OllamaReply: Reply {
  static var framing: StreamFraming { .lines }

  private let isChat: Bool
  private let modelName: String
  private let tokenizer: Tokenizer?
  private let arrivalSeconds = monotonicSeconds()
  private var message = ChatMessage.assistant("")
  private var probabilities: [JSON] = []
  private var callCount = 0
  private var reason = "stop"

  init(isChat: Bool, modelName: String, tokenizer: Tokenizer?) {
    self.isChat = isChat
    self.modelName = modelName
    self.tokenizer = tokenizer
  }

  /// The answer to a request for nothing but the model.
  func idle(isForgetting: Bool) -> JSON {
    var object = object(ChatMessage.assistant(""), [], calls: [])
    object["done"] = .bool(true)
    object["done_reason"] = .string(isForgetting ? "unload" : "load")
    return .object(object)
  }

  func begin(promptTokens: Int) -> [StreamEvent] { [] }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    note(piece)
    let found = TokenText.probabilities(of: piece, tokenizer)
    guard !piece.text.isEmpty || !piece.reasoning.isEmpty || !piece.toolCalls.isEmpty || !found.isEmpty else {
      return []
    }
    var part = ChatMessage.assistant(piece.text)
    if !piece.reasoning.isEmpty { part.reasoning = piece.reasoning }
    var object = object(part, found, calls: json(piece.toolCalls))
    object["done"] = .bool(false)
    return [StreamEvent(.object(object))]
  }

  mutating func add(_ piece: Piece, choice: Int) {
    note(piece)
    message.content += piece.text
    if !piece.reasoning.isEmpty { message.reasoning = (message.reasoning ?? "") + piece.reasoning }
    message.toolCalls += piece.toolCalls
    probabilities += TokenText.probabilities(of: piece, tokenizer)
  }

  private mutating func note(_ piece: Piece) {
    if let finish = piece.finishReason { reason = finish == .length ? "length" : "stop" }
  }

  func end(_ usage: AnswerUsage) -> [StreamEvent] {
    [StreamEvent(ended(object(ChatMessage.assistant(""), [], calls: []), usage))]
  }

  mutating func whole(_ usage: AnswerUsage) -> JSON {
    ended(object(message, probabilities, calls: json(message.toolCalls)), usage)
  }

  func fail(_ failure: Failure) -> [StreamEvent] { [StreamEvent(Dialect.ollama.json(failure))] }

  // MARK: Objects

  private func object(_ message: ChatMessage, _ probabilities: [JSON], calls: [JSON]) -> JSONObject {
    var object: JSONObject = ["model": .string(modelName), "created_at": .string(WallClock().text)]
    if isChat {
      var part: JSONObject = ["role": .string("assistant"), "content": .string(message.content)]
      if let thoughts = message.reasoning { part["thinking"] = .string(thoughts) }
      if !calls.isEmpty { part["tool_calls"] = .array(calls) }
      object["message"] = .object(part)
    } else {
      object["response"] = .string(message.content)
      if let thoughts = message.reasoning { object["thinking"] = .string(thoughts) }
    }
    if !probabilities.isEmpty { object["logprobs"] = .array(probabilities) }
    return object
  }

  private mutating func json(_ calls: [ToolCall]) -> [JSON] {
    calls.map { call in
      defer { callCount += 1 }
      return .object([
        "id": .string("call_" + ReplyHead.randomText()),
        "function": .object([
          "index": .integer(callCount), "name": .string(call.name), "arguments": call.argumentsObject,
        ]),
      ])
    }
  }

  /// The end, with what the answer has taken: times are in nanoseconds.
  private func ended(_ object: JSONObject, _ usage: AnswerUsage) -> JSON {
    func nanoseconds(_ seconds: Double) -> JSON { .integer(Int(max(0, seconds) * 1e9)) }
    var object = object
    object["done"] = .bool(true)
    object["done_reason"] = .string(reason)
    object["total_duration"] = nanoseconds(monotonicSeconds() - arrivalSeconds)
    object["load_duration"] = .integer(0)
    object["prompt_eval_count"] = .integer(usage.promptTokens)
    object["prompt_eval_duration"] = nanoseconds(usage.promptSeconds)
    object["eval_count"] = .integer(usage.completionTokens)
    object["eval_duration"] = nanoseconds(usage.decodeSeconds)
    return .object(object)
  }
}
