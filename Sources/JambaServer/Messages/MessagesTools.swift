import JambaSystem

extension Parameters {
  /// Turns `tools` and `tool_choice` in Anthropic's words into those of /v1/chat/completions.
  mutating func renameMessagesTools() throws(Failure) {
    var tools: [JSON] = []
    var places: [String: String] = [:]
    var names: [String] = []
    for (index, tool) in (try array("tools") ?? []).enumerated() {
      let place = "tools[\(index)]"
      guard let object = tool.object else { throw .invalid(place, "\(place) is not an object") }
      names.append(object["name"]?.string ?? "")
      // Tools that Anthropic's server runs, and those whose parameters its models know by heart.
      if let kind = object["type"]?.string, kind != "custom" {
        try unknown.pass(
          over: "tools of type \(kind)",
          orThrow: .unsupported(place, "\(place) is of type \"\(kind.prefix(60))\", which is not supported"))
        continue
      }
      var function: JSONObject = [:]
      for name in ["name", "description", "strict"] { function[name] = object[name] }
      function["parameters"] = object["input_schema"]
      let new = "tools[\(tools.count)]"
      places[new] = place
      places[new + ".function"] = place
      places[new + ".function.parameters"] = place + ".input_schema"
      tools.append(.object(["type": .string("function"), "function": .object(function)]))
    }
    set("tools", .array(tools), places: places)
    guard let choice = try object("tool_choice") else { return }
    var members = Parameters(choice, path: "tool_choice.", unknown)
    let kind = try members.string("type")
    switch kind {
    case "auto", "none": set("tool_choice", .string(kind!))
    case "any": set("tool_choice", .string("required"))
    case "tool":
      let name = try members.string("name") ?? ""
      guard names.contains(name) else {
        throw .invalid("tool_choice.name", "\"tool_choice\" names no tool in \"tools\"")
      }
      set("tool_choice", .object(["type": .string("function"), "name": .string(name)]))
    default: throw .invalid("tool_choice.type", "\"tool_choice.type\" is not auto, any, tool or none")
    }
    if try members.bool("disable_parallel_tool_use") ?? false { set("parallel_tool_calls", .bool(false)) }
    try members.finish()
  }
}
