public import JambaSystem

/// A function call that a model has asked for.
public struct ToolCall: Sendable, Equatable {
  /// The function's.
  public var name: String
  /// An object, unless the model has written something else.
  public var arguments: JSON

  public init(name: String, arguments: JSON) {
    self.name = name
    self.arguments = arguments
  }
}

// MARK: - JSON

extension ToolCall {
  /// `{"name": …, "arguments": …}`, as saved conversations and jamba.h have it.
  package var json: JSON { .object(["name": .string(name), "arguments": arguments]) }

  /// Reads that, with or without arguments, also where it stands in a member `function` as in OpenAI's messages; nil for
  /// what is no call.
  package init?(json: JSON) {
    let function = json["function"] ?? json
    guard let name = function["name"]?.string else { return nil }
    self.init(name: name, arguments: function["arguments"] ?? .object([:]))
  }

  /// The members `type` and `function` of a call as chat templates know it, with an object for its arguments.
  package var templateMembers: JSONObject { members(ToolCall.arguments(arguments)) }

  /// The members `type` and `function` of a call in OpenAI's messages, which have the arguments as a text.
  package var messageMembers: JSONObject { members(.string(arguments.text())) }

  private func members(_ arguments: JSON) -> JSONObject {
    ["type": .string("function"), "function": ToolCall(name: name, arguments: arguments).json]
  }

  /// Arguments that may have come as a text; one that holds no JSON stays one. No text and null are a call without
  /// arguments: templates want an object.
  package static func arguments(_ value: JSON) -> JSON {
    if value.isNull { return .object([:]) }
    guard let text = value.string else { return value }
    if text.utf8.allSatisfy(AnswerParser.isSpace) || text == "null" { return .object([:]) }
    do { return try JSON.parse(text) } catch { return value }
  }
}
