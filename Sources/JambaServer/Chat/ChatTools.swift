import Jamba
import JambaSystem

/// The tools of a chat request, and which of them may or must be called.
struct ChatTools {
  /// Those that the model is shown.
  private(set) var list: [JSON]
  private(set) var use = ChatOptions.ToolUse.free
  private(set) var maySeveralBeCalled: Bool

  var isRequired: Bool { use == .required }

  /// Reads `tools`, `tool_choice` and `parallel_tool_calls`. Calls are held to the tools' parameters where a call is asked
  /// for or only one may come, and where a tool says `strict`.
  init(_ parameters: inout Parameters) throws(Failure) {
    list = try ChatTools.list(&parameters)
    maySeveralBeCalled = try parameters.bool("parallel_tool_calls") ?? true
    let choice = try ChatTools.choice(&parameters, list)
    if case .none = choice { list = [] }
    guard !list.isEmpty else { return }
    switch choice {
    case .none: return
    case .auto(let names):
      if let names { list.removeAll { !names.contains(ChatTools.name(of: $0)) } }
      let isStrict = !maySeveralBeCalled || list.contains { $0["function"]?["strict"]?.bool == true }
      use = isStrict ? .constrained : .free
    case .required(let names, let isSingle):
      if let names { list.removeAll { !names.contains(ChatTools.name(of: $0)) } }
      use = .required
      if isSingle { maySeveralBeCalled = false }
    }
  }

  private static func name(of tool: JSON) -> String { tool["function"]?["name"]?.string ?? "" }

  /// The tools in the form of /v1/chat/completions; that of /v1/responses, which lacks the member `function`, is taken, too.
  private static func list(_ parameters: inout Parameters) throws(Failure) -> [JSON] {
    var tools = try parameters.array("tools") ?? []
    guard tools.count <= Limits.tools else { throw .invalid("tools", "there are more than \(Limits.tools) tools") }
    var names: Set<String> = []
    for index in tools.indices {
      let place = parameters.place("tools[\(index)]")
      func part(_ name: String) -> String { parameters.place("tools[\(index)].function.\(name)") }
      guard var tool = tools[index].object, tool["type"] ?? .string("function") == .string("function"),
        tool["function"]?.object != nil || tool["name"]?.string != nil
      else { throw .unsupported(place, "\(place) is no tool of type \"function\", the only one that is supported") }
      // Templates print a tool as it stands.
      tool["cache_control"] = nil
      if tool["function"] == nil {
        tool["type"] = nil
        tool = ["type": .string("function"), "function": .object(tool)]
      } else if tool["type"] == nil {
        tool["type"] = .string("function")
      }
      tools[index] = .object(tool)
      guard let name = tool["function"]?["name"]?.string, 1...128 ~= name.utf8.count, name.utf8.allSatisfy(isNameByte)
      else { throw .invalid(part("name"), "\(place) has no name of 1 to 128 letters, digits and marks (_ - . / :)") }
      guard names.insert(name).inserted else {
        throw .invalid(part("name"), "two tools are called \"\(name)\"")
      }
      let schema = tool["function"]?["parameters"] ?? .null
      guard schema.isNull || schema.object != nil else {
        throw .invalid(part("parameters"), "the parameters of \"\(name)\" are no JSON schema object")
      }
    }
    return tools
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "_-./:".utf8.contains(byte)
    }
  }

  // MARK: The choice

  private enum Choice {
    case none
    /// Of some tools, or of all.
    case auto([String]?)
    /// One of some tools, or of all; `isSingle` for a tool that is named, which is called once.
    case required([String]?, isSingle: Bool)
  }

  /// Reads `tool_choice`: OpenAI's forms of two APIs, and the word "any" of others.
  private static func choice(_ parameters: inout Parameters, _ tools: [JSON]) throws(Failure) -> Choice {
    func invalid() -> Failure {
      .invalid("tool_choice", "\"tool_choice\" is not none, auto, required or some of the functions in \"tools\"")
    }
    let known = tools.map(name(of:))
    func named(_ tool: JSON?) throws(Failure) -> String {
      guard let name = (tool?["function"] ?? tool)?["name"]?.string, known.contains(name) else { throw invalid() }
      return name
    }
    func mode(_ word: String, _ names: [String]?) throws(Failure) -> Choice {
      switch word {
      case "none": return .none
      case "auto", "": return .auto(names)
      case "required", "any":
        guard !tools.isEmpty else { throw invalid() }
        return .required(names, isSingle: false)
      default: throw invalid()
      }
    }
    switch parameters.value("tool_choice") {
    case nil: return .auto(nil)
    case .string(let word): return try mode(word, nil)
    case .object(let object):
      switch object["type"]?.string ?? "function" {
      case "function", "tool": return .required([try named(.object(object))], isSingle: true)
      case "allowed_tools":
        let allowed = object["allowed_tools"] ?? .object(object)
        var names: [String] = []
        for tool in allowed["tools"]?.array ?? [] { names.append(try named(tool)) }
        return try mode(names.isEmpty ? "none" : allowed["mode"]?.string ?? "auto", names)
      case let word: return try mode(word, nil)
      }
    default: throw invalid()
    }
  }
}
