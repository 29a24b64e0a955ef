import HTTPTypes
import Hummingbird
import Jamba
import JambaSystem
import NIOCore

extension Responder {
  /// Has an answer generated and hands it on, as a whole or as it comes.
  func answer(_ request: AnswerRequest, _ reply: some Reply, _ connection: Connection) async throws -> Response {
    let job = Job(request, streams: request.streams)
    return try await work(job, connection) { events, promptTokens in
      if request.streams { return stream(job, events, reply, promptTokens, connection) }
      let response = try await whole(&events, reply, connection.record)
      connections.end(on: connection)
      return response
    }
  }

  /// Puts a job into the line and hands over its events once it has been accepted: what is refused is refused with a status of
  /// its own, so nothing is said before.
  ///
  /// - Parameter body: ends the job on the connection, or leaves that to the response that it makes.
  func work<Result>(
    _ job: Job, _ connection: Connection,
    _ body: (inout AsyncStream<Job.Event>.Iterator, _ promptTokens: Int) async throws -> Result
  ) async throws -> Result {
    connections.begin(job, on: connection)
    do {
      try answers.submit(job)
      var events = job.events.makeAsyncIterator()
      switch await events.next() {
      case .began(let promptTokens): return try await body(&events, promptTokens)
      case .failed(let failure): throw failure
      default: throw Failure.stopping
      }
    } catch {
      connections.end(on: connection)
      throw error
    }
  }

  private func whole(
    _ events: inout AsyncStream<Job.Event>.Iterator, _ reply: some Reply, _ record: RequestRecord
  ) async throws -> Response {
    var reply = reply
    while let event = await events.next() {
      switch event {
      case .began, .progress, .tick, .embedded, .done: break
      case .scored(let prompt, let choice): reply.add(prompt, choice: choice)
      case .piece(let piece, let choice): reply.add(piece, choice: choice)
      case .ended(let usage):
        record.end(usage)
        return Responder.response(text: reply.wholeText(usage))
      case .failed(let failure): throw failure
      }
    }
    throw Failure.stopping
  }

  /// The events of an answer as they come, and pings while there are none: before the prompt has been read, too.
  private func stream<Wording: Reply>(
    _ job: Job, _ events: AsyncStream<Job.Event>.Iterator, _ reply: Wording, _ promptTokens: Int,
    _ connection: Connection
  ) -> Response {
    let start = EventStart(job, events, answers)
    let body = ResponseBody { [connections] writer in
      defer { connections.end(on: connection) }
      defer { start.end() }
      let clock = connection.everySecond { job.tell(.tick) }
      defer { clock.cancel() }
      var events = start.events
      var reply = reply
      var isEnded = false
      var isSilent = false
      func send(_ events: [StreamEvent]) async throws {
        try await write(events.map(Wording.framing.text).joined())
      }
      func write(_ text: String) async throws {
        guard !text.isEmpty else { return }
        isSilent = false
        try await connection.closing(after: Limits.writeSeconds) { try await writer.write(ByteBuffer(string: text)) }
      }
      try await send(reply.begin(promptTokens: promptTokens))
      while let event = await events.next() {
        switch event {
        case .began, .embedded, .done: break
        case .tick:
          if isSilent { try await write(reply.ping.map(Wording.framing.text) ?? Wording.framing.ping ?? "") }
          isSilent = true
        case .progress(let progress): try await send(reply.events(progress))
        case .scored(let prompt, let choice): try await send(reply.events(prompt, choice: choice))
        case .piece(let piece, let choice): try await send(reply.events(piece, choice: choice))
        case .ended(let usage):
          isEnded = true
          connection.record.end(usage)
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
