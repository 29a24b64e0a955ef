import CKaTeX
import HTTPTypes
import Hummingbird
import NIOCore

/// The page at `/`, in the program itself and in one piece: the style sheet and the scripts stand where page.html names them,
/// scripts behind one another as one. Both bear a number that is another one with every response; whatever else gets into the
/// page does not run, and a library that the script asks for runs because the script gives it the number.
struct Page: Sendable {
  /// The page, cut where the number goes.
  private let parts: [ByteBuffer]
  private let katex: ByteBuffer

  init() {
    var parts = [""]
    var isInScript = false
    for line in Self.text(of: "page.html").split(separator: "\n", omittingEmptySubsequences: false) {
      let script = Self.name(in: line, between: "<script src=\"", and: "\"></script>")
      if script == nil, isInScript { parts[parts.count - 1] += "</script>\n" }
      if script != nil, !isInScript {
        parts[parts.count - 1] += "<script nonce=\""
        parts.append("\">\n")
      }
      isInScript = script != nil
      if let script {
        parts[parts.count - 1] += Self.text(of: script)
      } else if let style = Self.name(in: line, between: "<link rel=\"stylesheet\" href=\"", and: "\">") {
        parts[parts.count - 1] += "<style nonce=\""
        parts.append("\">\n\(Self.text(of: style))</style>\n")
      } else {
        parts[parts.count - 1] += line + "\n"
      }
    }
    self.parts = parts.map { ByteBuffer(string: $0) }
    var size = 0
    let script = unsafe jx_katex_script(&size)
    katex = unsafe ByteBuffer(bytes: UnsafeRawBufferPointer(start: script, count: size))
  }

  private static func name(in line: Substring, between prefix: String, and suffix: String) -> String? {
    guard line.hasPrefix(prefix), line.hasSuffix(suffix) else { return nil }
    return String(line.dropFirst(prefix.count).dropLast(suffix.count))
  }

  private static func text(of name: String) -> String {
    guard let bytes = files[name] else { preconditionFailure("page.html names \(name), which is not embedded.") }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let files = [
    "page.html": PackageResources.page_html, "style.css": PackageResources.style_css,
    "elements.js": PackageResources.elements_js, "storage.js": PackageResources.storage_js,
    "branches.js": PackageResources.branches_js, "math.js": PackageResources.math_js,
    "code.js": PackageResources.code_js, "blocks.js": PackageResources.blocks_js,
    "inline.js": PackageResources.inline_js, "server.js": PackageResources.server_js,
    "answers.js": PackageResources.answers_js,
    "messages.js": PackageResources.messages_js, "conversations.js": PackageResources.conversations_js,
    "transfer.js": PackageResources.transfer_js, "files.js": PackageResources.files_js,
    "sampling.js": PackageResources.sampling_js, "settings.js": PackageResources.settings_js,
    "events.js": PackageResources.events_js,
  ]

  /// The page itself.
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
      "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; img-src 'self' data:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return response
  }

  /// The library that sets formulas, which the page asks for when there is one. Its address names its version.
  func katexResponse() -> Response {
    var response = Response(status: .ok, body: ResponseBody(byteBuffer: katex))
    response.headers[.contentType] = "text/javascript; charset=utf-8"
    response.headers[.cacheControl] = "public, max-age=31536000, immutable"
    return response
  }
}
