import Jamba
import JambaSystem

/// How an endpoint words an answer: as a whole, or as the events of a stream. Pieces of a choice come in order; those of several
/// choices come mixed.
protocol Reply: Sendable {
  /// How the events of its streams are written.
  static var framing: StreamFraming { get }
  /// The first events, when the request has been accepted and its prompt is being read.
  mutating func begin(promptTokens: Int) -> [StreamEvent]
  /// What is said once a second while there is nothing else to say; nil for the framing's own.
  var ping: StreamEvent? { get }
  /// The events of a prompt's reading.
  mutating func events(_ progress: PromptProgress) -> [StreamEvent]
  /// The events of a prompt that has been scored.
  mutating func events(_ prompt: PromptScores, choice: Int) -> [StreamEvent]
  /// The events of a piece.
  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent]
  /// The last events.
  mutating func end(_ usage: AnswerUsage) -> [StreamEvent]
  /// The last events of an answer that fails in the middle.
  mutating func fail(_ failure: Failure) -> [StreamEvent]
  /// Takes a piece for `whole`.
  mutating func add(_ piece: Piece, choice: Int)
  /// Takes a scored prompt for `whole`.
  mutating func add(_ prompt: PromptScores, choice: Int)
  mutating func whole(_ usage: AnswerUsage) -> JSON
  /// The text of `whole`.
  mutating func wholeText(_ usage: AnswerUsage) -> String
}

extension Reply {
  var ping: StreamEvent? { nil }
  func events(_ progress: PromptProgress) -> [StreamEvent] { [] }
  func events(_ prompt: PromptScores, choice: Int) -> [StreamEvent] { [] }
  func add(_ prompt: PromptScores, choice: Int) {}
  mutating func wholeText(_ usage: AnswerUsage) -> String { whole(usage).text() }
}

/// Streams of OpenAI's first two APIs: chunks in events without names, and a mark at the end, which an error lacks.
protocol ChunkedReply: Reply {
  var includesUsage: Bool { get }
  /// The last chunk, which says what the answer has taken.
  func closing(_ usage: AnswerUsage) -> JSON
}

extension ChunkedReply {
  static var framing: StreamFraming { .events }

  func begin(promptTokens: Int) -> [StreamEvent] { [] }

  func end(_ usage: AnswerUsage) -> [StreamEvent] {
    (includesUsage ? [StreamEvent(closing(usage))] : []) + [.done]
  }

  func fail(_ failure: Failure) -> [StreamEvent] { [StreamEvent(Dialect.openAI.json(failure))] }
}

/// The members that every object of an answer begins with.
struct ReplyHead: Sendable {
  let id: String
  let createdSeconds = WallClock().seconds
  let modelName: String
  /// Whether the last chunk has a member `usage`. The others lack it, and do not have it null as OpenAI's: there are clients
  /// that take the first chunk with such a member for the last.
  let includesUsage: Bool

  init(prefix: String, modelName: String, includesUsage: Bool) {
    id = prefix + ReplyHead.randomText()
    self.modelName = modelName
    self.includesUsage = includesUsage
  }

  static func randomText() -> String {
    (0..<3).map { _ in
      let text = String(UInt64.random(in: 0 ... .max), radix: 36)
      return String(repeating: "0", count: 13 - text.count) + text
    }.joined()
  }

  func object(_ kind: String, _ choices: [JSON]) -> JSONObject {
    [
      "id": .string(id), "object": .string(kind), "created": .integer(createdSeconds), "model": .string(modelName),
      "choices": .array(choices),
    ]
  }

  func chunk(_ kind: String, _ choices: [JSON]) -> JSON {
    .object(object(kind, choices))
  }

  /// A chunk that says how far the prompt has been read, as llama-server words it.
  func progress(_ kind: String, _ choice: JSON, _ progress: PromptProgress) -> JSON {
    var object = object(kind, [choice])
    object["prompt_progress"] = .object([
      "total": .integer(progress.total), "cache": .integer(progress.cached), "processed": .integer(progress.processed),
      "time_ms": .integer(Int(progress.seconds * 1000)),
    ])
    return .object(object)
  }

  func closing(_ kind: String, _ usage: AnswerUsage) -> JSON {
    var object = object(kind, [])
    if includesUsage { object["usage"] = usage.json }
    object["timings"] = usage.timings
    return .object(object)
  }

  func whole(_ kind: String, _ choices: [JSON], _ usage: AnswerUsage) -> JSON {
    var object = object(kind, choices)
    object["usage"] = usage.json
    object["timings"] = usage.timings
    return .object(object)
  }

  /// The text of `whole` with choices that are made one by one.
  func wholeText(_ kind: String, choiceCount: Int, choice: (Int) -> JSON, _ usage: AnswerUsage) -> String {
    let members = whole(kind, [], usage).object?.members.map { name, value in
      guard name == "choices" else { return "\"\(name)\":" + value.text() }
      return "\"choices\":[" + (0..<choiceCount).map { choice($0).text() }.joined(separator: ",") + "]"
    }
    return "{" + (members ?? []).joined(separator: ",") + "}"
  }
}

extension AnswerUsage {
  var json: JSON {
    .object([
      "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(completionTokens),
      "total_tokens": .integer(promptTokens + completionTokens),
      "prompt_tokens_details": .object(["cached_tokens": .integer(cachedTokens)]),
      "completion_tokens_details": .object(["reasoning_tokens": .integer(reasoningTokens)]),
    ])
  }

  var timings: JSON {
    let computed = Double(promptTokens - cachedTokens)
    return .object([
      "prompt_tokens_per_second": .number(promptSeconds > 0 ? computed / promptSeconds : 0),
      "predicted_tokens_per_second": .number(decodeSeconds > 0 ? Double(decodedTokens) / decodeSeconds : 0),
    ])
  }
}

extension FinishReason {
  var json: JSON { .string(rawValue) }
}
