import Hummingbird
import Jamba
import JambaSystem

/// Anthropic's API.
extension Responder {
  func messages(_ body: JSONObject, _ connection: Connection) async throws -> Response {
    let request = try AnswerRequest.messages(body, model, options)
    note(request.passedOver)
    return try await answer(request, MessagesReply(modelName: options.modelName(with: request.adapter)), connection)
  }

  func countMessagesTokens(_ body: JSONObject) throws(Failure) -> Response {
    let request = try AnswerRequest.messages(body, model, options)
    note(request.passedOver)
    return Responder.response(.object(["input_tokens": .integer(try promptTokenCount(of: request))]))
  }

  /// The tokens of a chat's prompt.
  func promptTokenCount(of request: AnswerRequest) throws(Failure) -> Int {
    guard case .chat(let messages, let chat) = request.source else { preconditionFailure("A chat has messages.") }
    do throws(JambaError) { return try model.promptTokens(messages, options: chat).count } catch {
      throw Failure(error, grammarParameter: "tools", promptParameter: request.promptParameter)
    }
  }
}
