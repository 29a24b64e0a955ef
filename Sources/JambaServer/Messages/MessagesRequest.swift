import Jamba
import JambaSystem

extension AnswerRequest {
  /// Reads the body of /v1/messages or /v1/messages/count_tokens.
  package static func messages(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> AnswerRequest {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    guard let list = try parameters.array("messages"), !list.isEmpty else {
      throw Failure(
        .badRequest, "\"messages\" is missing or empty", code: "missing_required_parameter", parameter: "messages")
    }
    let history = try MessagesHistory(system: parameters.value("system"), list, parameters.unknown)
    var places: [String: String] = [:]
    for (index, place) in history.places.enumerated() { places["messages[\(index)]"] = place }
    parameters.set("messages", .array(history.messages), places: places)
    parameters.rename("stop_sequences", to: "stop")
    try parameters.renameMessagesTools()
    try parameters.renameMessagesEffort()
    try parameters.renameMessagesThinking()
    parameters.ignore([
      "anthropic_version", "anthropic_beta", "cache_control", "inference_geo", "speed", "diagnostics",
      "user_profile_id",
      "workspace_id", "billing_policy",
    ])
    for name in ["mcp_servers", "fallbacks"] { try parameters.fixed(name, [.array([])]) }
    try parameters.fixed("container", [])
    try parameters.fixed("n", [.integer(1)])
    try parameters.fixed("logprobs", [.bool(false)])
    return try chat(&parameters, model, options)
  }
}

extension Parameters {
  /// The form of an answer, and how much work is to go into it.
  fileprivate mutating func renameMessagesEffort() throws(Failure) {
    rename("output_format", to: "response_format")
    guard var members = try members("output_config") else { return }
    if let effort = try members.string("effort") {
      set("reasoning_effort", .string(effort), place: "output_config.effort")
    }
    if let format = members.value("format") { set("response_format", format, place: "output_config.format") }
    try members.finish()
  }

  /// How long the thoughts may be is a member that the API asks for, and that nothing here holds them to.
  fileprivate mutating func renameMessagesThinking() throws(Failure) {
    guard var thinking = try object("thinking") else { return }
    if let budget = thinking["budget_tokens"], !budget.isNull {
      try unknown.pass(over: "thinking.budget_tokens", orThrow: .unsupported("thinking.budget_tokens"))
    }
    for name in ["budget_tokens", "display"] { thinking[name] = nil }
    // When to think is the model's choice.
    if thinking["type"]?.string == "between_tools" { thinking["type"] = .string("adaptive") }
    set("thinking", .object(thinking))
  }
}
