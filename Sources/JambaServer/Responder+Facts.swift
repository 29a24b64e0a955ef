import Hummingbird
import Jamba
import JambaSystem
import NIOCore

/// Requests without a body: what the server and its model are, and what is stored.
extension Responder {
  func facts(_ route: Route?, _ request: Request) throws(Failure) -> Response {
    switch route {
    case .page: return page.response()
    case .katex: return page.katexResponse()
    case .document: return Responder.response(OpenAPI.document(version: options.version))
    case .health:
      let isStopping = answers.isStopping
      return Responder.response(
        .object(["status": .string(isStopping ? "stopping" : "ok")]), status: isStopping ? .serviceUnavailable : .ok)
    case .metrics:
      var response = Response(
        status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text(model, answers))))
      response.headers[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
      return response
    case .model:
      let name = Route.modelName(in: request.uri.path)
      guard let name = options.modelNames.first(where: { $0 == name || $0.replacing(":", with: "%3A") == name }) else {
        throw Failure(
          .notFound, "there is no such model here, only \"\(options.modelNames.joined(separator: "\", \""))\"",
          code: "model_not_found")
      }
      return Responder.response(description(name))
    case .properties: return Responder.response(properties)
    case .slots:
      return Responder.response(
        answers.slots.json(context: model.textLimit ?? model.configuration.maxPositionEmbeddings))
    case .version, .ollamaVersion: return Responder.response(.object(["version": .string(options.version)]))
    case .ollamaTags: return Responder.ollamaList(ollamaModels.map(\.listed))
    case .ollamaProcesses: return Responder.ollamaList(ollamaModels.map(\.running))
    case .response: return request.method == .delete ? try deleteResponse(request) : try storedResponse(request)
    case .responseInput: return try inputItems(request)
    default:
      let names = options.modelNames
      return Responder.response(
        .object([
          "object": .string("list"), "data": .array(names.map(description)), "has_more": .bool(false),
          "first_id": .string(names[0]), "last_id": .string(names[names.count - 1]),
        ]))
    }
  }

  private func description(_ name: String) -> JSON {
    .object([
      "id": .string(name), "object": .string("model"), "created": .integer(0),
      "owned_by": .string("jamba"),
      // Anthropic's members beside OpenAI's.
      "type": .string("model"), "display_name": .string(name), "created_at": .string(started.text),
      "jamba": .object([
        "context": model.textLimit.map { .integer($0) } ?? .null,
        "parameters_bytes": .integer(model.file.byteCount), "memory_limit": .integer(model.plan.limit.byteCount),
        "supports_tools": .bool(model.callsTools), "supports_reasoning": .bool(model.thinksAloud),
      ]),
    ])
  }

  /// As llama-server words it, as far as there is such a thing here.
  private var properties: JSON {
    func piece(_ token: Int?) -> JSON {
      token.flatMap { model.tokenizer?.piece(of: Int32($0)) }.map { .string($0) } ?? .null
    }
    return .object([
      "default_generation_settings": .object([
        "n_ctx": .integer(model.textLimit ?? model.configuration.maxPositionEmbeddings),
        "params": .object([
          "n_predict": .integer(options.defaultMaxTokens), "temperature": .integer(1), "top_p": .integer(1),
          "top_k": .integer(0), "min_p": .integer(0),
        ]),
      ]),
      "total_slots": .integer(options.sessions), "model_alias": .string(options.modelName),
      "chat_template": .string(model.chatTemplate?.source ?? ""),
      "bos_token": piece(model.configuration.bosTokenID), "eos_token": piece(model.configuration.eosTokenIDs.first),
      "modalities": .object(["vision": .bool(false), "audio": .bool(false)]),
      "build_info": .string("jamba-edge \(options.version)"),
    ])
  }
}
