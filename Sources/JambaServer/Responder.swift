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
  let notices: Notices
  let responseStore = ResponseStore()
  let started = WallClock()
  let page = Page()
  /// Takes a line for each request; nil for no log.
  let log: (@Sendable (RequestLine) -> Void)?

  func respond(to request: Request, context connection: Connection) async throws -> Response {
    let route = Route(path: request.uri.path)
    var response: Response
    var origin: String?
    do {
      origin = try await admit(request, route, connection)
      response = try await respond(to: request, route, isPreflight: request.method == .options, connection)
    } catch let failure as Failure {
      response = Responder.response(Dialect(route, request.uri.path).json(failure), status: failure.status)
      response.headers.append(contentsOf: failure.headers)
    }
    if let origin {
      response.headers[.accessControlAllowOrigin] = origin
      response.headers[.vary] = "Origin"
      response.headers[.accessControlExposeHeaders] = "retry-after"
    }
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[Responder.referrerPolicy] = "no-referrer"
    metrics.countRequest(route?.rawValue ?? "other", status: response.status.code)
    return logged(
      request.method == .head ? response.createHeadResponse() : response, request, route, connection.record)
  }

  /// Has the request logged once its response has been sent, or could not be.
  private func logged(
    _ response: Response, _ request: Request, _ route: Route?, _ record: RequestRecord
  ) -> Response {
    guard let log else { return response }
    let (body, status, method) = (response.body, response.status.code, request.method.rawValue)
    var response = response
    response.body = ResponseBody(contentLength: body.contentLength) { writer in
      defer { log(record.line(method, route, status: status)) }
      try await body.write(writer)
    }
    return response
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
      let methods = route.methods
      guard methods.contains(request.method) || request.method == .head && methods.contains(.get) else {
        let names = methods.map(\.rawValue)
        var failure = Failure(
          .methodNotAllowed,
          "\(route.rawValue) takes \(names.joined(separator: " and ")), not \(request.method.rawValue.prefix(20))",
          code: "method_not_allowed")
        failure.headers[.allow] = names.joined(separator: ", ")
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
    guard let route, !isPreflight, request.method == .post else {
      try await bodies.drop(request, connection)
      return isPreflight ? Preflight.response(route?.methods ?? [.get], request) : try facts(route, request)
    }
    let body = try await bodies.object(of: request, connection, mayBeEmpty: route == .slot)
    switch route {
    case .tokenize: return try tokenize(body)
    case .detokenize: return try detokenize(body)
    case .applyTemplate: return try applyTemplate(body)
    case .slot: return try await changeSlot(body, request, connection)
    case .embeddings, .ollamaEmbed, .ollamaEmbeddings: return try await embed(body, route, connection)
    case .messages: return try await messages(body, connection)
    case .messagesTokens: return try countMessagesTokens(body)
    case .responses: return try await responses(body, connection)
    case .responsesTokens: return try countResponsesTokens(body)
    case .ollamaChat: return try await ollama(body, isChat: true, connection)
    case .ollamaGenerate: return try await ollama(body, isChat: false, connection)
    case .ollamaShow: return try showOllamaModel(body)
    case .completions:
      let request = try AnswerRequest.completion(body, model, options)
      note(request.passedOver)
      return try await answer(
        request, CompletionReply(request, modelName: options.modelName(with: request.adapter), tokenizer: model.tokenizer), connection)
    default:
      let request = try AnswerRequest.chat(body, model, options)
      note(request.passedOver)
      return try await answer(
        request, ChatReply(request, modelName: options.modelName(with: request.adapter), tokenizer: model.tokenizer), connection)
    }
  }

  /// Counts members of a request that were passed over, and has them told.
  func note(_ passedOver: [String]) { notices.passedOver(passedOver) }

  static func response(_ body: JSON, status: HTTPResponse.Status = .ok) -> Response {
    response(text: body.text(), status: status)
  }

  /// A response of JSON.
  static func response(text: String, status: HTTPResponse.Status = .ok) -> Response {
    var response = Response(status: status, body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    response.headers[.contentType] = "application/json"
    return response
  }
}
