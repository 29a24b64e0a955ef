import JambaSystem

extension Parameters {
  /// Leaves functions alone among `tools`, and in `tool_choice`. Tools that OpenAI's server runs, or whose form its models
  /// know by heart, are passed over: `ChatTools` refuses a choice that needs one of them.
  mutating func keepFunctionTools() throws(Failure) {
    var tools: [JSON] = []
    var places: [String: String] = [:]
    for (index, tool) in (try array("tools") ?? []).enumerated() {
      let place = "tools[\(index)]"
      guard let object = tool.object else { throw .invalid(place, "\(place) is not an object") }
      if let kind = object["type"]?.string, kind != "function" {
        try unknown.pass(
          over: "tools of type \(kind)",
          orThrow: .unsupported(place, "\(place) is of type \"\(kind.prefix(60))\", which is not supported"))
        continue
      }
      let new = "tools[\(tools.count)]"
      places[new] = place
      if object["function"] == nil { places[new + ".function"] = place }
      tools.append(tool)
    }
    set("tools", .array(tools), places: places)
    guard var choice = value("tool_choice")?.object else { return }
    switch choice["type"]?.string {
    case "allowed_tools":
      let allowed = choice["tools"]?.array ?? []
      choice["tools"] = .array(allowed.filter { $0["type"]?.string ?? "function" == "function" })
      set("tool_choice", .object(choice))
    case "function", nil: break
    case let kind?:
      throw .unsupported("tool_choice", "\"tool_choice\" asks for a \(kind.prefix(60)), of which there is none here")
    }
  }
}
