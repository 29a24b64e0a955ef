import HTTPTypes
import Hummingbird
import Jamba
import JambaSystem
import NIOCore

/// Finds out what a request wants and answers it.
struct Responder: HTTPResponder {
  typealias Context = Connection

  let model: JambaModel
  let options: ServerOptions
  let metrics: Metrics
  let answers: Answers
  let connections: Connections
  let bodies = RequestBodies()
  let admission: Admission
  let page = Page()

  private enum Route: String {
    case page = "/"
    case health = "/health"
    case metrics = "/metrics"
    case models = "/v1/models"
    case model = "/v1/models/{id}"
    case chat = "/v1/chat/completions"
    case completions = "/v1/completions"
    case tokenize = "/tokenize"
    case detokenize = "/detokenize"

    init?(path: String) {
      if let route = Route(rawValue: path), route != .model {
        self = route
      } else if path.hasPrefix("/v1/models/") {
        self = .model
      } else {
        return nil
      }
    }

    var method: HTTPRequest.Method {
      switch self {
      case .page, .health, .metrics, .models, .model: .get
      case .chat, .completions, .tokenize, .detokenize: .post
      }
    }

    /// Requests that need no key: the page without any data, and whether the server is there.
    var isOpen: Bool { self == .page || self == .health }
  }

  func respond(to request: Request, context connection: Connection) async throws -> Response {
    let route = Route(path: request.uri.path)
    var response: Response
    var origin: String?
    do {
      origin = try await admit(request, route, connection)
      response = try await respond(to: request, route, isPreflight: request.method == .options, connection)
    } catch let failure as Failure {
      response = Responder.response(failure.json, status: failure.status)
      response.headers.append(contentsOf: failure.headers)
    }
    if let origin {
      response.headers[.accessControlAllowOrigin] = origin
      response.headers[.vary] = "Origin"
    }
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[Responder.referrerPolicy] = "no-referrer"
    metrics.countRequest(route?.rawValue ?? "other", status: response.status.code)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private static let referrerPolicy = HTTPField.Name("Referrer-Policy")!

  /// Whether a request is listened to; its body has been dropped when it is not.
  ///
  /// - Returns: the origin that the response's headers are to allow.
  private func admit(_ request: Request, _ route: Route?, _ connection: Connection) async throws -> String? {
    do throws(Failure) {
      try admission.checkHost(request)
      let origin = try admission.checkOrigin(request)
      guard let route else {
        throw Failure(.notFound, "there is nothing at \(request.uri.path.prefix(200))", code: "unknown_url")
      }
      if request.method == .options, origin != nil { return origin }
      guard request.method == route.method || request.method == .head && route.method == .get else {
        var failure = Failure(
          .methodNotAllowed,
          "\(route.rawValue) takes \(route.method.rawValue), not \(request.method.rawValue.prefix(20))",
          code: "method_not_allowed")
        failure.headers[.allow] = route.method.rawValue
        throw failure
      }
      if !route.isOpen { try admission.checkKey(request) }
      return origin
    } catch {
      try await bodies.drop(request, connection)
      throw error
    }
  }

  private func respond(
    to request: Request, _ route: Route?, isPreflight: Bool, _ connection: Connection
  ) async throws -> Response {
    guard let route, !isPreflight, route.method == .post else {
      try await bodies.drop(request, connection)
      return isPreflight ? Responder.preflight(route?.method ?? .get) : facts(route, request)
    }
    let body = try await bodies.object(of: request, connection)
    switch route {
    case .tokenize: return try tokenize(body)
    case .detokenize: return try detokenize(body)
    case .completions:
      let request = try AnswerRequest.completion(body, model, name: options.modelName)
      return try await answer(
        request, CompletionReply(request, modelName: options.modelName, tokenizer: model.tokenizer), connection)
    default:
      let request = try AnswerRequest.chat(body, model, name: options.modelName)
      return try await answer(
        request, ChatReply(request, modelName: options.modelName, tokenizer: model.tokenizer), connection)
    }
  }

  /// Requests without a body.
  private func facts(_ route: Route?, _ request: Request) -> Response {
    switch route {
    case .page: return page.response()
    case .health:
      let isStopping = answers.isStopping
      return Responder.response(
        .object(["status": .string(isStopping ? "stopping" : "ok")]), status: isStopping ? .serviceUnavailable : .ok)
    case .metrics:
      var response = Response(
        status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text(model, answers))))
      response.headers[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
      return response
    case .model where request.uri.path.dropFirst("/v1/models/".count) != options.modelName:
      let failure = Failure(
        .notFound, "there is no such model here, only \"\(options.modelName)\"", code: "model_not_found")
      return Responder.response(failure.json, status: failure.status)
    case .model: return Responder.response(description)
    default: return Responder.response(.object(["object": .string("list"), "data": .array([description])]))
    }
  }

  static func response(_ body: JSON, status: HTTPResponse.Status = .ok) -> Response {
    var response = Response(status: status, body: ResponseBody(byteBuffer: ByteBuffer(string: body.text() + "\n")))
    response.headers[.contentType] = "application/json"
    return response
  }

  /// CORS preflight: a browser's question before a page of another origin may call.
  private static func preflight(_ method: HTTPRequest.Method) -> Response {
    var response = Response(status: .noContent)
    response.headers[.accessControlAllowMethods] = method.rawValue
    response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type"
    response.headers[.accessControlMaxAge] = "600"
    return response
  }

  private var description: JSON {
    .object([
      "id": .string(options.modelName), "object": .string("model"), "created": .integer(0),
      "owned_by": .string("jamba"),
      "jamba": .object([
        "context": model.textLimit.map { .integer($0) } ?? .null,
        "parameters_bytes": .integer(model.file.byteCount), "memory_limit": .integer(model.plan.limit.byteCount),
        "supports_tools": .bool(model.callsTools), "supports_reasoning": .bool(model.thinksAloud),
      ]),
    ])
  }

  private func tokenize(_ body: JSONObject) throws -> Response {
    var parameters = Parameters(body)
    guard let content = try parameters.string("content") else {
      throw Failure(.badRequest, "\"content\" is missing", code: "missing_required_parameter", parameter: "content")
    }
    let addsSpecialTokens = try parameters.bool("add_special") ?? false
    let parsesSpecialTokens = try parameters.bool("parse_special") ?? true
    try parameters.finish()
    guard let tokenizer = model.tokenizer else { throw Failure(JambaError.missing("tokenizer")) }
    let tokens = tokenizer.encode(
      content, addSpecialTokens: addsSpecialTokens, parseSpecialTokens: parsesSpecialTokens)
    return Responder.response(.object(["tokens": .array(tokens.map { .integer(Int($0)) })]))
  }

  private func detokenize(_ body: JSONObject) throws -> Response {
    var parameters = Parameters(body)
    let list = try parameters.array("tokens")
    try parameters.finish()
    let tokens = list?.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
    guard let tokens, tokens.count == list?.count else {
      throw Failure.invalid("tokens", "\"tokens\" is not a list of token ids")
    }
    guard let tokenizer = model.tokenizer else { throw Failure(JambaError.missing("tokenizer")) }
    return Responder.response(.object(["content": .string(tokenizer.decode(tokens))]))
  }
}
