import Jamba
import JambaServer
import JambaSystem
import TestSupport
import Testing

/// What surrounds answers: the document, preflights, the log, files, sockets.
struct ServiceTests {
  @Test func everyPlaceIsInTheDocument() throws {
    #expect(OpenAPI.missing == [])
    let document = OpenAPI.document(version: "1.2.3")
    #expect(document["info"]?["version"] == .string("1.2.3"))
    // Every schema that is named is there.
    let text = document.text()
    let prefix = "#/components/schemas/"
    let named = Set(text.split(separator: "\"").filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
    #expect(named.count > 20)
    for name in named { #expect(document["components"]?["schemas"]?[name] != nil, "\(name)") }
  }

  @Test(arguments: [
    ("authorization, X-Stainless-Lang", "authorization, x-stainless-lang"), ("cookie", ""), ("", ""),
    ("openai-organization,anthropic-version,content-type", "openai-organization, anthropic-version, content-type"),
    ("x-stainless-\r\nset-cookie: a", ""), ("openai-é, x-api-key", "x-api-key"),
  ]) func preflightsAllowWhatClientsSend(asked: String, allowed: String) {
    #expect(Preflight.allowed(asked) == allowed)
  }

  @Test func linesOfTheLog() {
    var line = RequestLine(
      unixSeconds: 951_782_400, method: "POST", route: "/v1/completions", status: 200, tokens: (5, 3, 24), seconds: 1.0456)
    #expect(line.text(.text) == "2000-02-29T00:00:00Z POST /v1/completions 200 5 (3 cached) + 24 tokens 1.046 s")
    #expect(
      line.text(.json)
        == #"{"time":"2000-02-29T00:00:00Z","method":"POST","route":"/v1/completions","status":200,"prompt_tokens":5,"#
        + #""cached_tokens":3,"completion_tokens":24,"seconds":1.046}"#)
    line.tokens = nil
    line.seconds = 0.0001
    #expect(line.text(.text) == "2000-02-29T00:00:00Z POST /v1/completions 200 0.000 s")
  }

  /// The examples of RFC 4648.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ]) func base64(plain: String, encoded: String) {
    #expect(Base64.text(Array(plain.utf8)) == encoded)
  }

  @Test func base64OfNumbers() {
    #expect(Base64.text(littleEndian: [1, -2.5]) == "AACAPwAAIMA=")
  }

  @Test func namesOfFiles() {
    for name in ["a", "talk.session", "A-1_b.c", String(repeating: "x", count: 100)] { #expect(SlotFile.isName(name)) }
    for name in ["", ".", "..", ".a", "a/b", "/a", "a\\b", "a b", "a\0", "é", String(repeating: "x", count: 101)] {
      #expect(!SlotFile.isName(name), "\(name)")
    }
  }

  @Test func onlySocketsMakeRoom() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("file")
    try SocketFile.removeStale(path)
    try write(Array("mine".utf8), to: path)
    #expect(throws: SystemError.self) { try SocketFile.removeStale(path) }
    SocketFile.remove(path)
    #expect(FileSystem.exists(path))
  }
}
