import JambaSystem

/// The API whose words a place of the server's speaks, in its errors, too.
enum Dialect: Sendable {
  case openAI
  case anthropic
  case ollama

  /// - Parameters:
  ///   - route: nil for a path that leads nowhere, which speaks like those that begin as it does.
  init(_ route: Route?, _ path: String) {
    let place = route?.rawValue ?? path
    self = place.hasPrefix("/api/") ? .ollama : place.hasPrefix("/v1/messages") ? .anthropic : .openAI
  }

  /// An error as a response's body, or as an event of a stream.
  func json(_ failure: Failure) -> JSON {
    switch self {
    case .openAI: failure.json
    case .anthropic:
      .object([
        "type": .string("error"),
        "error": .object([
          "type": .string(Dialect.anthropicType(failure)), "message": .string(failure.anthropicMessage),
        ]),
      ])
    case .ollama: .object(["error": .string(failure.message)])
    }
  }

  private static func anthropicType(_ failure: Failure) -> String {
    switch failure.status {
    case .unauthorized: "authentication_error"
    case .forbidden: "permission_error"
    case .notFound: "not_found_error"
    case .contentTooLarge: "request_too_large"
    case .tooManyRequests: "rate_limit_error"
    case .serviceUnavailable: "overloaded_error"
    case let status where status.code >= 500: "api_error"
    default: "invalid_request_error"
    }
  }
}

extension Failure {
  /// A prompt that is too long is told in Anthropic's words, which clients look for to shorten a conversation.
  fileprivate var anthropicMessage: String {
    excess.map { "prompt is too long: \($0.promptTokens) tokens > \($0.context) maximum" } ?? message
  }
}
