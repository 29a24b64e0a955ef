import JambaSystem
import Synchronization

/// How requests are logged: one line each, once its response has been sent, without any of its content.
public enum RequestLogFormat: String, Sendable, CaseIterable {
  case text, json
}

/// What is logged of a request.
package struct RequestLine: Sendable {
  package var unixSeconds: Int
  package var method: String
  /// The route's name, which holds nothing of what the client has sent.
  package var route: String
  package var status: Int
  /// nil where no tokens were computed, or the client has gone before the end.
  package var tokens: (prompt: Int, cached: Int, completion: Int)?
  package var seconds: Double

  package init(
    unixSeconds: Int, method: String, route: String, status: Int, tokens: (prompt: Int, cached: Int, completion: Int)?,
    seconds: Double
  ) {
    self.unixSeconds = unixSeconds
    self.method = method
    self.route = route
    self.status = status
    self.tokens = tokens
    self.seconds = seconds
  }

  package func text(_ format: RequestLogFormat) -> String {
    let milliseconds = Int((seconds * 1000).rounded())
    switch format {
    case .text:
      let tokens = tokens.map { " \($0.prompt) (\($0.cached) cached) + \($0.completion) tokens" } ?? ""
      let fraction = "00\(milliseconds % 1000)".suffix(3)
      return "\(time) \(method) \(route) \(status)\(tokens) \(milliseconds / 1000).\(fraction) s"
    case .json:
      var object: JSONObject = [
        "time": .string(time), "method": .string(method), "route": .string(route), "status": .integer(status),
      ]
      if let tokens {
        object["prompt_tokens"] = .integer(tokens.prompt)
        object["cached_tokens"] = .integer(tokens.cached)
        object["completion_tokens"] = .integer(tokens.completion)
      }
      object["seconds"] = .number(Double(milliseconds) / 1000)
      return JSON.object(object).text()
    }
  }

  /// In UTC, as RFC 3339 has it, to the second.
  private var time: String { WallClock(seconds: unixSeconds).text.prefix { $0 != "." } + "Z" }
}

/// What is known of a request while it is answered.
final class RequestRecord: Sendable {
  private let usage = Mutex<AnswerUsage?>(nil)
  private let startSeconds = monotonicSeconds()
  private let unixSeconds = WallClock().seconds

  /// The request's work has come to its end.
  func end(_ usage: AnswerUsage) { self.usage.withLock { $0 = usage } }

  func line(_ method: String, _ route: Route?, status: Int) -> RequestLine {
    let usage = usage.withLock { $0 }
    return RequestLine(
      unixSeconds: unixSeconds, method: String(method.prefix(20)), route: route?.rawValue ?? "other", status: status,
      tokens: usage.map { ($0.promptTokens, $0.cachedTokens, $0.completionTokens) },
      seconds: monotonicSeconds() - startSeconds)
  }
}
