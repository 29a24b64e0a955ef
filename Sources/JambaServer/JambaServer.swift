import Hummingbird
import HummingbirdCore
public import Jamba
import JambaSystem
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A model behind HTTP, with the endpoints of OpenAI's API that docs/SERVER.md lists and a page for browsers.
public struct JambaServer: Sendable {
  private let model: JambaModel
  private let options: ServerOptions

  public init(_ model: JambaModel, options: ServerOptions) {
    self.model = model
    self.options = options
  }

  /// Serves until SIGINT or SIGTERM, or the task's cancellation: then answers are finished, but not for longer than
  /// `graceSeconds`.
  ///
  /// - Parameters:
  ///   - onListening: called with the port, which a socket at a path has none of, once requests are taken.
  ///   - onNotice: called with a line for the log, such as the name of a member that requests hold and nobody heeds.
  ///   - onRequest: called with a line for each request that has been answered; nil for no log.
  /// - Throws: `ServerError`.
  public func run(
    onListening: @escaping @Sendable (Int?) -> Void = { _ in }, onNotice: @escaping @Sendable (String) -> Void = { _ in },
    logging format: RequestLogFormat = .text, onRequest: (@Sendable (String) -> Void)? = nil
  ) async throws {
    var log: (@Sendable (RequestLine) -> Void)?
    if let onRequest { log = { onRequest($0.text(format)) } }
    let backend: Backend
    do { backend = try Backend(model, options, onNotice: onNotice, log: log) } catch {
      throw ServerError(description: "cannot start the threads that answer: \(error)")
    }
    defer { backend.close() }
    let logger = Backend.logger
    var http = HTTP1Channel.Configuration(
      additionalChannelHandlers: backend.handlers(), idleTimeout: .seconds(Limits.idleSeconds))
    http.httpDecoder = .init(
      maxHeaderFieldSize: Limits.headerFieldBytes, maxHeaderListSize: Limits.headerBytes,
      maxHeaderFieldCount: Limits.headerCount)
    let socket = try Listening(options)
    defer { socket.end() }
    var configuration = ApplicationConfiguration(address: socket.address)
    configuration.availableConnectionsDelegate = MaximumAvailableConnections(
      2 * backend.connectionCount, logger: logger)
    let application = Application(
      responder: backend.responder, server: try socket.server(http), configuration: configuration,
      onServerRunning: { channel in
        socket.begin()
        onListening(channel.localAddress?.port)
      }, logger: logger)
    let service = StoppingService(
      application: application, answers: backend.answers, graceSeconds: options.graceSeconds)
    var group = ServiceGroupConfiguration(
      services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // Connections that do not end by themselves are cut.
    group.maximumGracefulShutdownDuration = .seconds(options.graceSeconds + 5)
    do { try await ServiceGroup(configuration: group).run() } catch let error as IOError {
      throw socket.cannotListen("\(SystemError(code: error.errnoCode))")
    } catch is SocketAddressError.UnknownHost {
      throw socket.cannotListen("no such host is known")
    } catch is CancellationError {
    } catch {
      throw ServerError(description: "the server has ended: \(error)")
    }
  }
}

/// Why a server cannot run.
public struct ServerError: Error, CustomStringConvertible {
  public let description: String
}

/// Tells answers that the server stops, while the application lets its connections finish.
private struct StoppingService: Service {
  let application: Application<Responder>
  let answers: Answers
  let graceSeconds: Int

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await application.run()
    } onGracefulShutdown: {
      answers.stop()
      Task {
        try await Task.sleep(for: .seconds(graceSeconds))
        answers.abort()
      }
    }
  }
}
