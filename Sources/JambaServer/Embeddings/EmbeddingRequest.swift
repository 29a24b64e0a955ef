import Jamba
import JambaSystem

/// A request for what texts look like to the model, by OpenAI's API or one of Ollama's.
package struct EmbeddingRequest: Work {
  var inputs: [AnswerRequest.CompletionPrompt]
  /// Whether vectors are scaled to length 1, so that their products are cosines.
  var normalizes = true
  /// Whether a text that the context has no room for loses its end; else it is refused.
  var truncates = false
  var isBase64 = false
  /// The member that holds the texts.
  var inputParameter = "input"
  var passedOver: [String] = []
  /// What they are computed with beside the model's weights.
  var adapter: ServedAdapter?

  /// Reads the body of /v1/embeddings.
  package static func openAI(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> EmbeddingRequest {
    var (parameters, request) = try read(body, "input", model, options)
    switch try parameters.string("encoding_format") {
    case nil, "float": break
    case "base64": request.isBase64 = true
    default: throw .unsupported("encoding_format", "\"encoding_format\" is neither float nor base64")
    }
    if let norm = try parameters.integer("embd_normalize", in: Int.min...Int.max) {
      guard norm == 2 || norm == -1 else {
        throw .unsupported("embd_normalize", "\"embd_normalize\" is neither 2 (Euclidean length) nor -1 (none)")
      }
      request.normalizes = norm == 2
    }
    for input in request.inputs where input == .text("") { throw .invalid("input", "\"input\" holds an empty text") }
    try parameters.finish()
    request.passedOver = parameters.unknown.names
    return request
  }

  /// Reads the body of /api/embed, or of the older /api/embeddings, which takes one text and does not scale its vector.
  package static func ollama(
    _ body: JSONObject, isOlder: Bool, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> EmbeddingRequest {
    var (parameters, request) = try read(body, isOlder ? "prompt" : "input", model, options)
    request.normalizes = !isOlder
    request.truncates = try parameters.bool("truncate") ?? true
    // An empty text asks whether the model is there.
    if request.inputs == [.text("")] { request.inputs = [] }
    parameters.ignore(["options", "keep_alive"])
    try parameters.finish()
    request.passedOver = parameters.unknown.names
    return request
  }

  private static func read(
    _ body: JSONObject, _ name: String, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> (Parameters, EmbeddingRequest) {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    guard let value = parameters.value(name) else {
      throw Failure(.badRequest, "\"\(name)\" is missing", code: "missing_required_parameter", parameter: name)
    }
    let adapter = try parameters.string("model").flatMap { (name) throws(Failure) in
      try AnswerRequest.adapter(ofModel: Parameters.ollamaName(name, options), options)
    }
    let inputs = try AnswerRequest.CompletionPrompt.list(value, name)
    let size = model.configuration.hiddenSize
    if let dimensions = try parameters.integer("dimensions", in: 1...Int.max), dimensions != size {
      throw .unsupported("dimensions", "\"dimensions\" is \(dimensions), while the model's vectors have \(size)")
    }
    parameters.ignore(["user", "input_type", "task_type", "priority", "request_id"])
    return (parameters, EmbeddingRequest(inputs: inputs, inputParameter: name, adapter: adapter))
  }

  func prepare(_ answers: Answers) throws(Failure) -> any PreparedWork {
    let model = answers.model
    var prompts: [[Int32]] = []
    for input in inputs {
      var tokens: [Int32]
      do throws(JambaError) { tokens = try input.tokens(model) } catch {
        throw Failure(error, promptParameter: inputParameter)
      }
      if let limit = model.textLimit, tokens.count > limit {
        guard truncates else { throw .contextFull(tokens.count, of: limit, inputParameter) }
        tokens.removeLast(tokens.count - limit)
      }
      prompts.append(tokens)
    }
    return PreparedEmbeddings(
      prompts: prompts, normalizes: normalizes, inputParameter: inputParameter,
      adapters: adapter.map { [$0.applied] } ?? [])
  }
}

/// Texts whose embeddings are to be computed, one after the other.
private struct PreparedEmbeddings: PreparedWork {
  let prompts: [[Int32]]
  let normalizes: Bool
  let inputParameter: String
  let adapters: [AppliedAdapter]

  var promptTokenCount: Int { prompts.reduce(0) { $0 + $1.count } }

  func run(_ job: Job, _ answers: Answers, slot: Int) throws(Failure) -> AnswerUsage {
    let start = monotonicSeconds()
    for (place, tokens) in prompts.enumerated() {
      do throws(JambaError) {
        let vector = try answers.model.embedding(
          of: tokens, adapters: adapters, isCancelled: { answers.isOver(job) })
        job.tell(.embedded(normalizes ? PreparedEmbeddings.scaled(vector) : vector, place: place))
      } catch { throw Failure(error, promptParameter: inputParameter) }
    }
    return AnswerUsage(promptTokens: promptTokenCount, promptSeconds: monotonicSeconds() - start)
  }

  /// A vector of the same direction and of length 1.
  private static func scaled(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length == 0 ? vector : vector.map { Float(Double($0) / length) }
  }
}
