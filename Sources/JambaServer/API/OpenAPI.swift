import HTTPTypes
import JambaSystem

/// The server's places as an OpenAPI document, made from the table of routes; API/schemas.json has what bodies hold.
package enum OpenAPI {
  private struct Place {
    let summary: String
    /// The schema of the request's body.
    var request: String?
    /// The schema of the response; nil for a text.
    var response: String?
    var contentType = "application/json"
    /// Whether a request may ask for a stream.
    var streams = false
  }

  private static let places: [Route: Place] = [
    .page: Place(summary: "A page for chats.", contentType: "text/html"),
    .document: Place(summary: "This document.", response: nil, contentType: "application/json"),
    .health: Place(summary: "Whether requests are taken.", response: "Health"),
    .metrics: Place(summary: "Counters for Prometheus.", contentType: "text/plain"),
    .models: Place(summary: "The one model, in a list.", response: "Models"),
    .model: Place(summary: "The one model.", response: "Model"),
    .chat: Place(summary: "Answers messages.", request: "ChatRequest", response: "Chat", streams: true),
    .completions: Place(
      summary: "Goes on with texts, or scores them.", request: "CompletionRequest", response: "Completion", streams: true),
    .embeddings: Place(
      summary: "What texts look like to the model.", request: "EmbeddingRequest", response: "Embeddings"),
    .tokenize: Place(summary: "A text's tokens.", request: "TokenizeRequest", response: "Tokens"),
    .detokenize: Place(summary: "Tokens' text.", request: "DetokenizeRequest", response: "Content"),
    .applyTemplate: Place(
      summary: "Messages as the chat template prints them.", request: "ChatRequest", response: "Prompt"),
    .properties: Place(summary: "Properties of server and model, as llama-server has them.", response: "Props"),
    .slots: Place(summary: "What the threads that answer do.", response: "Slots"),
    .slot: Place(
      summary: "Saves, restores or erases what a slot has read last.", request: "SlotRequest", response: "SlotChange"),
    .version: Place(summary: "The program's version.", response: "Version"),
    .ollamaVersion: Place(summary: "The program's version, for Ollama's clients.", response: "Version"),
    .ollamaTags: Place(summary: "The one model, for Ollama's clients.", response: "OllamaTags"),
    .messages: Place(
      summary: "Answers messages, in Anthropic's words.", request: "MessagesRequest", response: "Message", streams: true),
    .messagesTokens: Place(
      summary: "The tokens of such a request.", request: "MessagesRequest", response: "InputTokens"),
    .responses: Place(
      summary: "Answers items, as OpenAI's newer API has it.", request: "ResponsesRequest", response: "Response",
      streams: true),
    .responsesTokens: Place(
      summary: "The tokens of such a request.", request: "ResponsesRequest", response: "InputTokens"),
    .response: Place(summary: "A stored response, to be shown or deleted.", response: "Stored"),
    .responseInput: Place(summary: "What a stored response is an answer to.", response: "Stored"),
    .ollamaProcesses: Place(summary: "The one model, which is loaded, for Ollama's clients.", response: "OllamaTags"),
    .ollamaShow: Place(summary: "Facts about the model, for Ollama's clients.", request: "OllamaRequest", response: "Stored"),
    .ollamaChat: Place(
      summary: "Answers messages, in Ollama's words.", request: "OllamaChatRequest", response: "OllamaAnswer",
      streams: true),
    .ollamaGenerate: Place(
      summary: "Answers a prompt, in Ollama's words.", request: "OllamaGenerateRequest", response: "OllamaAnswer",
      streams: true),
    .ollamaEmbed: Place(
      summary: "Embeddings, for Ollama's clients.", request: "OllamaEmbedRequest", response: "OllamaEmbed"),
    .ollamaEmbeddings: Place(
      summary: "One embedding, for older clients of Ollama's.", request: "OllamaEmbeddingsRequest",
      response: "OllamaEmbeddings"),
  ]

  /// Places that the document lacks, but for the page's library, which nobody else asks for.
  package static var missing: [String] {
    Route.allCases.filter { places[$0] == nil && $0 != .katex }.map(\.rawValue)
  }

  package static func document(version: String) -> JSON {
    var paths: JSONObject = [:]
    for route in Route.allCases {
      guard let place = places[route] else { continue }
      var item: JSONObject = [:]
      for method in route.methods { item[method.rawValue.lowercased()] = operation(route, place, method) }
      paths[route.rawValue] = .object(item)
    }
    return .object([
      "openapi": .string("3.1.0"),
      "info": .object([
        "title": .string("jamba serve"), "version": .string(version),
        "description": .string(
          "Every path is there with /v1 and without. Members of requests that are not listed are taken, ignored or refused as "
            + "docs/SERVER.md says."),
      ]),
      "paths": .object(paths),
      "components": .object([
        "schemas": schemas, "securitySchemes": .object(["key": .object(["type": .string("http"), "scheme": .string("bearer")])]),
      ]),
      // With --api-key-file; without it none is needed.
      "security": .array([.object([:]), .object(["key": .array([])])]),
    ])
  }

  private static func operation(_ route: Route, _ place: Place, _ method: HTTPRequest.Method) -> JSON {
    var content: JSONObject = [place.contentType: .object(["schema": reference(place.response)])]
    let dialect = Dialect(route, route.rawValue)
    if place.streams {
      let kind = dialect == .ollama ? StreamFraming.lines : .events
      content[kind.contentType] = .object(["schema": .object(["type": .string("string")])])
    }
    let error =
      switch dialect {
      case .openAI: reference("Error")
      case .anthropic: reference("AnthropicError")
      case .ollama: reference("OllamaError")
      }
    var errors: JSONObject = ["application/json": .object(["schema": error])]
    if route == .health { errors = ["application/json": .object(["schema": reference("Health")])] }
    func response(_ description: String, _ content: JSONObject) -> JSON {
      .object(["description": .string(description), "content": .object(content)])
    }
    var operation: JSONObject = [
      "summary": .string(place.summary), "operationId": .string("\(route)-\(method.rawValue.lowercased())"),
      "responses": .object([
        "200": response("The answer.", content), "4XX": response("The request is refused.", errors),
        "5XX": response("It cannot be answered now.", errors),
      ]),
    ]
    var parameters: [JSON] = []
    func parameter(_ name: String, in place: String, _ schema: JSONObject) {
      parameters.append(
        .object([
          "name": .string(name), "in": .string(place), "required": .bool(true), "schema": .object(schema),
        ]))
    }
    if route == .slot {
      parameter("id", in: "path", ["type": .string("integer"), "minimum": .integer(0)])
      parameter("action", in: "query", ["enum": .array(["save", "restore", "erase"].map { .string($0) })])
    }
    if [.model, .response, .responseInput].contains(route) { parameter("id", in: "path", ["type": .string("string")]) }
    if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
    if method == .post, let request = place.request {
      operation["requestBody"] = .object([
        "required": .bool(route != .slot),
        "content": .object(["application/json": .object(["schema": reference(request)])]),
      ])
    }
    return .object(operation)
  }

  private static func reference(_ schema: String?) -> JSON {
    schema.map { .object(["$ref": .string("#/components/schemas/\($0)")]) } ?? .object([:])
  }

  private static var schemas: JSON {
    do { return try JSON.parse(PackageResources.schemas_json) } catch { preconditionFailure("schemas.json: \(error)") }
  }
}
