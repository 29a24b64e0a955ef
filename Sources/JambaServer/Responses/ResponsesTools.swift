import JambaSystem

/// A function of a namespace, as clients of /v1/responses group the functions of a server of tools.
struct NamespacedFunction: Sendable {
  let namespace: String
  let name: String

  /// What the model knows it by.
  var fullName: String { namespace + "__" + name }
}

extension Parameters {
  /// Leaves functions alone among `tools`, and in `tool_choice`; those of namespaces stand among the others by their full names.
  /// Tools that OpenAI's server runs, or whose form its models know by heart, are passed over: `ChatTools` refuses a choice
  /// that needs one of them.
  ///
  /// - Returns: the functions of namespaces, by their full names.
  mutating func keepFunctionTools() throws(Failure) -> [String: NamespacedFunction] {
    var tools: [JSON] = []
    var places: [String: String] = [:]
    var functions: [String: NamespacedFunction] = [:]
    func add(_ tool: JSON, _ place: String, in namespace: String?) throws(Failure) {
      guard var object = tool.object else { throw .invalid(place, "\(place) is not an object") }
      let kind = object["type"]?.string
      if let kind, kind == "namespace", namespace == nil, let name = object["name"]?.string {
        for (index, tool) in (object["tools"]?.array ?? []).enumerated() {
          try add(tool, "\(place).tools[\(index)]", in: name)
        }
        return
      }
      if let kind, kind != "function" {
        return try unknown.pass(
          over: "tools of type \(kind)",
          orThrow: .unsupported(place, "\(place) is of type \"\(kind.prefix(60))\", which is not supported"))
      }
      if let namespace, let name = object["name"]?.string {
        let function = NamespacedFunction(namespace: namespace, name: name)
        functions[function.fullName] = function
        object["name"] = .string(function.fullName)
      }
      let new = "tools[\(tools.count)]"
      places[new] = place
      if object["function"] == nil { places[new + ".function"] = place }
      tools.append(.object(object))
    }
    for (index, tool) in (try array("tools") ?? []).enumerated() { try add(tool, "tools[\(index)]", in: nil) }
    set("tools", .array(tools), places: places)
    try keepFunctionChoice()
    return functions
  }

  private mutating func keepFunctionChoice() throws(Failure) {
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
