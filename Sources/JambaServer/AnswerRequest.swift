import Jamba
import JambaSystem

/// A request for an answer: the common form of all endpoints that give one.
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

  /// Options that constrain answers: grammars and schemas. Compiled where it is used: it is work.
  package enum Form: Sendable, Equatable {
    case free
    case schema(JSON)
    case grammar(String)
    /// A regular expression of whole answers.
    case pattern(String)
  }

  package var source: Source
  /// What it is answered with beside the model's weights; nil for those alone.
  var adapter: ServedAdapter?
  package var sampling: Sampling
  /// nil for the server's own limit, `Int.max` for none but the context.
  package var maxTokens: Int?
  package var stop: [String]
  package var form = Form.free
  /// The member that asks for the form.
  var formParameter = "response_format"
  /// The member that holds the prompt.
  var promptParameter = "prompt"
  package var topLogProbabilities: Int?
  /// Answers to each prompt.
  package var choiceCount: Int
  /// Answers that are generated for them, of which the best are handed out; nil for as many.
  package var bestOf: Int?
  /// Whether an answer begins with its prompt.
  package var echoes = false
  /// Whether a stream tells how far the reading of its prompt is.
  package var reportsProgress = false
  package var streams: Bool
  package var includesUsage: Bool
  /// Members that were passed over.
  package var passedOver: [String] = []

  /// Answers that are generated for each prompt.
  var candidateCount: Int { bestOf ?? choiceCount }
  /// Whether the prompt's own tokens are told with their log-probabilities.
  var scoresPrompts: Bool { echoes && topLogProbabilities != nil }

  /// The answer's parameters that all endpoints know; `source` and log-probabilities are the endpoint's.
  init(
    _ parameters: inout Parameters, source: Source, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) {
    self.source = source
    adapter = try parameters.string("model").flatMap { (name) throws(Failure) in
      try AnswerRequest.adapter(ofModel: name, options)
    }
    streams = try parameters.bool("stream") ?? false
    includesUsage = try AnswerRequest.includesUsage(&parameters)
    maxTokens = try AnswerRequest.maxTokens(&parameters)
    choiceCount = try parameters.integer("n", in: 1...Limits.choices) ?? 1
    stop = try AnswerRequest.stops(&parameters)
    reportsProgress = try parameters.bool("return_progress") ?? false
    sampling = try Sampling(
      &parameters, vocabularyCount: model.configuration.vocabSize, endTokens: model.endTokens)
    try parameters.readNeutralMembers()
    try readForm(&parameters)
  }

  /// One model is served, alone and with adapters: another name counts where that is asked for alone, and the model's own
  /// with an adapter that is not there never stands for the model alone.
  static func adapter(ofModel name: String, _ options: ServerOptions) throws(Failure) -> ServedAdapter? {
    if let adapter = options.adapter(named: name) { return adapter }
    let isOther = options.refusesOtherModelNames && name != options.modelName
    guard isOther || (!options.adapters.isEmpty && name.hasPrefix(options.modelName + ":")) else { return nil }
    let names = options.modelNames.map { "\"\($0)\"" }
    throw Failure(
      .notFound, "there is no model \"\(name)\" here, only \(names.joined(separator: ", "))", code: "model_not_found",
      parameter: "model")
  }

  private static func includesUsage(_ parameters: inout Parameters) throws(Failure) -> Bool {
    guard var members = try parameters.members("stream_options") else { return false }
    let includesUsage = try members.bool("include_usage") ?? false
    members.ignore(["include_obfuscation"])
    try members.finish()
    return includesUsage
  }

  /// The smallest of the limits that a request names, by OpenAI's names or others'; -1 is none.
  private static func maxTokens(_ parameters: inout Parameters) throws(Failure) -> Int? {
    var least: Int?
    for name in [
      "max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict", "num_predict",
    ] {
      guard let limit = try parameters.integer(name, in: -1...Int.max) else { continue }
      least = min(least ?? .max, limit < 0 ? .max : limit)
    }
    return least
  }

  /// An empty text, as front ends send for an empty field, stops nothing.
  private static func stops(_ parameters: inout Parameters) throws(Failure) -> [String] {
    guard let value = parameters.value("stop") else { return [] }
    let name = parameters.place("stop")
    let texts = value.string.map { [$0] } ?? value.array?.compactMap(\.string)
    guard let texts, texts.count == value.array?.count ?? 1 else {
      throw .invalid(name, "\"\(name)\" is neither a string nor a list of strings")
    }
    guard texts.count <= Limits.stops, texts.allSatisfy({ $0.utf8.count <= Limits.stopBytes }) else {
      throw .invalid(
        name, "\"\(name)\" holds more than \(Limits.stops) texts, or one of over \(Limits.stopBytes) bytes")
    }
    return texts.filter { !$0.isEmpty }
  }

  // MARK: Forms

  /// Reads the members that hold an answer to a form; no more than one may.
  private mutating func readForm(_ parameters: inout Parameters) throws(Failure) {
    if let grammar = try parameters.string("grammar"), !grammar.isEmpty { try take(.grammar(grammar), "grammar") }
    if let schema = parameters.value("json_schema"), schema != .object([:]) { try take(.schema(schema), "json_schema") }
    for (form, name) in try parameters.guidedForms() { try take(form, name) }
    let name = parameters.place("response_format")
    guard let format = try parameters.object("response_format"), format.count > 0 else { return }
    var members = Parameters(format, path: name + ".", parameters.unknown)
    switch try members.string("type") {
    case "text": break
    case "json_object":
      let schema = members.value("schema") ?? .object(["type": .string("object")])
      try take(.schema(schema), name)
    case "json_schema":
      // Beside OpenAI's form there is a flat one.
      let isFlat = members.value("json_schema") == nil
      var description =
        isFlat
        ? members
        : try members.members("json_schema") ?? members
      guard let schema = description.value("schema") else {
        throw Failure(
          .badRequest, "\"\(name).json_schema.schema\" is missing", code: "missing_required_parameter",
          parameter: name + ".json_schema.schema")
      }
      description.ignore(["name", "description", "strict"])
      try description.finish()
      try take(.schema(schema), name)
      if isFlat { return }
    default:
      throw .unsupported(name + ".type", "\"\(name).type\" is not text, json_object or json_schema")
    }
    try members.finish()
  }

  private mutating func take(_ form: Form, _ parameter: String) throws(Failure) {
    guard case .free = self.form else {
      throw .invalid(parameter, "\"\(parameter)\" and \"\(formParameter)\" do not go together")
    }
    self.form = form
    formParameter = parameter
  }
}
