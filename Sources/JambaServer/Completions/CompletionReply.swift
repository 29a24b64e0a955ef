import Jamba
import JambaSystem
import JambaText

/// The wording of /v1/completions.
struct CompletionReply: ChunkedReply {
  private let head: ReplyHead
  private let tokenizer: Tokenizer?
  private var choices: [Choice]

  private struct Choice {
    var isOpen = false
    var text = ""
    var probabilities = Probabilities()
    var finishReason: FinishReason?
    /// Characters that tokens with probabilities have had so far.
    var offset = 0
  }

  private struct Probabilities {
    var tokens: [JSON] = []
    var values: [JSON] = []
    var top: [JSON] = []
    var offsets: [JSON] = []

    var json: JSON {
      tokens.isEmpty
        ? .null
        : .object([
          "tokens": .array(tokens), "token_logprobs": .array(values), "top_logprobs": .array(top),
          "text_offset": .array(offsets),
        ])
    }
  }

  init(_ request: AnswerRequest, modelName: String, tokenizer: Tokenizer?) {
    head = ReplyHead(prefix: "cmpl-", modelName: modelName, includesUsage: request.includesUsage)
    self.tokenizer = tokenizer
    choices = Array(repeating: Choice(), count: request.source.promptCount * request.choiceCount)
    guard request.echoes, case .texts(let prompts) = request.source else { return }
    for index in choices.indices { choices[index].text = text(of: prompts[index / request.choiceCount]) }
  }

  private func text(of prompt: AnswerRequest.CompletionPrompt) -> String {
    switch prompt {
    case .text(let text): text
    case .tokens(let tokens): tokenizer?.decode(tokens) ?? ""
    }
  }

  private func json(_ choice: Int, _ text: String, _ probabilities: Probabilities, _ reason: FinishReason?) -> JSON {
    .object([
      "text": .string(text), "index": .integer(choice), "logprobs": probabilities.json,
      "finish_reason": reason?.json ?? .null,
    ])
  }

  var includesUsage: Bool { head.includesUsage }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    var chunks: [JSON] = []
    let prompt = choices[choice].text
    if !choices[choice].isOpen, !prompt.isEmpty {
      // The prompt, where it is echoed.
      chunks.append(json(choice, prompt, Probabilities(), nil))
    }
    choices[choice].isOpen = true
    var probabilities = Probabilities()
    add(piece, choice, to: &probabilities)
    if !piece.text.isEmpty || !probabilities.tokens.isEmpty || piece.finishReason != nil {
      chunks.append(json(choice, piece.text, probabilities, piece.finishReason))
    }
    return chunks.map { StreamEvent(head.chunk("text_completion", [$0])) }
  }

  func closing(_ usage: AnswerUsage) -> JSON { head.closing("text_completion", usage) }

  mutating func add(_ piece: Piece, choice: Int) {
    choices[choice].text += piece.text
    var probabilities = choices[choice].probabilities
    add(piece, choice, to: &probabilities)
    choices[choice].probabilities = probabilities
    choices[choice].finishReason = piece.finishReason ?? choices[choice].finishReason
  }

  func whole(_ usage: AnswerUsage) -> JSON {
    head.whole(
      "text_completion",
      choices.enumerated().map { json($0, $1.text, $1.probabilities, $1.finishReason) }, usage)
  }

  private mutating func add(_ piece: Piece, _ choice: Int, to probabilities: inout Probabilities) {
    guard let found = piece.logProbabilities else { return }
    let text = TokenText(found.chosen.token, tokenizer).text
    probabilities.tokens.append(.string(text))
    probabilities.values.append(.number(ReplyNumbers.finite(found.chosen.value)))
    var top: JSONObject = [:]
    for entry in found.top {
      top[TokenText(entry.token, tokenizer).text] = .number(ReplyNumbers.finite(entry.value))
    }
    probabilities.top.append(.object(top))
    probabilities.offsets.append(.integer(choices[choice].offset))
    choices[choice].offset += text.unicodeScalars.count
  }
}
