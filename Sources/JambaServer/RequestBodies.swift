import Hummingbird
import JambaSystem
import NIOCore
import Synchronization

/// Reads requests' bodies within limits: of one, of all together, of time, and of what a body makes of itself when it is
/// parsed.
package final class RequestBodies: Sendable {
  private let byteCount = Atomic<Int>(0)

  /// Lets a body that nobody wants go by, as far as one may go.
  func drop(_ request: Request, _ connection: Connection) async throws {
    var count = 0
    try await connection.closing(after: Limits.bodySeconds) {
      for try await part in request.body {
        count += part.readableBytes
        guard count <= Limits.bodyBytes else {
          connection.closeLater(1)
          return
        }
      }
    }
  }

  /// Reads and parses a body.
  ///
  /// - Parameter mayBeEmpty: whether no body stands for an object without members.
  func object(
    of request: Request, _ connection: Connection, mayBeEmpty: Bool = false
  ) async throws -> JSONObject {
    func tooLarge() -> Failure {
      // What is still coming would have to be read to be dropped.
      connection.closeLater(1)
      return Failure(.contentTooLarge, "the body is larger than \(Limits.bodyBytes) bytes", code: "body_too_large")
    }
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Limits.bodyBytes { throw tooLarge() }
    var taken = 0
    defer { byteCount.subtract(taken, ordering: .relaxed) }
    var bytes: [UInt8] = []
    try await connection.closing(after: Limits.bodySeconds) {
      for try await part in request.body {
        let count = part.readableBytes
        guard bytes.count + count <= Limits.bodyBytes else { throw tooLarge() }
        taken += count
        guard byteCount.add(count, ordering: .relaxed).newValue <= Limits.bodyBytesInAll else {
          connection.closeLater(1)
          throw Failure(
            .serviceUnavailable, "too many large requests are being read", code: "busy", retryAfterSeconds: 2)
        }
        bytes += part.readableBytesView
      }
    }
    if bytes.isEmpty, mayBeEmpty { return [:] }
    guard RequestBodies.partCount(of: bytes) <= Limits.jsonParts else {
      throw Failure(.contentTooLarge, "the body holds more than \(Limits.jsonParts) values", code: "body_too_large")
    }
    let body: JSON
    do throws(JSONError) { body = try JSON.parse(bytes) } catch {
      throw Failure(.badRequest, "the body is \(error)", code: "invalid_json")
    }
    guard let object = body.object else {
      throw Failure(.badRequest, "the body is not a JSON object", code: "invalid_json")
    }
    return object
  }

  /// How many brackets and separators stand outside of strings: no tree of the text has more values.
  package static func partCount(of bytes: [UInt8]) -> Int {
    var count = 0
    var strings = JSONStrings()
    for byte in bytes where strings.isOutside(byte) {
      switch byte {
      case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "{"): count += 1
      default: break
      }
    }
    return count
  }
}
