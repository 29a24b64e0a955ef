import Hummingbird
import Jamba
import JambaSystem
import Logging
import NIOCore

/// All of a server but its socket: the threads that answer, and what finds out what a request wants.
package struct Backend: Sendable {
  let answers: Answers
  let connections: Connections
  let responder: Responder
  /// Everyone with a job, and some who ask how things are.
  let connectionCount: Int

  /// - Parameters: as of `JambaServer.run`.
  package init(
    _ model: JambaModel, _ options: ServerOptions, onNotice: @escaping @Sendable (String) -> Void = { _ in },
    log: (@Sendable (RequestLine) -> Void)? = nil
  ) throws(SystemError) {
    let metrics = Metrics()
    let notices = Notices(metrics, onNotice)
    let answers = try Answers(model, options, metrics, notices)
    connectionCount = max(Limits.connections, options.sessions + options.queueLimit + 64)
    connections = Connections(limit: connectionCount)
    connections.onDisconnect { answers.cancel($0) }
    responder = Responder(
      model: model, options: options, metrics: metrics, answers: answers, connections: connections,
      admission: Admission(options), notices: notices, log: log)
    self.answers = answers
  }

  /// What stands in a connection's pipeline behind the decoder of HTTP.
  package func handlers() -> [any RemovableChannelHandler] {
    [ConnectionHeads.Installer(), Connections.Watcher(connections)]
  }

  /// Answers a request that has come by a connection with these handlers.
  package func respond(to request: Request, on channel: any Channel) async throws -> Response {
    let source = ApplicationRequestContextSource(channel: channel, logger: Backend.logger)
    return try await responder.respond(to: request, context: Connection(source: source))
  }

  /// Waits for running answers and ends the threads.
  package func close() { answers.close() }

  static let logger: Logger = {
    var logger = Logger(label: "jamba", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .critical
    return logger
  }()
}
