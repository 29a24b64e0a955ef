import Jamba
import JambaSystem

/// A request to /api/chat or /api/generate.
package struct OllamaRequest: Sendable {
  /// nil for one that only has the model loaded, or forgotten: it is always there.
  package let answer: AnswerRequest?
  package let isForgetting: Bool

  /// Reads the body of /api/chat.
  package static func chat(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> OllamaRequest {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    let isForgetting = try parameters.renameOllamaMembers(options)
    let list = try parameters.array("messages") ?? []
    guard !list.isEmpty else { return OllamaRequest(answer: nil, isForgetting: isForgetting) }
    var messages: [JSON] = []
    for (index, message) in list.enumerated() {
      let place = "messages[\(index)]"
      guard var object = message.object else { throw .invalid(place, "\(place) is not an object") }
      guard object["images"]?.array ?? [] == [] else {
        throw .unsupported(place + ".images", "\(place) has images, which are not supported")
      }
      object["images"] = nil
      if let name = object["tool_name"] { object["name"] = name }
      object["tool_name"] = nil
      if object["content"] == nil { object["content"] = .string("") }
      messages.append(.object(object))
    }
    parameters.set("messages", .array(messages))
    return OllamaRequest(
      answer: try AnswerRequest.chat(&parameters, model, options), isForgetting: isForgetting)
  }

  /// Reads the body of /api/generate: a message of the user's, or, with `raw`, a text to go on with.
  package static func generate(
    _ body: JSONObject, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> OllamaRequest {
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    let isForgetting = try parameters.renameOllamaMembers(options)
    for name in ["images", "context"] { try parameters.fixed(name, [.array([])]) }
    for name in ["suffix", "template"] { try parameters.fixed(name, [.string("")]) }
    let prompt = try parameters.string("prompt") ?? ""
    let system = try parameters.string("system") ?? ""
    guard !prompt.isEmpty else { return OllamaRequest(answer: nil, isForgetting: isForgetting) }
    if try parameters.bool("raw") ?? false {
      guard system.isEmpty else { throw .invalid("system", "\"system\" does not go together with \"raw\"") }
      if parameters.value("max_tokens") == nil, parameters.value("num_predict") == nil {
        parameters.set("max_tokens", .integer(options.defaultMaxTokens))
      }
      if let isWanted = try parameters.bool("logprobs") {
        let top = parameters.value("top_logprobs") ?? .integer(0)
        parameters.set("logprobs", isWanted ? top : .null, place: "top_logprobs")
      }
      return OllamaRequest(
        answer: try AnswerRequest.completion(&parameters, model, options), isForgetting: isForgetting)
    }
    var messages: [JSON] = []
    var places: [String: String] = [:]
    for (role, text, place) in [("system", system, "system"), ("user", prompt, "prompt")] where !text.isEmpty {
      places["messages[\(messages.count)]"] = place
      messages.append(.object(["role": .string(role), "content": .string(text)]))
    }
    places["messages"] = "prompt"
    parameters.set("messages", .array(messages), places: places)
    return OllamaRequest(
      answer: try AnswerRequest.chat(&parameters, model, options), isForgetting: isForgetting)
  }
}

extension Parameters {
  /// Turns the members that both endpoints know into those of /v1/chat/completions.
  ///
  /// - Returns: whether the model is not needed any more, as far as the client is concerned.
  fileprivate mutating func renameOllamaMembers(_ options: ServerOptions) throws(Failure) -> Bool {
    // There, models that are asked for without a tag have this one.
    if let name = try string("model") { set("model", .string(Parameters.ollamaName(name, options))) }
    set("stream", .bool(try bool("stream") ?? true))
    switch value("format") {
    case nil, .string(""): break
    case .string("json"): set("response_format", .object(["type": .string("json_object")]), place: "format")
    case .object(let schema):
      set(
        "response_format", .object(["type": .string("json_schema"), "schema": .object(schema)]), place: "format")
    default: throw .invalid("format", "\"format\" is neither \"json\" nor a schema")
    }
    switch value("think") {
    case nil: break
    case .bool(let thinks): set("enable_thinking", .bool(thinks), place: "think")
    case .string(let effort): set("reasoning_effort", .string(effort), place: "think")
    default: throw .invalid("think", "\"think\" is neither true, false nor a word")
    }
    if var members = try members("options") {
      for name in Parameters.ollamaOptions {
        if let value = members.value(name) { set(name, value, place: "options." + name) }
      }
      // Until the context is full.
      if value("num_predict")?.integer == -2 { set("num_predict", .integer(-1)) }
      members.ignore(Parameters.idleOllamaOptions)
      try members.finish()
    }
    ignore(["truncate", "shift"])
    try fixed("n", [.integer(1)])
    let keepsFor = value("keep_alive")
    return keepsFor?.double == 0 || keepsFor?.string == "0"
  }

  /// A model's name without the tag that Ollama's clients put behind names without one.
  static func ollamaName(_ name: String, _ options: ServerOptions) -> String {
    let tag = ":latest"
    guard name.hasSuffix(tag), options.adapter(named: name) == nil else { return name }
    let rest = String(name.dropLast(tag.count))
    return options.modelNames.contains(rest) ? rest : name
  }

  /// Options that choose tokens and end answers: their names are llama-server's.
  private static let ollamaOptions = [
    "num_predict", "seed", "stop", "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n",
    "repeat_penalty", "presence_penalty", "frequency_penalty", "mirostat", "mirostat_tau", "mirostat_eta", "tfs_z",
    "top_n_sigma", "dynatemp_range", "dynatemp_exponent", "xtc_probability", "xtc_threshold", "dry_multiplier",
    "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "logit_bias", "ignore_eos",
    "samplers",
  ]

  /// Options that say how something is to be computed, which changes no answer here.
  private static let idleOllamaOptions = [
    "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "f16_kv", "logits_all",
    "vocab_only", "use_mmap", "use_mlock", "embedding_only", "penalize_newline",
  ]
}
