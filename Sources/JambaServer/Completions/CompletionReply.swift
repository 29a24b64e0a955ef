import Jamba
import JambaSystem
import JambaText

/// The wording of /v1/completions.
struct CompletionReply: ChunkedReply {
  private let head: ReplyHead
  private let tokenizer: Tokenizer?
  /// The prompts that are echoed.
  private let prompts: [AnswerRequest.CompletionPrompt]
  private let choiceCount: Int
  private var choices: [Choice]

  private struct Choice {
    var isOpen = false
    var text = ""
    var probabilities = CompletionProbabilities()
    var finishReason: FinishReason?
    /// Characters of the prompt that is echoed, and of the answer's tokens with probabilities so far.
    var offset = 0
  }

  init(_ request: AnswerRequest, modelName: String, tokenizer: Tokenizer?) {
    head = ReplyHead(prefix: "cmpl-", modelName: modelName, includesUsage: request.includesUsage)
    self.tokenizer = tokenizer
    choiceCount = request.choiceCount
    choices = Array(repeating: Choice(), count: request.source.promptCount * request.choiceCount)
    if request.echoes, case .texts(let prompts) = request.source { self.prompts = prompts } else { prompts = [] }
  }

  private func prompt(_ choice: Int) -> String {
    switch prompts.isEmpty ? nil : prompts[choice / choiceCount] {
    case nil: ""
    case .text(let text): text
    case .tokens(let tokens): tokenizer?.decode(tokens) ?? ""
    }
  }

  private func json(
    _ choice: Int, _ text: String, _ probabilities: CompletionProbabilities, _ reason: FinishReason?
  ) -> JSON {
    .object([
      "text": .string(text), "index": .integer(choice), "logprobs": probabilities.json(tokenizer),
      "finish_reason": reason?.json ?? .null,
    ])
  }

  // MARK: Streams

  var includesUsage: Bool { head.includesUsage }

  private func event(_ choice: JSON) -> StreamEvent { StreamEvent(head.chunk("text_completion", [choice])) }

  mutating func events(_ prompt: PromptScores, choice: Int) -> [StreamEvent] { open(choice, prompt) }

  /// The prompt, where it is echoed, before anything else of the choice.
  private mutating func open(_ choice: Int, _ scores: PromptScores?) -> [StreamEvent] {
    guard !choices[choice].isOpen else { return [] }
    choices[choice].isOpen = true
    let text = prompt(choice)
    choices[choice].offset = text.unicodeScalars.count
    var probabilities = CompletionProbabilities()
    if let scores { probabilities.add(scores, text: text, tokenizer) }
    return text.isEmpty && probabilities.isEmpty ? [] : [event(json(choice, text, probabilities, nil))]
  }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    var events = open(choice, nil)
    var probabilities = CompletionProbabilities()
    add(piece, choice, to: &probabilities)
    if !piece.text.isEmpty || !probabilities.isEmpty || piece.finishReason != nil {
      events.append(event(json(choice, piece.text, probabilities, piece.finishReason)))
    }
    return events
  }

  func events(_ progress: PromptProgress) -> [StreamEvent] {
    [StreamEvent(head.progress("text_completion", json(0, "", CompletionProbabilities(), nil), progress))]
  }

  func closing(_ usage: AnswerUsage) -> JSON { head.closing("text_completion", usage) }

  // MARK: Whole answers

  mutating func add(_ prompt: PromptScores, choice: Int) {
    let text = self.prompt(choice)
    choices[choice].offset = text.unicodeScalars.count
    choices[choice].probabilities.add(prompt, text: text, tokenizer)
  }

  mutating func add(_ piece: Piece, choice: Int) {
    choices[choice].text += piece.text
    var probabilities = CompletionProbabilities()
    swap(&probabilities, &choices[choice].probabilities)
    add(piece, choice, to: &probabilities)
    swap(&probabilities, &choices[choice].probabilities)
    choices[choice].finishReason = piece.finishReason ?? choices[choice].finishReason
  }

  func whole(_ usage: AnswerUsage) -> JSON {
    head.whole("text_completion", choices.indices.map(whole), usage)
  }

  func wholeText(_ usage: AnswerUsage) -> String {
    head.wholeText("text_completion", choiceCount: choices.count, choice: whole, usage)
  }

  private func whole(_ choice: Int) -> JSON {
    let found = choices[choice]
    return json(choice, prompt(choice) + found.text, found.probabilities, found.finishReason)
  }

  private mutating func add(_ piece: Piece, _ choice: Int, to probabilities: inout CompletionProbabilities) {
    guard let found = piece.logProbabilities else { return }
    probabilities.add(found, offset: choices[choice].offset)
    choices[choice].offset += TokenText(found.chosen.token, tokenizer).text.unicodeScalars.count
  }
}
