import Hummingbird
import NIOCore
import Synchronization

/// The context of a request: its connection.
struct Connection: InitializableFromSource {
  typealias Source = ApplicationRequestContextSource

  let channel: any Channel

  init(source: ApplicationRequestContextSource) { channel = source.channel }

  /// Runs `body`, which waits for the client, and closes the connection when that takes longer.
  func closing<Result>(
    after seconds: Int64, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let deadline = closeLater(seconds)
    defer { deadline.cancel() }
    return try await body()
  }

  /// Closes the connection in a while, whatever happens.
  @discardableResult
  func closeLater(_ seconds: Int64) -> Scheduled<Void> {
    channel.eventLoop.scheduleTask(in: .seconds(seconds)) { [channel] in channel.close(promise: nil) }
  }
}

/// The connections' answers, to be cancelled when a client goes away: it is noticed while nothing is read or written, too.
final class Connections: Sendable {
  private let jobs = Mutex<[ObjectIdentifier: Job]>([:])
  private let cancel = Mutex<(@Sendable (Job) -> Void)?>(nil)

  /// - Parameter body: is told of answers that nobody waits for any more.
  func onDisconnect(_ body: @escaping @Sendable (Job) -> Void) { cancel.withLock { $0 = body } }

  /// A connection has one request at a time.
  func begin(_ job: Job, on connection: Connection) {
    jobs.withLock { $0[ObjectIdentifier(connection.channel)] = job }
    if !connection.channel.isActive { end(ObjectIdentifier(connection.channel), isDisconnected: true) }
  }

  func end(on connection: Connection) { end(ObjectIdentifier(connection.channel), isDisconnected: false) }

  fileprivate func end(_ channel: ObjectIdentifier, isDisconnected: Bool) {
    guard let job = jobs.withLock({ $0.removeValue(forKey: channel) }), isDisconnected else { return }
    cancel.withLock { $0 }?(job)
  }

  /// Watches a connection. A client that closes its side has gone: it is not waited for whether it would still listen.
  final class Watcher: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let connections: Connections

    init(_ connections: Connections) { self.connections = connections }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case .inputClosed? = event as? ChannelEvent {
        context.close(promise: nil)
      } else {
        context.fireUserInboundEventTriggered(event)
      }
    }

    func channelInactive(context: ChannelHandlerContext) {
      connections.end(ObjectIdentifier(context.channel), isDisconnected: true)
      context.fireChannelInactive()
    }
  }
}
