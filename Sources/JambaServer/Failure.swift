import HTTPTypes
import Jamba
import JambaSystem

/// Why a request is not answered. A `Dialect` words it.
package struct Failure: Error, Sendable {
  let status: HTTPResponse.Status
  let message: String
  let type: String
  package let code: String?
  /// The parameter that is to blame.
  package private(set) var parameter: String?
  var headers = HTTPFields()
  /// Of a prompt that is too long: its tokens, and those that there is room for.
  private(set) var excess: (promptTokens: Int, context: Int)?

  init(
    _ status: HTTPResponse.Status, _ message: String, code: String?, parameter: String? = nil,
    retryAfterSeconds: Int? = nil
  ) {
    self.status = status
    self.message = message
    self.code = code
    self.parameter = parameter
    type =
      switch status {
      case .unauthorized: "authentication_error"
      case .forbidden: "permission_error"
      case .tooManyRequests: "rate_limit_error"
      case _ where status.code >= 500: "server_error"
      default: "invalid_request_error"
      }
    if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
  }

  /// In the shape of OpenAI's errors.
  var json: JSON {
    .object([
      "error": .object([
        "message": .string(message), "type": .string(type), "param": parameter.map { .string($0) } ?? .null,
        "code": code.map { .string($0) } ?? .null,
      ])
    ])
  }

  static func invalid(_ parameter: String?, _ message: String) -> Failure {
    Failure(.badRequest, message, code: "invalid_value", parameter: parameter)
  }

  static func unsupported(_ parameter: String, _ message: String? = nil) -> Failure {
    Failure(
      .badRequest, message ?? "the parameter \"\(parameter)\" is not supported", code: "unsupported_parameter",
      parameter: parameter)
  }

  /// In OpenAI's words, which clients look for to shorten a conversation.
  static func contextFull(_ promptTokenCount: Int, of context: Int, _ parameter: String) -> Failure {
    var failure = Failure(
      .badRequest,
      "This model's maximum context length is \(context) tokens. However, your \(parameter) resulted in \(promptTokenCount) "
        + "tokens. Please reduce the length of the \(parameter).",
      code: "context_length_exceeded", parameter: parameter)
    failure.excess = (promptTokenCount, context)
    return failure
  }

  /// The last events found no room any more.
  static let tooSlow = Failure(
    .serviceUnavailable, "the answer has been cut off, since its client did not keep up", code: "too_slow")

  static let stopping = Failure(.serviceUnavailable, "the server is stopping", code: "stopping")

  /// A failure of the runtime.
  ///
  /// - Parameters:
  ///   - grammarParameter: the member whose grammar may have failed.
  ///   - promptParameter: the one that the template may have refused.
  init(_ error: JambaError, grammarParameter: String = "response_format", promptParameter: String = "messages") {
    switch error {
    case .template: self.init(.badRequest, "\(error)", code: "template", parameter: promptParameter)
    case .grammar: self.init(.badRequest, "\(error)", code: "invalid_schema", parameter: grammarParameter)
    case .contextFull: self.init(.badRequest, "\(error)", code: "context_length_exceeded")
    case .invalidOption, .invalidToken, .emptyPrompt, .missing:
      self.init(.badRequest, "\(error)", code: "invalid_value")
    case .outOfMemory, .memoryLimitReached:
      self.init(.serviceUnavailable, "\(error)", code: "out_of_memory", retryAfterSeconds: 5)
    case .cancelled: self = .stopping
    default: self.init(.internalServerError, "\(error)", code: nil)
    }
  }
}
