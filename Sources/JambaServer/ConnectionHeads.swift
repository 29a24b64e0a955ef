import NIOCore
import NIOHTTP1

/// What HTTP asks of a connection beside its requests: HTTP/1.0 and `Connection: close` end it behind the response, and a
/// client that waits with its body for "100 Continue" is told so.
///
/// It stands where the version of a request is still known, before heads are made independent of it.
final class ConnectionHeads: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Requests whose responses have not ended.
  private var openCount = 0
  /// Of the oldest of them.
  private var closes = false
  private var version = HTTPVersion.http1_1

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
    if head.version == .http1_0 {
      // Browsers name the host in every version, so that a page elsewhere cannot do without it.
      if !head.headers.contains(name: "Host") { head.headers.add(name: "Host", value: "localhost") }
    } else if openCount == 0, expectsContinue(head) {
      let go = HTTPResponseHead(version: .http1_1, status: .continue)
      context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
    }
    let isLast = head.version == .http1_0 || !head.isKeepAlive
    if isLast { head.headers.replaceOrAdd(name: "Connection", value: "close") }
    if openCount == 0 {
      version = head.version
      closes = isLast
    }
    openCount += 1
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  /// A body that is too large is refused rather than asked for.
  private func expectsContinue(_ head: HTTPRequestHead) -> Bool {
    guard head.headers[canonicalForm: "Expect"].contains(where: { $0.lowercased() == "100-continue" }) else {
      return false
    }
    return head.headers["Content-Length"].first.flatMap { Int($0) }.map { $0 <= Limits.bodyBytes } ?? true
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head):
      // Of HTTP/1.0 a body has no chunks: it ends with the connection.
      if version == .http1_0 { head.version = version }
      if closes { head.headers.replaceOrAdd(name: "Connection", value: "close") }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      openCount -= 1
      context.write(data, promise: promise)
    case .body: context.write(data, promise: promise)
    }
  }

  /// Puts such a handler where it belongs: behind the decoder, which Hummingbird has put into the pipeline.
  final class Installer: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
      let pipeline = context.pipeline.syncOperations
      do {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(ConnectionHeads(), position: .after(decoder))
      } catch {
        preconditionFailure("There is no decoder of HTTP/1 in the pipeline.")
      }
    }
  }
}
