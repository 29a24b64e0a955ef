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

  /// Reads that; nil for what is no call.
  package init?(json: JSON) {
    guard let name = json["name"]?.string, let arguments = json["arguments"] else { return nil }
    self.init(name: name, arguments: arguments)
  }

  /// The members `type` and `function` of a call as chat templates know it.
  package var templateMembers: JSONObject { ["type": .string("function"), "function": json] }

  /// The members `type` and `function` of a call in OpenAI's messages, which have the arguments as a text.
  package var messageMembers: JSONObject {
    ToolCall(name: name, arguments: .string(arguments.text())).templateMembers
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
