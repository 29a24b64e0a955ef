import Hummingbird
import Jamba
import JambaSystem

/// Ollama's API.
extension Responder {
  func ollama(_ body: JSONObject, isChat: Bool, _ connection: Connection) async throws -> Response {
    let request =
      try isChat ? OllamaRequest.chat(body, model, options) : OllamaRequest.generate(body, model, options)
    let reply = OllamaReply(isChat: isChat, modelName: options.modelName(with: request.answer?.adapter), tokenizer: model.tokenizer)
    guard let answer = request.answer else {
      return Responder.response(reply.idle(isForgetting: request.isForgetting))
    }
    note(answer.passedOver)
    return try await self.answer(answer, reply, connection)
  }

  func showOllamaModel(_ body: JSONObject) throws(Failure) -> Response {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    let older = try parameters.string("name")
    let name = try parameters.string("model") ?? older ?? options.modelName
    // All of it is shown anyhow.
    parameters.ignore(["verbose", "system", "template", "options"])
    try parameters.finish()
    note(parameters.unknown.names)
    let adapter = try AnswerRequest.adapter(ofModel: Parameters.ollamaName(name, options), options)
    return Responder.response(.object(ollamaModel(with: adapter).shown))
  }

  /// The model, alone and with each adapter.
  var ollamaModels: [OllamaModel] { [ollamaModel(with: nil)] + options.adapters.map(ollamaModel) }

  private func ollamaModel(with adapter: ServedAdapter?) -> OllamaModel {
    OllamaModel(model, options, adapter, loaded: started)
  }

  static func ollamaList(_ entries: [JSONObject]) -> Response {
    response(.object(["models": .array(entries.map { .object($0) })]))
  }
}
