import HTTPTypes
import Hummingbird
import NIOCore

/// The page at `/`, in the program itself. Its script runs because it bears a number that is another one with every
/// response; whatever else gets into the page does not run.
struct Page: Sendable {
  /// The page, cut where the number goes.
  private let parts: [ByteBuffer]

  init() {
    let text = String(decoding: PackageResources.index_html, as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var parts: [String] = [""]
    for line in lines {
      let content = line.drop { $0 == " " }
      if content.hasPrefix("<script>") {
        parts[parts.count - 1] += "<script nonce=\""
        parts.append("\">" + content.dropFirst("<script>".count) + "\n")
      } else {
        parts[parts.count - 1] += line + "\n"
      }
    }
    self.parts = parts.map { ByteBuffer(string: $0) }
  }

  func response() -> Response {
    let nonce = ReplyHead.randomText()
    var body = ByteBuffer()
    for (index, part) in parts.enumerated() {
      if index > 0 { body.writeString(nonce) }
      body.writeImmutableBuffer(part)
    }
    var response = Response(status: .ok, body: ResponseBody(byteBuffer: body))
    response.headers[.contentType] = "text/html; charset=utf-8"
    response.headers[.cacheControl] = "no-store"
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return response
  }
}
