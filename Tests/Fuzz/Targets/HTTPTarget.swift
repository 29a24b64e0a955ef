import Foundation
import HTTPTypes
import Hummingbird
import Jamba
import JambaServer
import JambaSystem
import NIOCore
import NIOEmbedded
import NIOHTTP1
import TestSupport

extension FuzzTarget {
  /// What comes by a connection, from the first byte of a head to the last of a response, without a socket. A small model with
  /// the demo model's tokenizer and template answers. No status is 500, and what calls itself JSON is JSON.
  static let http = FuzzTarget(
    "http",
    dictionary: places + [
      "GET ", "POST ", "HEAD ", "DELETE ", "OPTIONS ", "PUT ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n\r\n",
      "Host: localhost\r\n",
      "Host: [::1]:80\r\n", "Host: a.example\r\n", "Origin: https://page.example\r\n", "Origin: null\r\n",
      "Connection: close\r\n",
      "Expect: 100-continue\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 2\r\n",
      "Authorization: Bearer key\r\n",
      "X-API-Key: key\r\n", "Access-Control-Request-Headers: x-stainless-os\r\n", "%2F", "%00", "?action=save",
      "?action=erase",
      "?after=x&limit=1&order=asc", "/../", "//", "2\r\n{}\r\n0\r\n\r\n", "\"stream\":true,", "\"max_tokens\":3,",
      "\"n\":2,",
      "\"prompt\":[5,6],", "\"input\":\"a\",", "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],",
      "\"filename\":\"a\",",
      "\"content\":\"a\",", "\"tokens\":[5],", "\"previous_response_id\":\"resp_\",", "\"store\":true,",
      "\"logprobs\":true,",
    ],
    shortCount: 300,
    fixtures: {
      let bodies = [
        #"{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}"#,
        #"{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": true, "n": 2}"#,
        #"{"prompt": [5, 6, 7], "max_tokens": 3, "logprobs": 2, "echo": true}"#,
        #"{"input": "Hi", "max_output_tokens": 16}"#,
        #"{"input": ["a", "b"], "encoding_format": "base64"}"#, #"{"content": "Once", "with_pieces": true}"#,
        #"{"tokens": [5, 300]}"#, #"{"filename": "a"}"#,
        #"{"model": "model", "prompt": "Once", "options": {"num_predict": 3}}"#,
        #"{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 30, "response_format": {"type": "json_schema", "json_schema": {"#
          + #""name": "a", "schema": {"enum": [1, 2]}}}}"#,
      ]
      return places.flatMap { place in
        bodies.map { body in
          Array(
            "POST \(place) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
              .utf8)
        } + [Array("GET \(place) HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nOrigin: https://page.example\r\n\r\n".utf8)]
      }
    },
    run: { bytes in
      let end = DispatchSemaphore(value: 0)
      Task.detached {
        await exchange(bytes)
        end.signal()
      }
      end.wait()
    })

  private static let places = [
    "/", "/openapi.json", "/health", "/metrics", "/v1/models", "/v1/models/model", "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings", "/tokenize", "/detokenize", "/apply-template", "/props", "/slots", "/slots/0?action=save",
    "/slots/1?action=restore", "/version", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses",
    "/v1/responses/input_tokens",
    "/v1/responses/resp_1", "/v1/responses/resp_1/input_items", "/api/tags", "/api/embed", "/api/embeddings", "/api/ps",
    "/api/show", "/api/chat", "/api/generate",
  ]

  private static let backend: Backend = {
    do {
      let path = Scratch.path("http-model.jamba")
      let demo = Fixtures.checkpoint("demo")
      let documents = try ["tokenizer.json", "tokenizer_config.json"].map {
        (name: $0, bytes: try bytes(of: demo + "/" + $0))
      }
      // A text has room for few tokens, so that no answer takes long.
      try SyntheticModels.write(
        to: path, hidden: 32, intermediate: 32, experts: 1,
        configuration: {
          $0.replacing("\"vocab_size\": 256", with: "\"vocab_size\": 4096").replacing(
            "\"max_position_embeddings\": 4096", with: "\"max_position_embeddings\": 128")
        }, documents: documents)
      var options = ServerOptions(modelName: "model")
      options.sessions = 2
      options.defaultMaxTokens = 4
      options.allowedHosts = ["a.example"]
      options.corsOrigins = ["https://page.example"]
      options.slotFolder = Scratch.folder("slots")
      return try Backend(JambaModel.open(path, options: ModelOptions(threads: 1)), options)
    } catch { fatalError("no server: \(error)") }
  }()

  private static func exchange(_ bytes: [UInt8]) async {
    let channel = NIOAsyncTestingChannel()
    do {
      try await channel.testingEventLoop.executeInContext {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = Limits.headerFieldBytes
        limits.maxHeaderListSize = Limits.headerBytes
        limits.maxHeaderFieldCount = Limits.headerCount
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(
          ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
        try pipeline.addHandlers(backend.handlers())
      }
      try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
      _ = try? await channel.writeInbound(ByteBuffer(bytes: bytes))
      var (head, body): (HTTPRequestHead?, ByteBuffer) = (nil, ByteBuffer())
      while let part = try await channel.readInbound(as: HTTPServerRequestPart.self) {
        switch part {
        case .head(let other): (head, body) = (other, ByteBuffer())
        case .body(var part): body.writeBuffer(&part)
        case .end: if let request = head.flatMap({ request($0, body) }) { try await answer(request, on: channel) }
        }
      }
    } catch {
      // Such as a head that is none.
    }
    _ = try? await channel.finish(acceptAlreadyClosed: true)
  }

  /// The request as the server's own pipeline has it; nil where that ends the connection.
  private static func request(_ head: HTTPRequestHead, _ body: ByteBuffer) -> Request? {
    guard let method = HTTPRequest.Method(rawValue: head.method.rawValue) else { return nil }
    var request = HTTPRequest(method: method, scheme: "http", authority: nil, path: head.uri)
    for (name, value) in head.headers {
      if name.lowercased() == "host", request.authority == nil {
        request.authority = value
      } else if let name = HTTPField.Name(name) {
        request.headerFields.append(HTTPField(name: name, value: value))
      }
    }
    return Request(head: request, body: RequestBody(buffer: body))
  }

  private static func answer(_ request: Request, on channel: any Channel) async throws {
    let response: Response
    do { response = try await backend.respond(to: request, on: channel) } catch {
      fatalError("fuzzing: a request ends with \(error)")
    }
    require(response.status.code != 500, "status 500")
    let written = Written()
    try await response.body.write(written)
    if request.method != .head, response.headers[.contentType] == "application/json" {
      require((try? JSON.parse(written.bytes)) != nil, "a response is no JSON: \(text(written.bytes))")
    }
  }

  /// A response's body.
  private final class Written: ResponseBodyWriter {
    var bytes: [UInt8] = []
    func write(_ buffer: ByteBuffer) { bytes += buffer.readableBytesView }
    func write(contentsOf buffers: some Sequence<ByteBuffer>) { for buffer in buffers { write(buffer) } }
    func finish(_ trailingHeaders: HTTPFields?) {}
  }
}
