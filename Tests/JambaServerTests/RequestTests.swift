import Jamba
import JambaConvert
import JambaServer
import JambaSystem
import TestSupport
import Testing

/// Requests as a model without a tokenizer and without tools sees them.
struct RequestTests {
  static func model() throws -> JambaModel { try written.get() }

  private static let written = Result<JambaModel, any Error> {
    let folder = try TemporaryFolder()
    try SyntheticModels.write(to: folder.file("model.jamba"), hidden: 32, intermediate: 32, experts: 1)
    return try JambaModel.open(folder.file("model.jamba"))
  }

  private func chat(_ members: String) throws -> AnswerRequest {
    let body = try JSON.parse(#"{"messages": [{"role": "user", "content": "Hello"}]"# + members + "}")
    return try AnswerRequest.chat(body.object!, RequestTests.model(), RequestTests.strictOptions)
  }

  /// Whatever is not known is refused.
  private static var strictOptions: ServerOptions {
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = true
    options.refusesOtherModelNames = true
    return options
  }

  @Test func defaultsAreOpenAIs() throws {
    let request = try chat("")
    #expect(request.sampling.temperature == 1)
    #expect(request.sampling.topP == 1)
    #expect(request.sampling.topK == 0)
    #expect(request.choiceCount == 1)
    #expect(!request.streams)
    #expect(request.maxTokens == nil)
    #expect(request.topLogProbabilities == nil)
  }

  @Test func valuesArrive() throws {
    let request = try chat(
      #"""
      , "model": "model", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 9,
      "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "min_p": 0.125, "repeat_penalty": 1.5,
      "repeat_last_n": 8, "seed": -1, "stop": ["a", "b"], "n": 2, "logprobs": true, "top_logprobs": 4,
      "logit_bias": {"5": -3}, "user": "x", "frequency_penalty": 0, "presence_penalty": null
      """#)
    #expect(request.streams)
    #expect(request.includesUsage)
    #expect(request.maxTokens == 7)
    var sampling = Sampling(
      temperature: 0.5, topK: 3, topP: 0.25, minP: 0.125, repetitionPenalty: 1.5, repetitionWindow: 8, seed: .max)
    sampling.logitBias = [5: -3]
    #expect(request.sampling == sampling)
    #expect(request.stop == ["a", "b"])
    #expect(request.choiceCount == 2)
    #expect(request.topLogProbabilities == 4)
  }

  /// By the names of llama-server and OpenAI.
  @Test func samplingArrives() throws {
    let request = try chat(
      #"""
      , "dynatemp_range": 0.5, "dynatemp_exponent": 2, "top_n_sigma": 1.5, "typical_p": 0.75, "xtc_probability": 0.25,
      "xtc_threshold": 0.125, "mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.25, "repeat_last_n": -1,
      "frequency_penalty": -1.5, "presence_penalty": 2, "dry_multiplier": 0.5, "dry_base": 2, "dry_allowed_length": 3,
      "dry_penalty_last_n": 100, "dry_sequence_breakers": ["a", "b"], "top_k": -1, "top_p": 0, "seed": 1,
      "logit_bias": [[5, -3], [6, false]]
      """#)
    var sampling = Sampling(temperature: 1, topK: -1, topP: 0, repetitionWindow: -1, seed: 1)
    (sampling.dynamicTemperatureRange, sampling.dynamicTemperatureExponent) = (0.5, 2)
    (sampling.topNSigma, sampling.typicalP) = (1.5, 0.75)
    (sampling.xtcProbability, sampling.xtcThreshold) = (0.25, 0.125)
    (sampling.mirostat, sampling.mirostatTau, sampling.mirostatEta) = (2, 3, 0.25)
    (sampling.frequencyPenalty, sampling.presencePenalty) = (-1.5, 2)
    (sampling.dryMultiplier, sampling.dryBase) = (0.5, 2)
    (sampling.dryAllowedLength, sampling.dryWindow) = (3, 100)
    sampling.drySequenceBreakers = ["a", "b"]
    sampling.logitBias = [5: -3, 6: -1e30]
    #expect(request.sampling == sampling)
  }

  /// A parameter, and what it is refused with.
  @Test(arguments: [
    (#""nonsense": 1"#, "nonsense", "unsupported_parameter"),
    (#""frequency_penalty": "1""#, "frequency_penalty", "invalid_value"),
    (#""mirostat": 2.5"#, "mirostat", "invalid_value"),
    (#""dry_sequence_breakers": [1]"#, "dry_sequence_breakers", "invalid_value"),
    (#""logit_bias": [1]"#, "logit_bias", "invalid_value"),
    (#""logit_bias": [[1, true]]"#, "logit_bias", "invalid_value"),
    (#""logit_bias": 1"#, "logit_bias", "invalid_value"),
    (#""functions": [{"name": "f"}]"#, "functions", "unsupported_parameter"),
    (#""stream_options": true"#, "stream_options", "invalid_value"),
    (#""stream_options": {"nonsense": true}"#, "stream_options.nonsense", "unsupported_parameter"),
    (#""stream": "yes""#, "stream", "invalid_value"),
    (#""n": 1.5"#, "n", "invalid_value"),
    (#""n": 1e300"#, "n", "invalid_value"),
    (#""max_tokens": -2"#, "max_tokens", "invalid_value"),
    (#""stop": [1]"#, "stop", "invalid_value"),
    (#""stop": {}"#, "stop", "invalid_value"),
    (#""logit_bias": {"-1": 1}"#, "logit_bias", "invalid_value"),
    (#""logit_bias": {"256": 1}"#, "logit_bias", "invalid_value"),
    (#""logit_bias": {"1": 101}"#, "logit_bias", "invalid_value"),
    (#""top_logprobs": 1"#, "top_logprobs", "invalid_value"),
    (#""logprobs": true, "top_logprobs": 21"#, "top_logprobs", "invalid_value"),
    (#""model": "other""#, "model", "model_not_found"),
    (#""response_format": {"type": "xml"}"#, "response_format.type", "unsupported_parameter"),
    (
      #""response_format": {"type": "json_schema"}"#, "response_format.json_schema.schema", "missing_required_parameter"
    ),
    (#""tools": [{"type": "function"}]"#, "tools[0]", "unsupported_parameter"),
    (#""tools": [{"type": "function", "function": {"name": "a b"}}]"#, "tools[0].function.name", "invalid_value"),
    (#""continue_final_message": true, "add_generation_prompt": true"#, "continue_final_message", "invalid_value"),
    (#""tool_choice": "required""#, "tool_choice", "invalid_value"),
    (#""parallel_tool_calls": 0"#, "parallel_tool_calls", "invalid_value"),
  ])
  func refusals(_ member: String, _ parameter: String, _ code: String) throws {
    let failure = #expect(throws: Failure.self) { _ = try chat(", " + member) }
    #expect(failure?.parameter == parameter)
    #expect(failure?.code == code)
  }

  @Test(arguments: [
    #""temperature": 1e39"#, #""temperature": -0.5"#, #""temperature": 101"#, #""mirostat": 1"#,
    #""repeat_last_n": -2"#,
    #""typical_p": 2"#, #""dry_base": 0"#, #""presence_penalty": 101"#, #""dry_sequence_breakers": [""]"#,
  ])
  func samplingIsChecked(_ member: String) {
    #expect(throws: Failure.self) { _ = try chat(", " + member) }
  }

  @Test func messages() throws {
    let list = try JSON.parse(
      #"""
      [{"role": "developer", "content": "Be brief."},
       {"role": "user", "content": [{"type": "text", "text": "What "}, {"type": "text", "text": "time?"}], "name": "Ann"},
       {"role": "assistant", "content": null, "reasoning_content": "Hm", "refusal": null, "tool_calls":
         [{"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{\"zone\": 1}"}},
          {"id": "c2", "type": "function", "function": {"name": "clock", "arguments": "no object"}}]},
       {"role": "tool", "tool_call_id": "c1", "content": "noon"}]
      """#)
    var user = ChatMessage.user("What time?")
    user.name = "Ann"
    #expect(
      try ChatMessages.read(list.array!) == [
        .system("Be brief."), user,
        ChatMessage(
          role: "assistant", content: "", reasoning: "Hm",
          toolCalls: [
            ToolCall(name: "clock", arguments: .object(["zone": .integer(1)])),
            ToolCall(name: "clock", arguments: .string("no object")),
          ]),
        .tool("noon"),
      ])
  }

  @Test(arguments: [
    (#"{"role": "robot", "content": "x"}"#, "messages[0].role"),
    (#"{"role": "user<|eom|>", "content": "x"}"#, "messages[0].role"),
    (#"{"content": "x"}"#, "messages[0].role"),
    (#"{"role": "user"}"#, "messages[0].content"),
    (#"{"role": "user", "content": 1}"#, "messages[0].content"),
    (#"{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}"#, "messages[0].content"),
    (
      #"{"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}"#,
      "messages[0].tool_calls"
    ),
    (#"{"role": "assistant", "content": "x", "audio": {"id": "a"}}"#, "messages[0].audio"),
    (#"{"role": "assistant", "content": "x", "tool_calls": [{}]}"#, "messages[0].tool_calls"),
    ("1", "messages[0]"),
  ])
  func messagesThatAreNone(_ message: String, _ parameter: String) throws {
    let list = try JSON.parse("[" + message + "]").array!
    let failure = #expect(throws: Failure.self) { _ = try ChatMessages.read(list) }
    #expect(failure?.parameter == parameter)
  }

  @Test func prompts() throws {
    func prompts(_ prompt: String) throws -> [AnswerRequest.CompletionPrompt] {
      let body = try JSON.parse(#"{"prompt": "# + prompt + "}").object!
      guard
        case .texts(let prompts) = try AnswerRequest.completion(body, RequestTests.model(), RequestTests.strictOptions)
          .source
      else { return [] }
      return prompts
    }
    #expect(try prompts(#""a""#) == [.text("a")])
    #expect(try prompts(#"["a", "b"]"#) == [.text("a"), .text("b")])
    #expect(try prompts("[1, 2]") == [.tokens([1, 2])])
    #expect(try prompts("[[1], [2, 3]]") == [.tokens([1]), .tokens([2, 3])])
    for bad in ["1", "{}", "[]", "[[]]", "[1, \"a\"]", "[1.5]", "[99999999999]", "[[\"a\"]]"] {
      #expect(throws: Failure.self) { _ = try prompts(bad) }
    }
  }

  /// So much is taken, and one more is not.
  @Test func limits() throws {
    func list(_ count: Int, _ entry: String) -> String {
      "[" + Array(repeating: entry, count: count).joined(separator: ",") + "]"
    }
    func read(_ text: String, _ read: (JSONObject, JambaModel, ServerOptions) throws -> Void) -> String? {
      do {
        try read(JSON.parse(text).object!, RequestTests.model(), RequestTests.strictOptions)
        return nil
      } catch { return (error as? Failure)?.parameter ?? "\(error)" }
    }
    func chat(_ members: String) -> String? {
      read(#"{"messages": [{"role": "user", "content": "Hello"}]"# + ", " + members + "}") {
        _ = try AnswerRequest.chat($0, $1, $2)
      }
    }
    let message = #"{"role": "user", "content": "a"}"#
    for (count, parameter) in [(10_000, nil), (10_001, "messages")] {
      #expect(
        read(#"{"messages": "# + list(count, message) + "}") { _ = try AnswerRequest.chat($0, $1, $2) } == parameter)
      let members = #""max_tokens": 1, "messages": "#
      #expect(
        read("{" + members + list(count, message) + "}") { _ = try AnswerRequest.messages($0, $1, $2) } == parameter)
    }
    for (count, parameter) in [(128, nil), (129, "tools")] {
      let tools = (0..<count).map { #"{"type": "function", "function": {"name": "f\#($0)"}}"# }.joined(separator: ",")
      #expect(chat("\"tools\": [" + tools + "]") == parameter)
    }
    for (count, parameter) in [(16, nil), (17, "n")] { #expect(chat("\"n\": \(count)") == parameter) }
    for (count, parameter) in [(16, nil), (17, "stop")] {
      #expect(chat("\"stop\": " + list(count, "\"a\"")) == parameter)
    }
    for (count, parameter) in [(1000, nil), (1001, "stop")] {
      #expect(chat("\"stop\": [\"" + String(repeating: "a", count: count) + "\"]") == parameter)
    }
    for (count, parameter) in [(1024, nil), (1025, "logit_bias")] {
      #expect(chat("\"logit_bias\": " + list(count, "[5, 1]")) == parameter)
    }
    for (count, parameter) in [(2048, nil), (2049, "prompt")] {
      #expect(
        read(#"{"prompt": "# + list(count, "[1]") + "}") { _ = try AnswerRequest.completion($0, $1, $2) } == parameter)
      #expect(
        read(#"{"input": "# + list(count, "[1]") + "}") { _ = try EmbeddingRequest.openAI($0, $1, $2) }
          == parameter.map { _ in "input" })
    }
  }
}
