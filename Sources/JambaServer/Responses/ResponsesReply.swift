import Jamba
import JambaSystem
import JambaText

/// The wording of /v1/responses.
struct ResponsesReply: Reply {
  static var framing: StreamFraming { .events }

  private let id = "resp_" + ReplyHead.randomText()
  private let createdSeconds = WallClock().seconds
  private let modelName: String
  private let request: ResponsesRequest
  /// Where the response is kept at its end.
  private let store: ResponseStore
  private let tokenizer: Tokenizer?
  private var parts = AnswerParts()
  private var items: [ResponseItem] = []
  private var eventCount = 0
  /// Probabilities of tokens whose text is still to come.
  private var probabilities: [JSON] = []

  init(_ request: ResponsesRequest, _ store: ResponseStore, modelName: String, tokenizer: Tokenizer?) {
    self.request = request
    self.store = store
    self.modelName = modelName
    self.tokenizer = tokenizer
  }

  // MARK: The response

  private var isCut: Bool { parts.finishReason == .length }

  /// An item with all that there is of it. The last may be cut off.
  private func item(_ index: Int) -> JSON {
    let part = parts.list[index]
    let status = part.isCutCall || isCut && index == parts.list.count - 1 ? "incomplete" : "completed"
    return items[index].json(part, status: status, seals: request.seals)
  }

  private func response(_ status: String, _ output: [JSON] = [], _ usage: JSON = .null, error: JSON = .null) -> JSON {
    var response: JSONObject = [
      "id": .string(id), "object": .string("response"), "created_at": .integer(createdSeconds),
      "completed_at": status == "completed" ? .integer(WallClock().seconds) : .null, "status": .string(status),
      "background": .bool(false), "error": error,
      "incomplete_details": status == "incomplete" ? .object(["reason": .string("max_output_tokens")]) : .null,
      "model": .string(modelName), "output": .array(output), "usage": usage,
    ]
    for (name, value) in request.repeated.members { response[name] = value }
    return .object(response)
  }

  /// The end of an answer, which is kept where the client wants it to be.
  private func finished(_ usage: AnswerUsage) -> JSON {
    let output = items.indices.map(item)
    let response = response(isCut ? "incomplete" : "completed", output, usage.responsesJSON)
    if request.isStored {
      // A call that was cut is none that the conversation could go on from.
      let whole = items.indices.filter { !parts.list[$0].isCutCall }.map(item)
      store.keep(
        ResponseStore.Entry(response: response, items: request.items + whole, inputCount: request.items.count), id: id)
    }
    return response
  }

  mutating func add(_ piece: Piece, choice: Int) {
    noteProbabilities(piece)
    for change in parts.addWhole(piece) { _ = event(change) }
  }

  func whole(_ usage: AnswerUsage) -> JSON { finished(usage) }

  // MARK: The stream

  private mutating func event(_ name: String, _ members: JSONObject) -> StreamEvent {
    var data: JSONObject = ["type": .string(name), "sequence_number": .integer(eventCount)]
    eventCount += 1
    for (member, value) in members.members { data[member] = value }
    return StreamEvent(.object(data), name: name)
  }

  mutating func begin(promptTokens: Int) -> [StreamEvent] {
    let response = response("in_progress")
    return ["response.created", "response.in_progress"].map { event($0, ["response": response]) }
  }

  mutating func events(_ piece: Piece, choice: Int) -> [StreamEvent] {
    noteProbabilities(piece)
    return parts.add(piece).flatMap { event($0) }
  }

  private mutating func noteProbabilities(_ piece: Piece) {
    probabilities = piece.reasoning.isEmpty ? probabilities + TokenText.probabilities(of: piece, tokenizer) : []
  }

  private mutating func event(_ change: AnswerParts.Change) -> [StreamEvent] {
    switch change {
    case .began(let index): began(index)
    case .grew(let index, let text): grew(index, text)
    case .ended(let index): ended(index)
    }
  }

  /// The members that say which item an event is about.
  private func place(_ index: Int) -> JSONObject {
    ["item_id": .string(items[index].id), "output_index": .integer(index)]
  }

  /// The same with the part of the item.
  private func partPlace(_ index: Int) -> JSONObject {
    var place = place(index)
    place[items[index].kind.isSummary ? "summary_index" : "content_index"] = .integer(0)
    return place
  }

  private mutating func began(_ index: Int) -> [StreamEvent] {
    let part = parts.list[index]
    let item = ResponseItem(part, request)
    items.append(item)
    var events = [
      event(
        "response.output_item.added",
        [
          "output_index": .integer(index),
          "item": item.json(part, status: "in_progress", isEmpty: true, seals: request.seals),
        ])
    ]
    if case .call = part { return events }
    var members = partPlace(index)
    members["part"] = item.part(part, isEmpty: true)
    events.append(event("response.\(item.kind.partName).added", members))
    return events
  }

  private mutating func grew(_ index: Int, _ text: String) -> [StreamEvent] {
    var members = partPlace(index)
    members["delta"] = .string(text)
    switch items[index].kind {
    case .message:
      members["logprobs"] = .array(probabilities)
      items[index].probabilities += probabilities
      probabilities = []
    case .call: members["content_index"] = nil
    case .reasoning: break
    }
    return [event("response.\(items[index].kind.textName).delta", members)]
  }

  private mutating func ended(_ index: Int) -> [StreamEvent] {
    let item = items[index]
    let part = parts.list[index]
    var events: [StreamEvent] = []
    var members = partPlace(index)
    switch part {
    case .call(let name, let arguments, _):
      members["content_index"] = nil
      members["name"] = .string(item.functionName(name))
      members["arguments"] = .string(arguments)
    case .text(let text):
      members["text"] = .string(text)
      members["logprobs"] = .array(item.probabilities)
    case .thoughts(let text): members["text"] = .string(text)
    }
    events.append(event("response.\(item.kind.textName).done", members))
    if let partName = item.kind.partDoneName {
      var members = partPlace(index)
      members["part"] = item.part(part)
      events.append(event("response.\(partName).done", members))
    }
    events.append(
      event("response.output_item.done", ["output_index": .integer(index), "item": self.item(index)]))
    return events
  }

  mutating func end(_ usage: AnswerUsage) -> [StreamEvent] {
    [event("response.\(isCut ? "incomplete" : "completed")", ["response": finished(usage)])]
  }

  mutating func fail(_ failure: Failure) -> [StreamEvent] {
    let error = JSON.object(["code": .string(failure.code ?? "server_error"), "message": .string(failure.message)])
    return [event("response.failed", ["response": response("failed", items.indices.map(item), error: error)])]
  }
}

extension ResponseItem.Kind {
  /// How events call the part of an item, and its text.
  fileprivate var partName: String { isSummary ? "reasoning_summary_part" : "content_part" }

  fileprivate var partDoneName: String? { if case .call = self { nil } else { partName } }

  fileprivate var textName: String {
    switch self {
    case .reasoning(let isSummary): isSummary ? "reasoning_summary_text" : "reasoning_text"
    case .message: "output_text"
    case .call: "function_call_arguments"
    }
  }
}

extension AnswerUsage {
  fileprivate var responsesJSON: JSON {
    .object([
      "input_tokens": .integer(promptTokens),
      "input_tokens_details": .object(["cached_tokens": .integer(cachedTokens), "cache_write_tokens": .integer(0)]),
      "output_tokens": .integer(completionTokens),
      "output_tokens_details": .object(["reasoning_tokens": .integer(reasoningTokens)]),
      "total_tokens": .integer(promptTokens + completionTokens),
    ])
  }
}
