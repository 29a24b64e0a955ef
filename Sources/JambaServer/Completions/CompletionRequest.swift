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
    let prompts = try CompletionPrompt.list(value, "prompt")
    var request = try AnswerRequest(&parameters, source: .texts(prompts), model, options)
    // The endpoint's own default, which is OpenAI's, too.
    request.maxTokens = request.maxTokens ?? 16
    if let count = try parameters.integer("best_of", in: 1...Limits.choices) {
      request.bestOf = try bestOf(count, request)
    }
    guard prompts.count * request.candidateCount <= Limits.prompts else {
      throw .invalid(
        request.bestOf == nil ? "n" : "best_of",
        "\(prompts.count) prompts with \(request.candidateCount) answers each are more than \(Limits.prompts)")
    }
    request.topLogProbabilities = try parameters.integer("logprobs", in: 0...LogProbabilities.limit)
    request.echoes = try parameters.bool("echo") ?? false
    try parameters.fixed("suffix", [.string("")])
    try parameters.fixed("add_special_tokens", [.bool(true)])
    for name in ["tools", "messages", "documents"] { try parameters.fixed(name, [.array([])]) }
    try parameters.finish()
    request.passedOver = parameters.unknown.names
    return request
  }

  /// - Returns: nil where all of them are handed out.
  private static func bestOf(_ count: Int, _ request: AnswerRequest) throws(Failure) -> Int? {
    guard count >= request.choiceCount else {
      throw .invalid("best_of", "\"best_of\" is \(count), which is less than the \(request.choiceCount) of \"n\"")
    }
    guard count > request.choiceCount else { return nil }
    guard !request.streams else {
      throw .invalid("best_of", "the best of several answers are known at the end alone, which leaves nothing to stream")
    }
    return count
  }
}
