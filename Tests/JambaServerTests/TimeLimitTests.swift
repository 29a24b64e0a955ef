import HTTPTypes
import Hummingbird
import Jamba
import JambaServer
import JambaSystem
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// How long clients are waited for, by a clock that the tests set.
struct TimeLimitTests {
  /// A connection, and what became of it while a client was waited for.
  private final class Client: Sendable {
    let channel = NIOAsyncTestingChannel()
    private let found = Mutex<[Bool]>([])

    init() async throws { try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get() }

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

    func request(_ path: String, _ body: RequestBody) -> Request {
      Request(
        head: HTTPRequest(
          method: .post, scheme: "http", authority: "localhost", path: path, headerFields: [.contentType: "application/json"]),
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
    _ = try? await backend.respond(to: client.request("/v1/completions", RequestBody(asyncSequence: parts)), on: client.channel)
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
    let response = try await backend.respond(to: client.request("/v1/completions", RequestBody(buffer: body)), on: client.channel)
    try? await response.body.write(Writer(client: client))
    #expect(client.wasOpen == [true, false])
  }
}
