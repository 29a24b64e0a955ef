import HummingbirdCore
import HummingbirdTLS
import JambaSystem
import NIOSSL
import Synchronization

/// What a server listens on, and in which wrapping.
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

  /// - Throws: `ServerError` for a certificate or a key that cannot be used.
  func server(_ http: HTTP1Channel.Configuration) throws(ServerError) -> HTTPServerBuilder {
    guard let tls = options.tls else { return .http1(configuration: http) }
    func unusable(_ path: String, _ what: String, _ error: any Error) -> ServerError {
      ServerError(description: "\(path) holds no \(what) in PEM that can be used: \(error)")
    }
    let certificates: [NIOSSLCertificate]
    do { certificates = try NIOSSLCertificate.fromPEMFile(tls.certificate) } catch {
      throw unusable(tls.certificate, "certificate", error)
    }
    let key: NIOSSLPrivateKey
    do { key = try NIOSSLPrivateKey(file: tls.key, format: .pem) } catch { throw unusable(tls.key, "key", error) }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.applicationProtocols = ["http/1.1"]
    do {
      // Finds out whether the two belong together, before anybody connects.
      _ = try NIOSSLContext(configuration: configuration)
      return try .tls(.http1(configuration: http), tlsConfiguration: configuration)
    } catch { throw unusable(tls.key, "key of \(tls.certificate)", error) }
  }

  func cannotListen(_ reason: String) -> ServerError {
    let place = options.socketPath ?? "\(options.host):\(options.port)"
    return ServerError(description: "cannot listen on \(place): \(reason)")
  }
}
