import Jamba
import JambaSystem

/// A request to /v1/responses.
package struct ResponsesRequest: Sendable {
  package let answer: AnswerRequest
  /// The conversation so far: earlier responses' items and the request's own.
  let items: [JSON]
  /// Members of the request that a response repeats.
  let repeated: JSONObject
  package let isStored: Bool
  /// The functions of namespaces, by the names that the model knows.
  let functions: [String: NamespacedFunction]
  /// Whether thoughts are shown as a summary of themselves.
  let summarizes: Bool
  /// Whether thoughts are given as a sealed text, too.
  let seals: Bool

  package init(
    _ body: JSONObject, _ store: ResponseStore, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    let earlier = try ResponsesRequest.earlier(&parameters, store)
    let own = try ResponseItems.own(parameters.value("input"), store)
    items = earlier + own
    guard items.count <= Limits.messages else {
      throw .invalid("input", "there are more than \(Limits.messages) items in the conversation")
    }
    let history = try ResponseHistory(
      instructions: parameters.value("instructions"), items, ownStart: earlier.count, parameters.unknown)
    guard !history.messages.isEmpty else {
      throw Failure(
        .badRequest, "\"input\" is missing or empty", code: "missing_required_parameter", parameter: "input")
    }
    var places = ["messages": "input"]
    for (index, place) in history.places.enumerated() { places["messages[\(index)]"] = place }
    parameters.set("messages", .array(history.messages), places: places)
    functions = try parameters.keepFunctionTools()
    try parameters.renameText()
    let included = (try parameters.array("include") ?? []).compactMap(\.string)
    try parameters.renameLogProbabilities(isIncluded: included.contains("message.output_text.logprobs"))
    if let word = try parameters.string("truncation"), word != "auto", word != "disabled" {
      throw .invalid("truncation", "\"truncation\" is neither auto nor disabled")
    }
    isStored = try parameters.bool("store") ?? true
    summarizes = try ResponsesRequest.summarizes(&parameters)
    seals = included.contains("reasoning.encrypted_content")
    // There are no tools of the server's own, whose calls it would be.
    parameters.ignore(["max_tool_calls", "prompt_cache_options"])
    try parameters.fixed("background", [.bool(false)])
    for name in ["conversation", "prompt"] { try parameters.fixed(name, []) }
    try parameters.fixed("n", [.integer(1)])
    answer = try AnswerRequest.chat(&parameters, model, options)
    repeated = ResponsesRequest.repeated(body)
  }

  /// The conversation that `previous_response_id` goes on with.
  private static func earlier(_ parameters: inout Parameters, _ store: ResponseStore) throws(Failure) -> [JSON] {
    guard let id = try parameters.string("previous_response_id") else { return [] }
    guard let entry = store.entry(id) else {
      throw Failure(
        .badRequest, "Previous response with id '\(id.prefix(100))' not found.", code: "previous_response_not_found",
        parameter: "previous_response_id")
    }
    return entry.items
  }

  private static func summarizes(_ parameters: inout Parameters) throws(Failure) -> Bool {
    guard var members = try parameters.members("reasoning") else { return false }
    let older = try members.string("generate_summary")
    let word = try members.string("summary") ?? older
    return word != nil && word != "none"
  }

  /// With the values that absent members have.
  private static func repeated(_ body: JSONObject) -> JSONObject {
    var repeated: JSONObject = [:]
    let members: [(name: String, absent: JSON)] = [
      ("instructions", .null), ("max_output_tokens", .null), ("max_tool_calls", .null), ("metadata", .object([:])),
      ("parallel_tool_calls", .bool(true)), ("previous_response_id", .null), ("prompt_cache_key", .null),
      ("reasoning", .object(["effort": .null, "summary": .null])), ("safety_identifier", .null), ("store", .bool(true)),
      ("temperature", .integer(1)), ("text", .object(["format": .object(["type": .string("text")])])),
      ("tool_choice", .string("auto")), ("tools", .array([])), ("top_logprobs", .integer(0)), ("top_p", .integer(1)),
      ("truncation", .string("disabled")), ("user", .null),
    ]
    for (name, absent) in members {
      let value = body[name] ?? .null
      repeated[name] = value.isNull ? absent : value
    }
    repeated["service_tier"] = .string("default")
    return repeated
  }
}

extension Parameters {
  /// The form of an answer, and how long it is to be.
  fileprivate mutating func renameText() throws(Failure) {
    guard var members = try members("text") else { return }
    if let format = members.value("format") { set("response_format", format, place: "text.format") }
    if let verbosity = try members.string("verbosity"), verbosity != "medium" {
      try unknown.pass(over: "text.verbosity", orThrow: .unsupported("text.verbosity"))
    }
    try members.finish()
  }

  /// `top_logprobs` stands alone here.
  fileprivate mutating func renameLogProbabilities(isIncluded: Bool) throws(Failure) {
    guard value("top_logprobs")?.integer ?? 0 != 0 || isIncluded else { return }
    set("logprobs", .bool(true))
  }
}
