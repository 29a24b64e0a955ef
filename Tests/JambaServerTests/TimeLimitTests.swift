import HTTPTypes
import Hummingbird
import Jamba
import JambaServer
import JambaSystem
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// How long clients are waited for, by a clock that the tests set.
struct TimeLimitTests {
  /// A connection, and what became of it while a client was waited for.
  private final class Client: Sendable {
    let channel = NIOAsyncTestingChannel()
    private let found = Mutex<[Bool]>([])

    /// - Parameter backend: whose connection it is, for jobs that end with it.
    init(_ backend: Backend? = nil) async throws {
      try await channel.testingEventLoop.executeInContext { [channel] in
        guard let backend else { return }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(
          [HTTPResponseEncoder(), ByteToMessageHandler(HTTPRequestDecoder())] + backend.handlers())
      }
      try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
    }

    /// Whether the connection was open a second before the limit, and at it.
    var wasOpen: [Bool] { found.withLock { $0 } }

    func hesitate(_ limit: Int64) async {
      guard wasOpen.isEmpty else { return }
      for seconds in [limit - 1, 1] {
        await channel.testingEventLoop.advanceTime(by: .seconds(seconds))
        let isOpen = channel.isActive
        found.withLock { $0.append(isOpen) }
      }
    }

    func request(_ path: String, _ body: RequestBody, _ method: HTTPRequest.Method = .post) -> Request {
      Request(
        head: HTTPRequest(
          method: method, scheme: "http", authority: "localhost", path: path,
          headerFields: [.contentType: "application/json"]),
        body: body)
    }
  }

  @Test func aBodyHasAMinute() async throws {
    let client = try await Client()
    let backend = try Backend(RequestTests.model(), ServerOptions(modelName: "model"))
    defer { backend.close() }
    let parts = AsyncStream<ByteBuffer> {
      await client.hesitate(60)
      return nil
    }
    _ = try? await backend.respond(
      to: client.request("/v1/completions", RequestBody(asyncSequence: parts)), on: client.channel)
    #expect(client.wasOpen == [true, false])
  }

  /// A client that takes what it is sent, but slowly.
  private struct Writer: ResponseBodyWriter {
    let client: Client

    mutating func write(_ buffer: ByteBuffer) async throws { await client.hesitate(30) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  @Test func piecesAreTakenInHalfAMinute() async throws {
    let client = try await Client()
    let backend = try Backend(RequestTests.model(), ServerOptions(modelName: "model"))
    defer { backend.close() }
    let body = ByteBuffer(string: #"{"prompt": [5, 6], "max_tokens": 2, "stream": true}"#)
    let response = try await backend.respond(
      to: client.request("/v1/completions", RequestBody(buffer: body)), on: client.channel)
    try? await response.body.write(Writer(client: client))
    #expect(client.wasOpen == [true, false])
  }

  /// Keeps what it is sent; before it takes the first piece it waits for `isReady`.
  private final class Reader: ResponseBodyWriter, Sendable {
    let text = Mutex("")
    private let isReady: @Sendable () async throws -> Bool

    init(when isReady: @escaping @Sendable () async throws -> Bool = { true }) { self.isReady = isReady }

    func write(_ buffer: ByteBuffer) async throws {
      while try await !isReady() { try await Task.sleep(for: .milliseconds(5)) }
      text.withLock { $0 += String(buffer: buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  @Test func unreadPiecesAreBounded() async throws {
    let folder = try TemporaryFolder()
    let tokenizer = try bytes(of: Fixtures.checkpoint("demo") + "/tokenizer.json")
    try SyntheticModels.write(
      to: folder.file("model.jamba"), hidden: 32, intermediate: 32, experts: 1,
      configuration: {
        $0.replacing("\"vocab_size\": 256", with: "\"vocab_size\": 4096").replacing(
          "\"max_position_embeddings\": 4096", with: "\"max_position_embeddings\": 16384")
      }, documents: [("tokenizer.json", tokenizer)])
    let backend = try Backend(JambaModel.open(folder.file("model.jamba")), ServerOptions(modelName: "model"))
    defer { backend.close() }
    let client = try await Client(backend)
    let body = ByteBuffer(string: #"{"prompt": [5, 6], "max_tokens": 9000, "stream": true, "ignore_eos": true}"#)
    let response = try await backend.respond(
      to: client.request("/v1/completions", RequestBody(buffer: body)), on: client.channel)
    let reader = Reader {
      let metrics = try await backend.respond(
        to: client.request("/metrics", RequestBody(buffer: ByteBuffer()), .get), on: client.channel)
      let page = Reader()
      try await metrics.body.write(page)
      return page.text.withLock { $0.contains("jamba_requests_running 0\n") }
    }
    try? await response.body.write(reader)
    let events = reader.text.withLock { $0.split(separator: "\n\n") }
    // Some tokens make no text of their own.
    #expect(2000...4096 ~= events.count { $0.contains("\"text\"") })
    #expect(events.contains { $0.contains("too_slow") })
  }
}
