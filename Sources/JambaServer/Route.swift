import HTTPTypes

/// A place that requests go to; its name is how metrics and errors call it.
enum Route: String {
  case page = "/"
  case katex = "/katex-0.16.22.min.js"
  case health = "/health"
  case metrics = "/metrics"
  case models = "/v1/models"
  case model = "/v1/models/{id}"
  case chat = "/v1/chat/completions"
  case completions = "/v1/completions"
  case tokenize = "/tokenize"
  case detokenize = "/detokenize"
  case applyTemplate = "/apply-template"
  case properties = "/props"
  case version = "/version"
  case ollamaVersion = "/api/version"
  case ollamaTags = "/api/tags"

  /// Every path is known with `/v1` and without, as clients differ in what they take for the base of the URL, and with a
  /// slash at its end.
  init?(path: String) {
    var path = path[...]
    if path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    if path.hasPrefix(Route.version1) { path = path.dropFirst(Route.version1.count - 1) }
    if path.hasPrefix(Route.modelPrefix) {
      self = .model
    } else if let route = Route(rawValue: String(path)) ?? Route(rawValue: "/v1" + path), route != .model {
      self = route
    } else {
      return nil
    }
  }

  private static let version1 = "/v1/"
  private static let modelPrefix = "/models/"

  /// The model's name in a path of `model`.
  static func modelName(in path: String) -> Substring {
    let rest = path.hasPrefix(version1) ? path.dropFirst(version1.count - 1) : path[...]
    return rest.dropFirst(modelPrefix.count)
  }

  var method: HTTPRequest.Method {
    switch self {
    case .page, .katex, .health, .metrics, .models, .model, .properties, .version, .ollamaVersion, .ollamaTags: .get
    case .chat, .completions, .tokenize, .detokenize, .applyTemplate: .post
    }
  }

  /// Requests that need no key: the page without any data, its library, and whether the server is there.
  var isOpen: Bool { self == .page || self == .katex || self == .health }
}
