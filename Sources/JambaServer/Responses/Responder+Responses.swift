import Hummingbird
import Jamba
import JambaSystem

/// OpenAI's API of responses.
extension Responder {
  func responses(_ body: JSONObject, _ connection: Connection) async throws -> Response {
    let request = try ResponsesRequest(body, responseStore, model, options)
    note(request.answer.passedOver)
    return try await answer(
      request.answer,
      ResponsesReply(request, responseStore, modelName: options.modelName(with: request.answer.adapter), tokenizer: model.tokenizer), connection)
  }

  func countResponsesTokens(_ body: JSONObject) throws(Failure) -> Response {
    let request = try ResponsesRequest(body, responseStore, model, options)
    note(request.answer.passedOver)
    return Responder.response(
      .object([
        "object": .string("response.input_tokens"),
        "input_tokens": .integer(try promptTokenCount(of: request.answer)),
      ]))
  }

  func storedResponse(_ request: Request) throws(Failure) -> Response {
    Responder.response(try entry(Route.responseID(in: request.uri.path)).response)
  }

  func deleteResponse(_ request: Request) throws(Failure) -> Response {
    let id = Route.responseID(in: request.uri.path)
    guard responseStore.remove(id) else { throw Responder.unknownResponse(id) }
    return Responder.response(
      .object(["id": .string(id), "object": .string("response"), "deleted": .bool(true)]))
  }

  /// What a response was an answer to, the newest item first unless it is asked for otherwise.
  func inputItems(_ request: Request) throws(Failure) -> Response {
    let entry = try entry(Route.responseID(in: request.uri.path))
    let query = request.uri.queryParameters
    var items = Array(entry.items.prefix(entry.inputCount))
    switch query["order"] {
    case nil, "desc": items.reverse()
    case "asc": break
    default: throw .invalid("order", "\"order\" is neither asc nor desc")
    }
    if let after = query["after"] {
      guard let place = items.firstIndex(where: { $0["id"]?.string == String(after) }) else {
        throw .invalid("after", "\"after\" names no item of the response")
      }
      items.removeFirst(place + 1)
    }
    guard let limit = Int(query["limit"] ?? "20"), 1...100 ~= limit else {
      throw .invalid("limit", "\"limit\" is not within 1...100")
    }
    let page = items.prefix(limit)
    return Responder.response(
      .object([
        "object": .string("list"), "data": .array(Array(page)), "first_id": page.first?["id"] ?? .null,
        "last_id": page.last?["id"] ?? .null, "has_more": .bool(page.count < items.count),
      ]))
  }

  private func entry(_ id: String) throws(Failure) -> ResponseStore.Entry {
    guard let entry = responseStore.entry(id) else { throw Responder.unknownResponse(id) }
    return entry
  }

  private static func unknownResponse(_ id: String) -> Failure {
    Failure(.notFound, "Response with id '\(id.prefix(100))' not found.", code: nil, parameter: "id")
  }
}
