import Jamba
import JambaSystem

extension AnswerRequest {
  /// Reads the body of /v1/completions.
  package static func completion(_ body: JSONObject, _ model: JambaModel, name: String) throws(Failure) -> AnswerRequest
  {
    var parameters = Parameters(body)
    guard let value = parameters.value("prompt") else {
      throw Failure(.badRequest, "\"prompt\" is missing", code: "missing_required_parameter", parameter: "prompt")
    }
    let prompts = try prompts(value)
    var request = try AnswerRequest(
      &parameters, source: .texts(prompts), modelName: name, vocabularyCount: model.configuration.vocabSize)
    // The endpoint's own default, which is OpenAI's, too.
    request.maxTokens = request.maxTokens ?? 16
    guard prompts.count * request.choiceCount <= Limits.choices else {
      throw .invalid(
        "n", "\(prompts.count) prompts with \(request.choiceCount) answers each are more than \(Limits.choices)")
    }
    request.topLogProbabilities = try parameters.integer("logprobs", in: 0...LogProbabilities.limit)
    try parameters.fixed("echo") { $0.bool == false }
    try parameters.fixed("best_of") { $0.integer == 1 }
    try parameters.fixed("suffix") { $0.string == "" }
    try parameters.finish()
    return request
  }

  /// A text, a list of texts, tokens, or a list of lists of tokens.
  private static func prompts(_ value: JSON) throws(Failure) -> [CompletionPrompt] {
    func invalid() -> Failure {
      .invalid(
        "prompt", "\"prompt\" is not a text, a list of token ids, or a list of at most \(Limits.choices) of these")
    }
    func prompt(_ value: JSON) -> CompletionPrompt? {
      if let text = value.string { return .text(text) }
      guard let ids = value.array else { return nil }
      let tokens = ids.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
      return tokens.count == ids.count ? .tokens(tokens) : nil
    }
    if let single = prompt(value) { return [single] }
    guard let list = value.array, list.count <= Limits.choices else { throw invalid() }
    let prompts = list.compactMap(prompt)
    guard prompts.count == list.count else { throw invalid() }
    return prompts
  }
}
