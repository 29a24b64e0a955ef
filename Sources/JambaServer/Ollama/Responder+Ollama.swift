import Hummingbird
import Jamba
import JambaSystem

/// Ollama's API.
extension Responder {
  func ollama(_ body: JSONObject, isChat: Bool, _ connection: Connection) async throws -> Response {
    let request =
      try isChat ? OllamaRequest.chat(body, model, options) : OllamaRequest.generate(body, model, options)
    let reply = OllamaReply(isChat: isChat, modelName: options.modelName, tokenizer: model.tokenizer)
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
    try AnswerRequest.checkModel(name.hasSuffix(":latest") ? String(name.dropLast(7)) : name, options)
    return Responder.response(.object(ollamaModel.shown))
  }

  var ollamaModel: OllamaModel { OllamaModel(model, options, loaded: started) }

  /// A list of the one model.
  static func ollamaList(_ entry: JSONObject) -> Response {
    response(.object(["models": .array([.object(entry)])]))
  }
}
