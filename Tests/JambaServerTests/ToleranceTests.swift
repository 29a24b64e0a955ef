import Jamba
import JambaServer
import JambaSystem
import Testing

/// What clients send beside what they ask for, to a server that is not strict.
struct ToleranceTests {
  private func chat(_ members: String, isStrict: Bool = false) throws -> AnswerRequest {
    let body = try JSON.parse(#"{"messages": [{"role": "user", "content": "Hello"}]"# + members + "}")
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = isStrict
    return try AnswerRequest.chat(body.object!, RequestTests.model(), options)
  }

  private func variables(_ request: AnswerRequest) -> JSONObject {
    if case .chat(_, let options) = request.source { options.variables } else { [:] }
  }

  @Test func unknownMembersArePassedOverAndNamed() throws {
    let body = try JSON.parse(
      #"""
      {"messages": [{"role": "user", "content": "a", "mood": 1}, {"role": "user", "content": "b", "mood": 1}],
       "session": "x", "deep": {"x": [1]}, "absent": null, "stream_options": {"pace": 1}}
      """#)
    let request = try AnswerRequest.chat(body.object!, RequestTests.model(), ServerOptions(modelName: "model"))
    #expect(
      request.passedOver.sorted() == ["deep", "messages[].mood", "messages[].mood", "session", "stream_options.pace"])
    let failure = #expect(throws: Failure.self) { _ = try chat(#", "session": "x""#, isStrict: true) }
    #expect(failure?.parameter == "session")
  }

  @Test func namesOfMembersAreFitForALog() {
    #expect(UnknownMembers.name(of: "messages[17].id") == "messages[].id")
    #expect(UnknownMembers.name(of: "top_k2\n\u{1B}é\u{7F}") == "top_k2????")
    #expect(UnknownMembers.name(of: String(repeating: "x", count: 500)).count == 80)
  }

  /// Members that are known to change nothing are taken by a strict server, too, and are not counted.
  @Test(arguments: [
    #""store": true"#, #""metadata": {"a": "b"}"#, #""cache_prompt": false"#, #""functions": []"#,
    #""function_call": "auto""#, #""modalities": ["text"]"#, #""n_probs": 0"#, #""tfs_z": 1.0"#, #""lora": []"#,
    #""logit_bias": {}"#, #""logit_bias": []"#, #""logit_bias": null"#, #""stop": []"#, #""n": 1"#, #""seed": null"#,
    #""tools": []"#, #""tools": [], "tool_choice": """#, #""parallel_tool_calls": null"#, #""response_format": null"#,
    #""response_format": {"type": "text"}"#, #""grammar": """#, #""top_logprobs": 0"#, #""min_tokens": 0"#,
    #""stream_options": {"include_obfuscation": false}"#, #""samplers": "edskypmxt""#, #""samplers": []"#,
    #""samplers": ["top_k", "min_p", "temperature"]"#,
  ])
  func neutralMembers(_ member: String) throws {
    #expect(try chat(", " + member, isStrict: true).passedOver.isEmpty)
  }

  /// The same with values that would change an answer.
  @Test(arguments: [
    (#""functions": [{"name": "f"}]"#, "functions"), (#""function_call": {"name": "f"}"#, "function_call"),
    (#""modalities": ["text", "audio"]"#, "modalities"), (#""n_probs": 3"#, "n_probs"), (#""tfs_z": 0.5"#, "tfs_z"),
    (#""lora": [{"id": 0, "scale": 1}]"#, "lora"), (#""min_tokens": 5"#, "min_tokens"),
    (#""structured_outputs": {"structural_tag": "x"}"#, "structured_outputs.structural_tag"),
    (#""stop_token_ids": [5]"#, "stop_token_ids"), (#""best_of": 2"#, "best_of"),
    (#""web_search_options": {}"#, "web_search_options"), (#""samplers": "tk""#, "samplers"),
    (#""samplers": ["nonsense"]"#, "samplers"),
    (#""thinking": {"type": "enabled", "budget_tokens": 9}"#, "thinking.budget_tokens"),
    (#""reasoning": {"exclude": true}"#, "reasoning.exclude"),
  ])
  func membersThatAskForWhatIsNotDone(_ member: String, _ parameter: String) {
    let failure = #expect(throws: Failure.self) { _ = try chat(", " + member) }
    #expect(failure?.parameter == parameter)
    #expect(failure?.code == "unsupported_parameter")
  }

  @Test func anyNameIsTheModels() throws {
    for name in ["gpt-4o", "", "org/model"] { _ = try chat(#", "model": "\#(name)""#) }
    let failure = #expect(throws: Failure.self) { _ = try chat(#", "model": 1"#) }
    #expect(failure?.parameter == "model")
  }

  @Test(arguments: [
    (#""max_tokens": -1"#, Int.max), (#""n_predict": 5"#, 5), (#""max_tokens": -1, "max_completion_tokens": 7"#, 7),
    (#""max_tokens": null, "num_predict": 3"#, 3), (#""max_new_tokens": 4, "max_output_tokens": 2"#, 2),
  ])
  func limits(_ member: String, _ expected: Int) throws {
    #expect(try chat(", " + member).maxTokens == expected)
  }

  @Test(arguments: [(#""""#, []), (#"["", "a", ""]"#, ["a"]), ("[]", []), ("null", []), (#""b""#, ["b"])])
  func stops(_ value: String, _ expected: [String]) throws {
    #expect(try chat(#", "stop": "# + value).stop == expected)
  }

  @Test func usageWithoutAStream() throws {
    #expect(try chat(#", "stream_options": {"include_usage": true}"#).includesUsage)
  }

  @Test func samplersLeftOutAreOff() throws {
    let sampling = try chat(
      #", "seed": 1, "temperature": 0.5, "top_k": 5, "top_p": 0.5, "min_p": 0.25, "frequency_penalty": 1, "samplers": ["top_k", "temperature"]"#
    ).sampling
    #expect(sampling == Sampling(temperature: 0.5, topK: 5, seed: 1))
  }

  @Test func endsAreBarredOnRequest() throws {
    let model = try RequestTests.model()
    #expect(!model.endTokens.isEmpty)
    #expect(try Set(chat(#", "ignore_eos": true"#).sampling.logitBias.keys) == model.endTokens)
    #expect(try chat(#", "ignore_eos": false"#).sampling.logitBias.isEmpty)
  }

  @Test(arguments: [
    (#""reasoning_effort": "low""#, #"{"reasoning_effort": "low"}"#),
    (#""reasoning_effort": "none""#, #"{"reasoning_effort": "none", "enable_thinking": false}"#),
    (#""reasoning": {"effort": "high", "summary": "auto"}"#, #"{"reasoning_effort": "high"}"#),
    (#""reasoning": {"enabled": false}"#, #"{"enable_thinking": false}"#),
    (#""thinking": {"type": "disabled"}"#, #"{"enable_thinking": false}"#),
    (#""enable_thinking": true"#, #"{"enable_thinking": true}"#),
    (
      #""reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "high", "x": 1}"#,
      #"{"reasoning_effort": "high", "x": 1}"#
    ),
    (#""reasoning_effort": null"#, "{}"),
  ])
  func thinkingIsTheTemplates(_ member: String, _ expected: String) throws {
    #expect(try variables(chat(", " + member)) == JSON.parse(expected).object)
  }

  @Test(arguments: [
    (#""response_format": {"type": "json_object", "schema": {"type": "null"}}"#, "response_format"),
    (#""response_format": {"type": "json_schema", "schema": {"type": "null"}, "name": "x"}"#, "response_format"),
    (#""response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "null"}}}"#, "response_format"),
    (#""json_schema": {"type": "null"}"#, "json_schema"),
  ])
  func schemasByAllTheirNames(_ member: String, _ parameter: String) throws {
    #expect(try chat(", " + member, isStrict: true).form == .schema(.object(["type": .string("null")])))
    let failure = #expect(throws: Failure.self) { _ = try chat(", " + member + #", "grammar": "root ::= \"a\"""#) }
    #expect(failure?.parameter == parameter)
  }

  // MARK: Messages

  private func messages(_ text: String) throws -> [ChatMessage] { try ChatMessages.read(JSON.parse(text).array!) }

  @Test func membersOfMessages() throws {
    let unknown = UnknownMembers(areRefused: true)
    let list = try JSON.parse(
      #"""
      [{"role": "developer", "content": null, "id": "m1"},
       {"role": "user", "content": "a", "cache_control": {"type": "ephemeral"}, "tool_calls": [], "refusal": null},
       {"role": "assistant", "content": "b", "refusal": "no", "annotations": [], "audio": null, "reasoning": "c",
        "provider_specific_fields": {"x": 1}, "thinking_blocks": [], "function_call": null},
       {"role": "assistant", "thinking": "d"}]
      """#)
    #expect(
      try ChatMessages.read(list.array!, unknown) == [
        .system(""), .user("a"), ChatMessage(role: "assistant", content: "b", reasoning: "c"),
        ChatMessage(role: "assistant", content: "", reasoning: "d"),
      ])
  }

  @Test(arguments: [
    (#"[{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}]"#, "ab"),
    (#"[{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, "b", {"text": "c"}]"#, "abc"),
    (#"[{"type": "text", "text": null}]"#, ""), ("[]", ""), (#"{"type": "text", "text": "a"}"#, "a"),
    (#"[{"type": "refusal", "refusal": "no"}]"#, "no"),
  ])
  func partsOfText(_ content: String, _ expected: String) throws {
    #expect(try messages(#"[{"role": "assistant", "content": "# + content + "}]") == [.assistant(expected)])
  }

  @Test func partsThatAreThoughts() throws {
    #expect(
      try messages(
        #"""
        [{"role": "assistant", "content": [{"type": "thinking", "thinking": "a", "signature": "x"},
          {"type": "reasoning", "text": "b"}, {"type": "text", "text": "c"}]}]
        """#) == [ChatMessage(role: "assistant", content: "c", reasoning: "ab")])
  }

  @Test(arguments: ["image_url", "input_audio", "file", "tool_use"])
  func otherParts(_ kind: String) {
    let failure = #expect(throws: Failure.self) {
      _ = try messages(#"[{"role": "user", "content": [{"type": "\#(kind)", "text": "x"}]}]"#)
    }
    #expect(failure?.parameter == "messages[0].content")
  }

  @Test(arguments: [#""""#, "null", #"" \n""#, #""null""#, "{}", #""{}""#])
  func callsWithoutArguments(_ arguments: String) throws {
    let call = #"{"id": "c", "type": "function", "function": {"name": "f", "arguments": \#(arguments)}}"#
    #expect(
      try messages(#"[{"role": "assistant", "content": null, "tool_calls": [\#(call)]}]"#)[0].toolCalls
        == [ToolCall(name: "f", arguments: .object([:]))])
  }

  @Test func callsOfTheOlderForm() throws {
    #expect(
      try messages(
        #"""
        [{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\": 1}"}},
         {"role": "function", "name": "f", "content": "x"}]
        """#) == [
          ChatMessage(
            role: "assistant", content: "", toolCalls: [ToolCall(name: "f", arguments: .object(["a": .integer(1)]))]),
          .tool("x", name: "f"),
        ])
  }

  /// The model's template has no way of calling tools: they are called in the generic form.
  @Test func toolsThatTheTemplateDoesNotKnow() throws {
    let tools = #", "tools": [{"type": "function", "function": {"name": "f"}}]"#
    let request = try chat(tools, isStrict: true)
    #expect(request.passedOver.isEmpty)
    guard case .chat(_, let options) = request.source else { return }
    #expect(options.tools.count == 1)
    for choice in [
      #""required""#, #""any""#, #"{"type": "function", "function": {"name": "f"}}"#, #"{"type": "tool", "name": "f"}"#,
    ] { _ = try chat(tools + #", "tool_choice": "# + choice, isStrict: true) }
  }
}
