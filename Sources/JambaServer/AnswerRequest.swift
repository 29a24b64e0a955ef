import Jamba
import JambaSystem

/// A request for an answer: both endpoints' common form.
package struct AnswerRequest: Sendable {
  /// The prompt.
  package enum Source: Sendable {
    case chat([ChatMessage], ChatOptions)
    /// One or several prompts, each with answers of its own.
    case texts([CompletionPrompt])

    var promptCount: Int {
      switch self {
      case .chat: 1
      case .texts(let prompts): prompts.count
      }
    }
  }

  package enum CompletionPrompt: Sendable, Equatable {
    case text(String)
    case tokens([Int32])
  }

  /// Options that constrain answers: grammars and schemas. Compiled where it is used: it is work.
  enum Form: Sendable {
    case free
    case schema(JSON)
    case grammar(String)
  }

  package var source: Source
  package var sampling: Sampling
  /// nil for the server's own limit.
  package var maxTokens: Int?
  package var stop: [String]
  var form = Form.free
  package var topLogProbabilities: Int?
  /// Answers to each prompt.
  package var choiceCount: Int
  package var streams: Bool
  package var includesUsage: Bool

  /// The answer's parameters that both endpoints know; `source`, form and log-probabilities are the endpoint's.
  init(_ parameters: inout Parameters, source: Source, modelName: String, vocabularyCount: Int) throws(Failure) {
    self.source = source
    if let name = try parameters.string("model"), name != modelName {
      throw Failure(
        .notFound, "there is no model \"\(name)\" here, only \"\(modelName)\"", code: "model_not_found",
        parameter: "model")
    }
    streams = try parameters.bool("stream") ?? false
    includesUsage = try AnswerRequest.includesUsage(&parameters, streams: streams)
    let limits = [
      try parameters.integer("max_tokens", in: 0...Int.max),
      try parameters.integer("max_completion_tokens", in: 0...Int.max),
    ].compactMap { $0 }
    maxTokens = limits.min()
    choiceCount = try parameters.integer("n", in: 1...Limits.choices) ?? 1
    stop = try AnswerRequest.stops(&parameters)
    sampling = try Sampling(&parameters, vocabularyCount: vocabularyCount)
    try parameters.fixed("store") { $0.bool == false }
    parameters.ignore(["user", "metadata", "service_tier", "prompt_cache_key", "safety_identifier"])
    if let grammar = try parameters.string("grammar") { form = .grammar(grammar) }
  }

  private static func includesUsage(_ parameters: inout Parameters, streams: Bool) throws(Failure) -> Bool {
    guard let options = try parameters.object("stream_options") else { return false }
    guard streams else { throw .invalid("stream_options", "\"stream_options\" goes with \"stream\": true") }
    var members = Parameters(options, path: "stream_options.")
    let includesUsage = try members.bool("include_usage") ?? false
    members.ignore(["include_obfuscation"])
    try members.finish()
    return includesUsage
  }

  private static func stops(_ parameters: inout Parameters) throws(Failure) -> [String] {
    guard let value = parameters.value("stop") else { return [] }
    let texts = value.string.map { [$0] } ?? value.array?.compactMap(\.string)
    guard let texts, texts.count == value.array?.count ?? 1 else {
      throw .invalid("stop", "\"stop\" is neither a string nor a list of strings")
    }
    guard texts.count <= Limits.stops, texts.allSatisfy({ 1...Limits.stopBytes ~= $0.utf8.count }) else {
      throw .invalid(
        "stop", "\"stop\" holds more than \(Limits.stops) texts, or one of none or over \(Limits.stopBytes) bytes")
    }
    return texts
  }
}
