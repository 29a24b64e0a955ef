import Jamba
import JambaServer
import JambaSystem
import Testing

/// Requests in Anthropic's words.
struct MessagesTests {
  private func read(_ members: String, isStrict: Bool = false) throws -> AnswerRequest {
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = isStrict
    return try AnswerRequest.messages(try JSON.parse("{" + members + "}").object!, RequestTests.model(), options)
  }

  private func messages(_ list: String, system: String = "null") throws -> [ChatMessage] {
    let request = try read(#""system": \#(system), "messages": \#(list)"#, isStrict: true)
    guard case .chat(let messages, _) = request.source else { return [] }
    return messages
  }

  @Test func blocksBecomeMessages() throws {
    let list = #"""
      [{"role": "user", "content": [{"type": "text", "text": "What "}, {"type": "text", "text": "time?", "cache_control": {}}]},
       {"role": "assistant", "content": [
         {"type": "thinking", "thinking": "Hm", "signature": "x"}, {"type": "redacted_thinking", "data": "x"},
         {"type": "text", "text": "Let me see."}, {"type": "tool_use", "id": "a", "name": "clock", "input": {"zone": 1}},
         {"type": "tool_use", "id": "b", "name": "sky", "input": {}}]},
       {"role": "user", "content": [
         {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "on"}]},
         {"type": "tool_result", "tool_use_id": "b", "content": "no sky", "is_error": true},
         {"type": "text", "text": "So?"}]},
       {"role": "assistant", "content": "It is"}]
      """#
    let system =
      #"[{"type": "text", "text": "Be ", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "brief."}]"#
    let found = try messages(list, system: system)
    #expect(found.map(\.role) == ["system", "user", "assistant", "tool", "tool", "user", "assistant"])
    #expect(
      found.map(\.content) == ["Be brief.", "What time?", "Let me see.", "noon", "Error: no sky", "So?", "It is"])
    #expect(found[2].reasoning == "Hm")
    #expect(
      found[2].toolCalls == [
        ToolCall(name: "clock", arguments: .object(["zone": .integer(1)])),
        ToolCall(name: "sky", arguments: .object([:])),
      ])
  }

  @Test func textBeforeAResultIsAMessageOfItsOwn() throws {
    let found = try messages(
      #"[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "tool_result", "tool_use_id": "x"}]}]"#)
    #expect(found.map(\.role) == ["user", "tool"])
    #expect(found.map(\.content) == ["a", ""])
  }

  @Test func membersArrive() throws {
    let request = try read(
      #"""
      "messages": [{"role": "user", "content": "a"}], "max_tokens": 7, "stop_sequences": ["x", "y"], "temperature": 0.5,
      "top_p": 0.25, "top_k": 3, "metadata": {"user_id": "u"}, "stream": true, "service_tier": "auto",
      "output_config": {"effort": "low"}, "thinking": {"type": "enabled"}
      """#, isStrict: true)
    #expect(request.maxTokens == 7)
    #expect(request.stop == ["x", "y"])
    #expect((request.sampling.temperature, request.sampling.topP, request.sampling.topK) == (0.5, 0.25, 3))
    #expect(request.streams)
    guard case .chat(_, let chat) = request.source else { return }
    #expect(chat.variables == ["reasoning_effort": .string("low"), "enable_thinking": .bool(true)])
  }

  @Test func whatIsNotHeededIsNamed() throws {
    let request = try read(
      #"""
      "messages": [{"role": "user", "content": "a"}], "thinking": {"type": "enabled", "budget_tokens": 1024},
      "context_management": {"edits": []}, "tools": [{"type": "web_search_20250305", "name": "web_search"}]
      """#)
    #expect(
      request.passedOver == [
        "tools of type web_search_20250305", "thinking.budget_tokens", "context_management",
      ])
    let failure = #expect(throws: Failure.self) {
      _ = try read(#""messages": [{"role": "user", "content": "a"}], "context_management": {}"#, isStrict: true)
    }
    #expect(failure?.parameter == "context_management")
  }

  @Test(arguments: [
    (#""messages": []"#, "messages"), (#""messages": [1]"#, "messages[0]"),
    (#""messages": [{"role": "tool", "content": "a"}]"#, "messages[0].role"),
    (#""messages": [{"role": "user", "content": 1}]"#, "messages[0].content"),
    (#""messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]"#, "messages[0].content[0]"),
    (
      #""messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64"}}]}]"#,
      "messages[0].content[0]"
    ),
    (#""messages": [{"role": "user", "content": [{"type": "tool_result"}]}]"#, "messages[0].content[0].tool_use_id"),
    (#""messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]"#, "messages[0].content[0].name"),
    (#""messages": [{"role": "user", "content": "a"}], "stop_sequences": 1"#, "stop_sequences"),
    (#""messages": [{"role": "user", "content": "a"}], "n": 2"#, "n"),
    (#""messages": [{"role": "user", "content": "a"}], "container": "x""#, "container"),
    (
      #""messages": [{"role": "user", "content": "a"}], "tools": [{"name": "a b", "input_schema": {}}]"#,
      "tools[0].name"
    ),
    (
      #""messages": [{"role": "user", "content": "a"}], "tools": [{"name": "a", "input_schema": 1}]"#,
      "tools[0].input_schema"
    ),
    (#""messages": [{"role": "user", "content": "a"}], "tool_choice": {"type": "all"}"#, "tool_choice.type"),
    (
      #""messages": [{"role": "user", "content": "a"}], "tool_choice": {"type": "tool", "name": "a"}"#,
      "tool_choice.name"
    ),
    (
      #""messages": [{"role": "user", "content": "a"}], "output_config": {"format": {"type": "xml"}}"#,
      "output_config.format.type"
    ),
  ])
  func refusals(_ members: String, _ parameter: String) throws {
    let failure = #expect(throws: Failure.self) { _ = try read(members) }
    #expect(failure?.parameter == parameter)
  }
}
