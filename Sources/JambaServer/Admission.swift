import HTTPTypes
import Hummingbird

/// Which requests are listened to at all: by the name the server is called by, the page they come from, and their key.
package struct Admission: Sendable {
  private let hosts: Set<String>
  private let origins: Set<String>
  private let keys: [[UInt8]]

  init(_ options: ServerOptions) {
    hosts = Set((Admission.ownHosts + [options.host] + options.allowedHosts).map { $0.lowercased() })
    origins = Set(options.corsOrigins)
    keys = options.apiKeys.map { Array($0.utf8) }
  }

  /// A page in the user's browser may reach this server under a name of its own that leads here: so names count, not where
  /// they lead. An address in digits cannot be such a name.
  func checkHost(_ request: Request) throws(Failure) {
    guard let authority = request.head.authority, !authority.isEmpty else {
      throw Failure(.badRequest, "the request has no Host header", code: "missing_host")
    }
    // The first is the authority; the others stay among the fields.
    guard request.headers[Admission.hostField] == nil else {
      throw Failure(.badRequest, "the request has more than one Host header", code: "several_hosts")
    }
    let host = Admission.host(of: authority)
    guard hosts.contains(host) || Admission.isAddress(host) else {
      throw Failure(
        .forbidden, "the server is not called \"\(host.prefix(100))\"; jamba serve --allowed-host lets it be",
        code: "unknown_host")
    }
  }

  /// The origin to allow in the answer's headers; nil for requests of this server's own page and of no page.
  func checkOrigin(_ request: Request) throws(Failure) -> String? {
    guard let origin = request.headers[.origin] else { return nil }
    if let authority = request.head.authority, origin == "http://" + authority || origin == "https://" + authority {
      return nil
    }
    guard origins.contains(origin) || origins.contains("*") else {
      throw Failure(
        .forbidden, "pages of \"\(origin.prefix(100))\" may not call this server; jamba serve --cors-origin lets them",
        code: "unknown_origin")
    }
    return origin
  }

  func checkKey(_ request: Request) throws(Failure) {
    guard !keys.isEmpty else { return }
    let header = request.headers[.authorization] ?? ""
    let prefix = "bearer "
    var given = header.lowercased().hasPrefix(prefix) ? [Array(header.utf8.dropFirst(prefix.utf8.count))] : []
    given += Admission.keyFields.compactMap { request.headers[$0].map { Array($0.utf8) } }
    var isKnown = false
    // All of them, whichever fits: the time says nothing but how long the keys are.
    for text in given {
      for key in keys where Admission.areEqual(key, text) { isKnown = true }
    }
    guard isKnown else {
      throw Failure(.unauthorized, "the API key is missing or wrong", code: "invalid_api_key")
    }
  }

  /// How this machine is called on itself, and in containers on it. Nobody can have these names lead elsewhere by the DNS.
  private static let ownHosts = [
    "localhost", "host.docker.internal", "gateway.docker.internal", "host.containers.internal",
  ]
  private static let hostField = HTTPField.Name("Host")!
  /// Where clients of other APIs put their key.
  private static let keyFields = [HTTPField.Name("X-API-Key")!, HTTPField.Name("Api-Key")!]

  /// Takes a time that depends on the sizes alone.
  package static func areEqual(_ key: [UInt8], _ given: [UInt8]) -> Bool {
    var difference = UInt8(key.count == given.count ? 0 : 1)
    for index in key.indices { difference |= key[index] ^ (index < given.count ? given[index] : 0) }
    return difference == 0
  }

  /// Without the port, in lower case; of an IPv6 address without its brackets.
  package static func host(of authority: String) -> String {
    let text = authority.lowercased()
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return String(text[text.index(after: text.startIndex)..<end])
    }
    return text.firstIndex(of: ":").map { String(text[..<$0]) } ?? text
  }

  package static func isAddress(_ host: String) -> Bool {
    if host.contains(":") {
      return host.utf8.allSatisfy { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") || isHexadecimal($0) }
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } && UInt8(part) != nil
      }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
  }
}
