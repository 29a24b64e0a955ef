import JambaSystem

/// The API whose words a place of the server's speaks, in its errors, too.
enum Dialect: Sendable {
  case openAI
  case ollama

  /// - Parameters:
  ///   - route: nil for a path that leads nowhere, which speaks like those that begin as it does.
  init(_ route: Route?, _ path: String) {
    self = (route?.rawValue ?? path).hasPrefix("/api/") ? .ollama : .openAI
  }

  /// An error as a response's body, or as an event of a stream.
  func json(_ failure: Failure) -> JSON {
    switch self {
    case .openAI: failure.json
    case .ollama: .object(["error": .string(failure.message)])
    }
  }
}
