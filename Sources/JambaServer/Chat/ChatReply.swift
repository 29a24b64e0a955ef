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
    // OpenAI's clients take one part of a call from a chunk: first its name without arguments, then pieces of these.
    var calls: [JSON] = []
    for part in piece.toolCallDeltas {
      if let name = part.name { calls.append(ChatReply.json(part.index, name: name)) }
      if !part.arguments.isEmpty { calls.append(ChatReply.json(part.index, arguments: part.arguments)) }
    }
    if !calls.isEmpty { delta["tool_calls"] = .array([calls[0]]) }
    let probabilities = TokenText.probabilities(of: piece, tokenizer)
    if delta.count > 0 || !probabilities.isEmpty { chunks.append(chunk(choice, delta, probabilities)) }
    for call in calls.dropFirst() { chunks.append(chunk(choice, ["tool_calls": .array([call])])) }
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
        message["tool_calls"] = .array(calls.map(ChatReply.json))
      }
      return .object([
        "index": .integer(index), "message": .object(message),
        "logprobs": choice.probabilities.isEmpty ? .null : .object(["content": .array(choice.probabilities)]),
        "finish_reason": choice.finishReason?.json ?? .null,
      ])
    }
    return head.whole("chat.completion", list, usage)
  }

  private static func json(_ call: ToolCall) -> JSON {
    var object: JSONObject = ["id": .string("call_" + ReplyHead.randomText())]
    for (name, value) in call.messageMembers.members { object[name] = value }
    return .object(object)
  }

  private static func json(_ index: Int, name: String) -> JSON {
    .object([
      "index": .integer(index), "id": .string("call_" + ReplyHead.randomText()), "type": .string("function"),
      "function": .object(["name": .string(name), "arguments": .string("")]),
    ])
  }

  private static func json(_ index: Int, arguments: String) -> JSON {
    .object(["index": .integer(index), "function": .object(["arguments": .string(arguments)])])
  }
}
