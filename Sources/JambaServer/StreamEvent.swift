import JambaSystem

/// A part of a streamed answer.
struct StreamEvent: Sendable, Equatable {
  /// What it is called, in dialects that name events.
  let name: String?
  let data: String

  init(_ data: JSON, name: String? = nil) {
    self.name = name
    self.data = data.text()
  }

  private init(data: String) {
    name = nil
    self.data = data
  }

  /// The end of a stream in OpenAI's first two APIs.
  static let done = StreamEvent(data: "[DONE]")
}

/// How the events of a stream follow one another in a response's body.
enum StreamFraming: Sendable {
  /// Server-sent events.
  case events
  /// JSON lines.
  case lines

  var contentType: String {
    switch self {
    case .events: "text/event-stream"
    case .lines: "application/x-ndjson"
    }
  }

  /// What keeps a stream from being silent, where there is such a thing.
  var ping: String? {
    switch self {
    case .events: ": ping\n\n"
    case .lines: nil
    }
  }

  func text(_ event: StreamEvent) -> String {
    switch self {
    case .events: (event.name.map { "event: \($0)\n" } ?? "") + "data: \(event.data)\n\n"
    case .lines: event.data + "\n"
    }
  }
}
