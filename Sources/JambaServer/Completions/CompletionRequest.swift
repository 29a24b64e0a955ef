import Jamba
import JambaSystem

extension AnswerRequest {
  /// Reads the body of /v1/completions.
  package static func completion(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> AnswerRequest {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    return try completion(&parameters, model, options)
  }

  /// Reads a request to go on with texts, which may have come in the words of another API.
  static func completion(
    _ parameters: inout Parameters, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> AnswerRequest {
    guard let value = parameters.value("prompt") else {
      throw Failure(.badRequest, "\"prompt\" is missing", code: "missing_required_parameter", parameter: "prompt")
    }
    let prompts = try prompts(value)
    var request = try AnswerRequest(&parameters, source: .texts(prompts), model, options)
    // The endpoint's own default, which is OpenAI's, too.
    request.maxTokens = request.maxTokens ?? 16
    guard prompts.count * request.choiceCount <= Limits.choices else {
      throw .invalid(
        "n", "\(prompts.count) prompts with \(request.choiceCount) answers each are more than \(Limits.choices)")
    }
    request.topLogProbabilities = try parameters.integer("logprobs", in: 0...LogProbabilities.limit)
    request.echoes = try parameters.bool("echo") ?? false
    guard !request.echoes || request.topLogProbabilities == nil else {
      throw .unsupported("echo", "\"echo\" together with \"logprobs\" is not supported")
    }
    try parameters.fixed("best_of", [.integer(1)])
    try parameters.fixed("suffix", [.string("")])
    try parameters.fixed("add_special_tokens", [.bool(true)])
    for name in ["tools", "messages", "documents"] { try parameters.fixed(name, [.array([])]) }
    try parameters.finish()
    request.passedOver = parameters.unknown.names
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
      return tokens.count == ids.count && !tokens.isEmpty ? .tokens(tokens) : nil
    }
    if let single = prompt(value) { return [single] }
    guard let list = value.array, 1...Limits.choices ~= list.count else { throw invalid() }
    let prompts = list.compactMap(prompt)
    guard prompts.count == list.count else { throw invalid() }
    return prompts
  }
}
