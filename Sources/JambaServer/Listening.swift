import HummingbirdCore
import JambaSystem
import Synchronization

/// What a server listens on.
final class Listening: Sendable {
  private let options: ServerOptions
  /// The mask of modes from before; nil once the socket is there, or where there is none.
  private let mask = Mutex<UInt32?>(nil)

  /// Makes room for a socket at a path, which will be the user's own.
  ///
  /// - Throws: `ServerError` where there is another server's, or something else.
  init(_ options: ServerOptions) throws(ServerError) {
    self.options = options
    guard let path = options.socketPath else { return }
    do throws(SystemError) { try SocketFile.removeStale(path) } catch { throw cannotListen("\(error)") }
    mask.withLock { $0 = SocketFile.maskForOwner() }
  }

  var address: BindAddress {
    options.socketPath.map { .unixDomainSocket(path: $0) } ?? .hostname(options.host, port: options.port)
  }

  /// The server is listening.
  func begin() {
    if let mask = mask.withLock({ $0.take() }) { SocketFile.restoreMask(mask) }
  }

  /// It is not any more, or has never been.
  func end() {
    begin()
    if let path = options.socketPath { SocketFile.remove(path) }
  }

  func cannotListen(_ reason: String) -> ServerError {
    let place = options.socketPath ?? "\(options.host):\(options.port)"
    return ServerError(description: "cannot listen on \(place): \(reason)")
  }
}
