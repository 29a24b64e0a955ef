import HTTPTypes

/// A place that requests go to; its name is how metrics and errors call it.
enum Route: String, CaseIterable {
  case page = "/"
  case katex = "/katex-0.16.22.min.js"
  case document = "/openapi.json"
  case health = "/health"
  case metrics = "/metrics"
  case models = "/v1/models"
  case model = "/v1/models/{id}"
  case chat = "/v1/chat/completions"
  case completions = "/v1/completions"
  case embeddings = "/v1/embeddings"
  case tokenize = "/tokenize"
  case detokenize = "/detokenize"
  case applyTemplate = "/apply-template"
  case properties = "/props"
  case slots = "/slots"
  case slot = "/slots/{id}"
  case version = "/version"
  case ollamaVersion = "/api/version"
  case messages = "/v1/messages"
  case messagesTokens = "/v1/messages/count_tokens"
  case responses = "/v1/responses"
  case responsesTokens = "/v1/responses/input_tokens"
  case response = "/v1/responses/{id}"
  case responseInput = "/v1/responses/{id}/input_items"
  case ollamaTags = "/api/tags"
  case ollamaEmbed = "/api/embed"
  case ollamaEmbeddings = "/api/embeddings"
  case ollamaProcesses = "/api/ps"
  case ollamaShow = "/api/show"
  case ollamaChat = "/api/chat"
  case ollamaGenerate = "/api/generate"

  /// Every path is known with `/v1` and without, as clients differ in what they take for the base of the URL, and with a
  /// slash at its end.
  init?(path: String) {
    var path = path[...]
    if path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    if path.hasPrefix(Route.version1) { path = path.dropFirst(Route.version1.count - 1) }
    if path.hasPrefix(Route.modelPrefix) {
      self = .model
    } else if path.hasPrefix(Route.slotPrefix) {
      self = .slot
    } else if !path.contains("{"), let route = Route(rawValue: String(path)) ?? Route(rawValue: "/v1" + path) {
      self = route
    } else if path.hasPrefix(Route.responsePrefix) {
      let rest = path.dropFirst(Route.responsePrefix.count).split(separator: "/", omittingEmptySubsequences: false)
      guard rest.count == 1 || rest.count == 2 && rest[1] == Route.inputSuffix else { return nil }
      self = rest.count == 1 ? .response : .responseInput
    } else {
      return nil
    }
  }

  private static let version1 = "/v1/"
  private static let modelPrefix = "/models/"
  private static let slotPrefix = "/slots/"
  private static let responsePrefix = "/responses/"
  private static let inputSuffix = "input_items"

  /// The model's name in a path of `model`.
  static func modelName(in path: String) -> Substring { withoutVersion(path).dropFirst(modelPrefix.count) }

  /// The response's id in a path of `response` or one below it.
  static func responseID(in path: String) -> String {
    String(withoutVersion(path).dropFirst(responsePrefix.count).prefix { $0 != "/" })
  }

  /// The slot's number in a path of `slot`.
  static func slotNumber(in path: String) -> String {
    let rest = withoutVersion(path).dropFirst(slotPrefix.count)
    return String(rest.hasSuffix("/") ? rest.dropLast() : rest)
  }

  private static func withoutVersion(_ path: String) -> Substring {
    path.hasPrefix(version1) ? path.dropFirst(version1.count - 1) : path[...]
  }

  /// Where GET is taken, HEAD is, too.
  var methods: [HTTPRequest.Method] {
    switch self {
    case .page, .katex, .document, .health, .metrics, .models, .model, .properties, .slots, .version, .ollamaVersion, .ollamaTags,
      .ollamaProcesses, .responseInput:
      [.get]
    case .response: [.get, .delete]
    case .chat, .completions, .embeddings, .tokenize, .detokenize, .applyTemplate, .slot, .messages, .messagesTokens,
      .responses, .responsesTokens, .ollamaShow, .ollamaChat, .ollamaGenerate, .ollamaEmbed, .ollamaEmbeddings:
      [.post]
    }
  }

  /// Requests that need no key: the page without any data, its library, what requests there are, and whether the server is there.
  var isOpen: Bool { self == .page || self == .katex || self == .document || self == .health }
}
