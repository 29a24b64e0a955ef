import Jamba
import JambaSystem

/// An item of a response, while it is made.
struct ResponseItem: Sendable {
  enum Kind {
    case reasoning(isSummary: Bool)
    case message
    case call
  }

  let kind: Kind
  let id: String
  /// Of a call.
  private let callID: String
  /// Of a call of a namespace's function.
  private let function: NamespacedFunction?
  /// The tokens' probabilities that belong to the text so far.
  var probabilities: [JSON] = []

  init(_ part: AnswerParts.Part, _ request: ResponsesRequest) {
    let text = ReplyHead.randomText()
    var function: NamespacedFunction?
    switch part {
    case .thoughts: (kind, id) = (.reasoning(isSummary: request.summarizes), "rs_" + text)
    case .text: (kind, id) = (.message, "msg_" + text)
    case .call(let name, _, _):
      (kind, id) = (.call, "fc_" + text)
      function = request.functions[name]
    }
    callID = "call_" + text
    self.function = function
  }

  /// What a call's function is called where it stands.
  func functionName(_ fullName: String) -> String { function?.name ?? fullName }

  /// The item with what there is of it, or before anything is.
  ///
  /// - Parameter status: `in_progress`, `completed` or `incomplete`.
  func json(_ part: AnswerParts.Part, status: String, isEmpty: Bool = false, seals: Bool) -> JSON {
    var item: JSONObject = ["id": .string(id)]
    switch part {
    case .thoughts(let text):
      let content: [JSON] = isEmpty ? [] : [self.part(part)]
      item["type"] = .string("reasoning")
      if case .reasoning(isSummary: true) = kind {
        item["summary"] = .array(content)
      } else {
        item["summary"] = .array([])
        item["content"] = .array(content)
      }
      if seals { item["encrypted_content"] = isEmpty ? .null : .string(SealedThoughts.seal(text)) }
    case .text:
      item["type"] = .string("message")
      item["role"] = .string("assistant")
      item["content"] = .array(isEmpty ? [] : [self.part(part)])
    case .call(let name, let arguments, _):
      item["type"] = .string("function_call")
      item["call_id"] = .string(callID)
      item["name"] = .string(functionName(name))
      if let function { item["namespace"] = .string(function.namespace) }
      item["arguments"] = .string(isEmpty ? "" : arguments)
    }
    item["status"] = .string(status)
    return .object(item)
  }

  /// The one part of an item's content.
  func part(_ part: AnswerParts.Part, isEmpty: Bool = false) -> JSON {
    switch part {
    case .thoughts(let text):
      .object([
        "type": .string(kind.isSummary ? "summary_text" : "reasoning_text"), "text": .string(isEmpty ? "" : text),
      ])
    case .text(let text):
      .object([
        "type": .string("output_text"), "text": .string(isEmpty ? "" : text), "annotations": .array([]),
        "logprobs": .array(isEmpty ? [] : probabilities),
      ])
    case .call: .null
    }
  }
}

extension ResponseItem.Kind {
  var isSummary: Bool { if case .reasoning(isSummary: true) = self { true } else { false } }
}
