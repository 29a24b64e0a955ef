import Hummingbird
import JambaSystem

extension Responder {
  /// Saves, restores or erases a slot, as soon as a thread is free for it.
  func changeSlot(_ body: JSONObject, _ request: Request, _ connection: Connection) async throws -> Response {
    let work = try SlotRequest(
      Route.slotNumber(in: request.uri.path), action: request.uri.queryParameters["action"].map(String.init),
      body, options)
    return try await self.work(Job(work), connection) { events, _ in
      var answer: JSON = .null
      while let event = await events.next() {
        switch event {
        case .done(let json): answer = json
        case .ended:
          connections.end(on: connection)
          return Responder.response(answer)
        case .failed(let failure): throw failure
        default: break
        }
      }
      throw Failure.stopping
    }
  }
}
