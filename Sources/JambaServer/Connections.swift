import Hummingbird
import JambaSystem
import NIOCore
import Synchronization

/// The context of a request: its connection, and what is logged of it.
struct Connection: InitializableFromSource {
  typealias Source = ApplicationRequestContextSource

  let channel: any Channel
  let record = RequestRecord()

  init(source: ApplicationRequestContextSource) { channel = source.channel }

  /// Runs `body`, which waits for the client, and closes the connection when that takes longer.
  func closing<Result>(
    after seconds: Int64, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let deadline = closeLater(seconds)
    defer { deadline.cancel() }
    return try await body()
  }

  /// Calls `body` every second until it is cancelled.
  func everySecond(_ body: @escaping @Sendable () -> Void) -> RepeatedTask {
    channel.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in body() }
  }

  /// Closes the connection in a while, whatever happens.
  @discardableResult
  func closeLater(_ seconds: Int64) -> Scheduled<Void> {
    channel.eventLoop.scheduleTask(in: .seconds(seconds)) { [channel] in channel.close(promise: nil) }
  }
}

/// The connections that are open, and their jobs, to be cancelled when a client goes away: it is noticed while nothing is read
/// or written, too.
///
/// There are no more than `limit`: for one more the one without a job that has been silent for longest is closed, so that those
/// who only sit there keep nobody out.
final class Connections: Sendable {
  private struct Entry {
    let channel: any Channel
    /// When it was opened, or last brought something.
    var activeSeconds = monotonicSeconds()
    var job: Job?
  }

  private let entries = Mutex<[ObjectIdentifier: Entry]>([:])
  private let cancel = Mutex<(@Sendable (Job) -> Void)?>(nil)
  private let limit: Int

  /// - Parameter limit: more than there can be jobs.
  init(limit: Int) { self.limit = limit }

  /// - Parameter body: is told of jobs that nobody waits for any more.
  func onDisconnect(_ body: @escaping @Sendable (Job) -> Void) { cancel.withLock { $0 = body } }

  /// A connection has one request at a time.
  func begin(_ job: Job, on connection: Connection) {
    let isOpen = entries.withLock { entries in
      entries[ObjectIdentifier(connection.channel)]?.job = job
      return entries[ObjectIdentifier(connection.channel)] != nil
    }
    if !isOpen { cancel.withLock { $0 }?(job) }
  }

  func end(on connection: Connection) {
    entries.withLock { entries in
      entries[ObjectIdentifier(connection.channel)]?.job = nil
      entries[ObjectIdentifier(connection.channel)]?.activeSeconds = monotonicSeconds()
    }
  }

  fileprivate func open(_ channel: any Channel) {
    let silent = entries.withLock { entries -> (any Channel)? in
      entries[ObjectIdentifier(channel)] = Entry(channel: channel)
      guard entries.count > limit else { return nil }
      return entries.values.filter { $0.job == nil }.min { $0.activeSeconds < $1.activeSeconds }?.channel
    }
    silent?.close(promise: nil)
  }

  fileprivate func hear(_ channel: any Channel) {
    entries.withLock { $0[ObjectIdentifier(channel)]?.activeSeconds = monotonicSeconds() }
  }

  fileprivate func close(_ channel: any Channel) {
    guard let job = entries.withLock({ $0.removeValue(forKey: ObjectIdentifier(channel)) })?.job else { return }
    cancel.withLock { $0 }?(job)
  }

  /// Watches a connection. A client that closes its side has gone: it is not waited for whether it would still listen.
  final class Watcher: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let connections: Connections

    init(_ connections: Connections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connections.open(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      connections.hear(context.channel)
      context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case .inputClosed? = event as? ChannelEvent {
        context.close(promise: nil)
      } else {
        context.fireUserInboundEventTriggered(event)
      }
    }

    func channelInactive(context: ChannelHandlerContext) {
      connections.close(context.channel)
      context.fireChannelInactive()
    }
  }
}
