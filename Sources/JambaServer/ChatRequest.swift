import Jamba
import JambaSystem

extension AnswerRequest {
  /// Reads the body of /v1/chat/completions.
  package static func chat(_ body: JSONObject, _ model: JambaModel, name: String) throws(Failure) -> AnswerRequest {
    var parameters = Parameters(body)
    guard let list = try parameters.array("messages"), !list.isEmpty else {
      throw Failure(
        .badRequest, "\"messages\" is missing or empty", code: "missing_required_parameter", parameter: "messages")
    }
    let messages = try ChatMessages.read(list)
    var options = ChatOptions()
    let tools = try tools(&parameters)
    try choose(&parameters, tools, into: &options, model)
    options.documents = try parameters.array("documents") ?? []
    options.variables = try parameters.object("chat_template_kwargs") ?? [:]
    var request = try AnswerRequest(
      &parameters, source: .chat(messages, options), modelName: name,
      vocabularyCount: model.configuration.vocabSize)
    try readForm(&parameters, into: &request, hasTools: !options.tools.isEmpty)
    let wantsLogProbabilities = try parameters.bool("logprobs") ?? false
    let top = try parameters.integer("top_logprobs", in: 0...LogProbabilities.limit)
    if wantsLogProbabilities { request.topLogProbabilities = top ?? 0 }
    guard top == nil || wantsLogProbabilities else {
      throw .invalid("top_logprobs", "\"top_logprobs\" goes with \"logprobs\": true")
    }
    try parameters.fixed("modalities") { $0 == .array([.string("text")]) }
    try parameters.finish()
    return request
  }

  private static func tools(_ parameters: inout Parameters) throws(Failure) -> [JSON] {
    let tools = try parameters.array("tools") ?? []
    guard tools.count <= Limits.tools else { throw .invalid("tools", "there are more than \(Limits.tools) tools") }
    var names: Set<String> = []
    for (index, tool) in tools.enumerated() {
      let place = "tools[\(index)]"
      guard tool["type"]?.string == "function", let function = tool["function"], function.object != nil else {
        throw .unsupported(place, "\(place) is no tool of type \"function\", the only one that is supported")
      }
      guard let name = function["name"]?.string, 1...64 ~= name.utf8.count, name.utf8.allSatisfy(isNameByte) else {
        throw .invalid(place + ".function.name", "\(place) has no name of 1 to 64 letters, digits, _ and -")
      }
      guard names.insert(name).inserted else {
        throw .invalid(place + ".function.name", "two tools are called \"\(name)\"")
      }
      guard function["parameters"] ?? .null == .null || function["parameters"]?.object != nil else {
        throw .invalid(place + ".function.parameters", "the parameters of \"\(name)\" are no JSON schema object")
      }
    }
    return tools
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Reads `tool_choice`. Calls are held to the tools' parameters where a call is asked for or only one may come, and where
  /// a tool says `strict`.
  private static func choose(
    _ parameters: inout Parameters, _ tools: [JSON], into options: inout ChatOptions, _ model: JambaModel
  ) throws(Failure) {
    let choice = parameters.value("tool_choice")
    options.allowsSeveralCalls = try parameters.bool("parallel_tool_calls") ?? true
    func invalid() -> Failure {
      .invalid("tool_choice", "\"tool_choice\" is not none, auto, required or one of the functions in \"tools\"")
    }
    guard !tools.isEmpty else {
      guard choice == nil || choice?.string == "none" || choice?.string == "auto" else { throw invalid() }
      return
    }
    switch choice {
    case .string("none"): return
    case nil, .string("auto"):
      let isStrict = !options.allowsSeveralCalls || tools.contains { $0["function"]?["strict"]?.bool == true }
      options.toolUse = isStrict ? .constrained : .free
      options.tools = tools
    case .string("required"):
      options.toolUse = .required
      options.tools = tools
    case .object:
      guard choice?["type"]?.string == "function", let name = choice?["function"]?["name"]?.string,
        let tool = tools.first(where: { $0["function"]?["name"]?.string == name })
      else { throw invalid() }
      options.toolUse = .required
      options.allowsSeveralCalls = false
      options.tools = [tool]
    default: throw invalid()
    }
    guard model.callsTools else {
      throw .unsupported("tools", "the model's chat template shows no way of calling tools that is known")
    }
  }

  private static func readForm(
    _ parameters: inout Parameters, into request: inout AnswerRequest, hasTools: Bool
  ) throws(Failure) {
    if let format = try parameters.object("response_format") {
      if case .grammar = request.form {
        throw .invalid("response_format", "\"response_format\" and \"grammar\" do not go together")
      }
      var members = Parameters(format, path: "response_format.")
      switch try members.string("type") {
      case "text": break
      case "json_object": request.form = .schema(.object(["type": .string("object")]))
      case "json_schema":
        var description = Parameters(try members.object("json_schema") ?? [:], path: "response_format.json_schema.")
        guard let schema = description.value("schema") else {
          throw Failure(
            .badRequest, "\"response_format.json_schema.schema\" is missing", code: "missing_required_parameter",
            parameter: "response_format.json_schema.schema")
        }
        description.ignore(["name", "description", "strict"])
        try description.finish()
        request.form = .schema(schema)
      default:
        throw .unsupported("response_format.type", "\"response_format.type\" is not text, json_object or json_schema")
      }
      try members.finish()
    }
    if case .free = request.form { return }
    guard !hasTools else {
      throw .unsupported("response_format", "an answer held to a form cannot call tools: leave out one of both")
    }
  }
}
