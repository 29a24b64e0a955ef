import HTTPTypes

/// A place that requests go to; its name is how metrics and errors call it.
enum Route: String, CaseIterable {
  case page = "/"
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
  case ollamaTags = "/api/tags"
  case ollamaEmbed = "/api/embed"
  case ollamaEmbeddings = "/api/embeddings"

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
    } else if let route = Route(rawValue: String(path)) ?? Route(rawValue: "/v1" + path), route != .model, route != .slot {
      self = route
    } else {
      return nil
    }
  }

  private static let version1 = "/v1/"
  private static let modelPrefix = "/models/"
  private static let slotPrefix = "/slots/"

  /// The slot's number in a path of `slot`.
  static func slotNumber(in path: String) -> Substring {
    var rest = path.hasPrefix(version1) ? path.dropFirst(version1.count - 1) : path[...]
    if rest.hasSuffix("/") { rest.removeLast() }
    return rest.dropFirst(slotPrefix.count)
  }

  /// The model's name in a path of `model`.
  static func modelName(in path: String) -> Substring {
    let rest = path.hasPrefix(version1) ? path.dropFirst(version1.count - 1) : path[...]
    return rest.dropFirst(modelPrefix.count)
  }

  /// Where GET is taken, HEAD is, too.
  var methods: [HTTPRequest.Method] {
    switch self {
    case .page, .document, .health, .metrics, .models, .model, .properties, .slots, .version, .ollamaVersion, .ollamaTags: [.get]
    case .chat, .completions, .embeddings, .tokenize, .detokenize, .applyTemplate, .slot, .ollamaEmbed,
      .ollamaEmbeddings: [.post]
    }
  }

  /// Requests that need no key: the page without any data, what requests there are, and whether the server is there.
  var isOpen: Bool { self == .page || self == .document || self == .health }
}
