import HTTPTypes
import Hummingbird

/// CORS preflight: a browser's question before a page of another origin may call.
package enum Preflight {
  /// - Returns: what a page that may call is allowed: of the fields that it asks for, those that clients of the APIs send.
  static func response(_ methods: [HTTPRequest.Method], _ request: Request) -> Response {
    var response = Response(status: .noContent)
    response.headers[.accessControlAllowMethods] = methods.map(\.rawValue).joined(separator: ", ")
    response.headers[.accessControlAllowHeaders] =
      request.headers[.accessControlRequestHeaders].map(allowed) ?? "authorization, content-type"
    response.headers[.accessControlMaxAge] = "600"
    // Chromium asks pages of the web so before they may reach a server on this machine or network.
    if request.headers[requestPrivateNetwork] == "true" { response.headers[allowPrivateNetwork] = "true" }
    return response
  }

  private static let requestPrivateNetwork = HTTPField.Name("Access-Control-Request-Private-Network")!
  private static let allowPrivateNetwork = HTTPField.Name("Access-Control-Allow-Private-Network")!

  /// - Parameter names: separated by commas.
  package static func allowed(_ names: String) -> String {
    names.split(separator: ",").prefix(100).compactMap { part -> String? in
      let name = part.lowercased().filter { $0 != " " && $0 != "\t" }
      guard name.utf8.count <= 100, name.utf8.allSatisfy(isNameByte) else { return nil }
      return known.contains(name) || prefixes.contains(where: name.hasPrefix) ? name : nil
    }.joined(separator: ", ")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
      || byte == UInt8(ascii: "-")
  }

  /// Keys, types of content, and what identifies a client or a request.
  private static let known: Set<String> = [
    "accept", "accept-language", "api-key", "authorization", "cache-control", "content-type", "http-referer",
    "idempotency-key", "last-event-id", "user-agent", "x-api-key", "x-client-request-id", "x-request-id",
    "x-requested-with", "x-session-id", "x-title",
  ]
  /// Of the SDKs' own fields.
  private static let prefixes = ["anthropic-", "openai-", "x-stainless-"]
}
