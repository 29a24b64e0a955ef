import Jamba
import JambaSystem

extension AnswerRequest {
  /// Reads the body of /v1/chat/completions.
  package static func chat(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> AnswerRequest {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    return try chat(&parameters, model, options)
  }

  /// Reads a request for an answer to messages, which may have come in the words of another API.
  static func chat(
    _ parameters: inout Parameters, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> AnswerRequest {
    guard let list = try parameters.array("messages"), !list.isEmpty else {
      throw Failure(
        .badRequest, "\"messages\" is missing or empty", code: "missing_required_parameter", parameter: "messages")
    }
    let messages = try ChatMessages.read(list, parameters.unknown) { parameters.place("messages[\($0)]") }
    let tools = try ChatTools(&parameters)
    var chat = ChatOptions(tools: tools.list, toolUse: tools.use)
    chat.allowsSeveralCalls = tools.maySeveralBeCalled
    chat.leavesParametersToModel = !tools.isRequired
    chat.documents = try parameters.array("documents") ?? []
    chat.variables = try templateVariables(&parameters)
    try readOpening(&parameters, messages, into: &chat)
    var request = try AnswerRequest(&parameters, source: .chat(messages, chat), model, options)
    if request.form != .free, !tools.list.isEmpty {
      // An answer that has to be a call has no other form; any other has the form, or is a call.
      if tools.isRequired { request.form = .free } else { chat.toolUse = .constrained }
      request.source = .chat(messages, chat)
    }
    request.promptParameter = parameters.place("messages")
    try readLogProbabilities(&parameters, into: &request)
    for (name, neutral) in [("add_special_tokens", false), ("echo", false)] {
      try parameters.fixed(name, [.bool(neutral)])
    }
    try parameters.fixed("best_of", [.integer(1)])
    try parameters.finish()
    request.passedOver = parameters.unknown.names
    return request
  }

  /// Where the answer begins: an assistant's message at the end is continued, unless a turn of its own is asked for, or a
  /// call, which is one.
  private static func readOpening(
    _ parameters: inout Parameters, _ messages: [ChatMessage], into chat: inout ChatOptions
  ) throws(Failure) {
    let continues = try parameters.bool("continue_final_message")
    let adds = try parameters.bool("add_generation_prompt")
    guard continues != true || adds != true else {
      throw .invalid(
        "continue_final_message", "\"continue_final_message\" and \"add_generation_prompt\" do not go together")
    }
    let isBegun = messages.last.map { $0.role == "assistant" && $0.toolCalls.isEmpty } ?? false
    chat.continuesFinalMessage = continues ?? (isBegun && adds != true && chat.toolUse != .required)
    chat.addsGenerationPrompt = adds ?? true
  }

  private static func readLogProbabilities(
    _ parameters: inout Parameters, into request: inout AnswerRequest
  ) throws(Failure) {
    let isWanted = try parameters.bool("logprobs") ?? false
    let top = try parameters.integer("top_logprobs", in: 0...LogProbabilities.limit)
    if isWanted { request.topLogProbabilities = top ?? 0 }
    guard top ?? 0 == 0 || isWanted else {
      throw .invalid("top_logprobs", "\"top_logprobs\" goes with \"logprobs\": true")
    }
  }

  /// What the template is told beside messages, tools and documents: `chat_template_kwargs`, and how much is to be thought, by
  /// the names that clients give it. What a template does not ask for changes nothing.
  private static func templateVariables(_ parameters: inout Parameters) throws(Failure) -> JSONObject {
    var variables: JSONObject = [:]
    var thinks = try parameters.bool("enable_thinking")
    var effort = try parameters.string("reasoning_effort")
    if var members = try parameters.members("reasoning") {
      effort = try members.string("effort") ?? effort
      thinks = try members.bool("enabled") ?? thinks
      members.ignore(["summary", "generate_summary"])
      for name in ["max_tokens", "exclude"] { try members.fixed(name, [.bool(false)]) }
      try members.finish()
    }
    if var members = try parameters.members("thinking") {
      switch try members.string("type") {
      case "enabled": thinks = true
      case "disabled": thinks = false
      case nil, "adaptive", "auto": break
      default: throw .unsupported("thinking.type", "\"thinking.type\" is not enabled, disabled or auto")
      }
      try members.fixed("budget_tokens", [])
      try members.finish()
    }
    if let effort, !effort.isEmpty {
      variables["reasoning_effort"] = .string(effort)
      if effort == "none" { thinks = thinks ?? false }
    }
    if let thinks { variables["enable_thinking"] = .bool(thinks) }
    for (name, value) in (try parameters.object("chat_template_kwargs") ?? [:]).members { variables[name] = value }
    return variables
  }
}
