import HTTPTypes
import Hummingbird
import Jamba
import JambaSystem
import NIOCore

extension Responder {
  /// Has an answer generated and hands it on, as a whole or as it comes.
  func answer(_ request: AnswerRequest, _ reply: some Reply, _ connection: Connection) async throws -> Response {
    let job = Job(request)
    connections.begin(job, on: connection)
    do {
      try answers.submit(job)
      var iterator = job.events.makeAsyncIterator()
      // What is refused is refused with a status of its own, so nothing is said before it is known.
      let promptTokens: Int
      switch await iterator.next() {
      case .began(let count): promptTokens = count
      case .failed(let failure): throw failure
      default: throw Failure.stopping
      }
      if request.streams { return stream(job, iterator, reply, promptTokens, connection) }
      let response = try await whole(&iterator, reply)
      connections.end(on: connection)
      return response
    } catch {
      connections.end(on: connection)
      throw error
    }
  }

  private func whole(
    _ events: inout AsyncStream<Job.Event>.Iterator, _ reply: some Reply
  ) async throws -> Response {
    var reply = reply
    while let event = await events.next() {
      switch event {
      case .began: break
      case .piece(let piece, let choice): reply.add(piece, choice: choice)
      case .ended(let usage): return Responder.response(reply.whole(usage))
      case .failed(let failure): throw failure
      }
    }
    throw Failure.stopping
  }

  /// The events of an answer as they come.
  private func stream<Wording: Reply>(
    _ job: Job, _ events: AsyncStream<Job.Event>.Iterator, _ reply: Wording, _ promptTokens: Int,
    _ connection: Connection
  ) -> Response {
    let start = EventStart(job, events, answers)
    let body = ResponseBody { [connections] writer in
      defer { connections.end(on: connection) }
      defer { start.end() }
      var events = start.events
      var reply = reply
      var isEnded = false
      func send(_ events: [StreamEvent]) async throws {
        guard !events.isEmpty else { return }
        let text = events.map(Wording.framing.text).joined()
        try await connection.closing(after: Limits.writeSeconds) { try await writer.write(ByteBuffer(string: text)) }
      }
      try await send(reply.begin(promptTokens: promptTokens))
      while let event = await events.next() {
        switch event {
        case .began: break
        case .piece(let piece, let choice): try await send(reply.events(piece, choice: choice))
        case .ended(let usage):
          isEnded = true
          try await send(reply.end(usage))
        case .failed(let failure):
          isEnded = true
          try await send(reply.fail(failure))
        }
      }
      if !isEnded { try await send(reply.fail(.tooSlow)) }
      try await writer.finish(nil)
    }
    var response = Response(status: .ok, body: body)
    response.headers[.contentType] = Wording.framing.contentType
    response.headers[.cacheControl] = "no-cache"
    return response
  }
}

/// A stream's events on their way to the response's body; a response that is never written cancels its answer.
private final class EventStart: @unchecked Sendable {
  private let job: Job
  private let answers: Answers
  /// Invariant: iterated by the body's writer alone, which runs once, after the handler that made it has returned.
  let events: AsyncStream<Job.Event>.Iterator

  init(_ job: Job, _ events: AsyncStream<Job.Event>.Iterator, _ answers: Answers) {
    self.job = job
    self.events = events
    self.answers = answers
  }

  /// Nobody listens any more.
  func end() { answers.cancel(job) }

  deinit { answers.cancel(job) }
}
