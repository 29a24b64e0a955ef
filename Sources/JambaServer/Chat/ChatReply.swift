import Jamba
import JambaSystem
import JambaText

/// The wording of /v1/chat/completions.
struct ChatReply: ChunkedReply {
  private let head: ReplyHead
  private let tokenizer: Tokenizer?
  private var choices: [Choice]

  private struct Choice {
    var isOpen = false
    var message = ChatMessage.assistant("")
    var callIDs: [String] = []
    var probabilities: [JSON] = []
    var finishReason: FinishReason?
  }

  init(_ request: AnswerRequest, modelName: String, tokenizer: Tokenizer?) {
    head = ReplyHead(prefix: "chatcmpl-", modelName: modelName, includesUsage: request.includesUsage)
    self.tokenizer = tokenizer
    choices = Array(repeating: Choice(), count: request.choiceCount)
  }

  private func chunk(_ choice: Int, _ delta: JSONObject, _ probabilities: [JSON] = [], _ reason: FinishReason? = nil)
    -> JSON
  {
    head.chunk(
      "chat.completion.chunk",
      [
        .object([
          "index": .integer(choice), "delta": .object(delta),
          "logprobs": probabilities.isEmpty ? .null : .object(["content": .array(probabilities)]),
          "finish_reason": reason?.json ?? .null,
        ])
      ])
  }

  var includesUsage: Bool { head.includesUsage }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    var chunks: [JSON] = []
    if !choices[choice].isOpen {
      choices[choice].isOpen = true
      chunks.append(chunk(choice, ["role": .string("assistant"), "content": .string("")]))
    }
    var delta: JSONObject = [:]
    if !piece.reasoning.isEmpty { delta["reasoning_content"] = .string(piece.reasoning) }
    if !piece.text.isEmpty { delta["content"] = .string(piece.text) }
    if !piece.toolCalls.isEmpty {
      delta["tool_calls"] = .array(
        piece.toolCalls.map { call in
          let id = "call_" + ReplyHead.randomText()
          defer { choices[choice].callIDs.append(id) }
          return ChatReply.json(call, id: id, index: choices[choice].callIDs.count)
        })
    }
    let probabilities = TokenText.probabilities(of: piece, tokenizer)
    if delta.count > 0 || !probabilities.isEmpty { chunks.append(chunk(choice, delta, probabilities)) }
    if let reason = piece.finishReason { chunks.append(chunk(choice, [:], [], reason)) }
    return chunks.map { StreamEvent($0) }
  }

  func events(_ progress: PromptProgress) -> [StreamEvent] {
    let choice: JSON = .object([
      "index": .integer(0), "delta": .object([:]), "logprobs": .null, "finish_reason": .null,
    ])
    return [StreamEvent(head.progress("chat.completion.chunk", choice, progress))]
  }

  func closing(_ usage: AnswerUsage) -> JSON { head.closing("chat.completion.chunk", usage) }

  mutating func add(_ piece: Piece, choice: Int) {
    choices[choice].message.content += piece.text
    if !piece.reasoning.isEmpty {
      choices[choice].message.reasoning = (choices[choice].message.reasoning ?? "") + piece.reasoning
    }
    choices[choice].message.toolCalls += piece.toolCalls
    choices[choice].probabilities += TokenText.probabilities(of: piece, tokenizer)
    choices[choice].finishReason = piece.finishReason ?? choices[choice].finishReason
  }

  func whole(_ usage: AnswerUsage) -> JSON {
    let list = choices.enumerated().map { index, choice -> JSON in
      var message: JSONObject = ["role": .string("assistant")]
      let calls = choice.message.toolCalls
      message["content"] = calls.isEmpty || !choice.message.content.isEmpty ? .string(choice.message.content) : .null
      message["refusal"] = .null
      if let reasoning = choice.message.reasoning { message["reasoning_content"] = .string(reasoning) }
      if !calls.isEmpty {
        message["tool_calls"] = .array(
          calls.map { ChatReply.json($0, id: "call_" + ReplyHead.randomText(), index: nil) })
      }
      return .object([
        "index": .integer(index), "message": .object(message),
        "logprobs": choice.probabilities.isEmpty ? .null : .object(["content": .array(choice.probabilities)]),
        "finish_reason": choice.finishReason?.json ?? .null,
      ])
    }
    return head.whole("chat.completion", list, usage)
  }

  private static func json(_ call: ToolCall, id: String, index: Int?) -> JSON {
    var object: JSONObject = [:]
    if let index { object["index"] = .integer(index) }
    object["id"] = .string(id)
    for (name, value) in call.messageMembers.members { object[name] = value }
    return .object(object)
  }
}
