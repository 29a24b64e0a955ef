import Jamba
import JambaServer
import JambaSystem
import Testing

/// Requests to /v1/responses, and what is stored of them.
struct ResponsesTests {
  private func read(
    _ members: String, _ store: ResponseStore = ResponseStore(), isStrict: Bool = false
  ) throws -> ResponsesRequest {
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = isStrict
    return try ResponsesRequest(try JSON.parse("{" + members + "}").object!, store, RequestTests.model(), options)
  }

  private func messages(_ request: ResponsesRequest) -> [ChatMessage] {
    if case .chat(let messages, _) = request.answer.source { messages } else { [] }
  }

  @Test func itemsBecomeMessages() throws {
    let request = try read(
      #"""
      "instructions": "Be brief.", "input": [
        {"role": "developer", "content": "Now."}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "S"}], "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "S"}]},
        {"role": "assistant", "content": "c"}, {"role": "assistant", "content": "d"},
        {"type": "local_shell_call", "call_id": "c3", "action": {"command": ["ls"]}},
        {"type": "local_shell_call_output", "call_id": "c3", "output": "file"},
        {"type": "custom_tool_call", "call_id": "c4", "name": "patch", "input": "*"}, {"role": "user", "content": "e"}]
      """#, isStrict: true)
    let found = messages(request)
    #expect(
      found.map(\.role) == [
        "system", "system", "user", "assistant", "tool", "tool", "assistant", "assistant", "tool", "assistant", "user",
      ])
    #expect(found.map(\.content) == ["Be brief.", "Now.", "a", "b", "1", "2", "c", "d", "file", "", "e"])
    #expect(found.map(\.reasoning) == [nil, nil, nil, "Hm", nil, nil, "S", nil, nil, nil, nil])
    #expect(
      found[3].toolCalls == [
        ToolCall(name: "f", arguments: .object(["x": .integer(1)])), ToolCall(name: "g", arguments: .object([:])),
      ])
    #expect(found[7].toolCalls.map(\.name) == ["local_shell"])
    #expect(found[9].toolCalls == [ToolCall(name: "patch", arguments: .object(["input": .string("*")]))])
  }

  @Test func membersArrive() throws {
    let request = try read(
      #"""
      "input": "a", "max_output_tokens": 7, "temperature": 0.5, "top_p": 0.25, "store": false, "stream": true,
      "reasoning": {"effort": "low", "summary": "auto"}, "include": ["message.output_text.logprobs"], "top_logprobs": 2,
      "text": {"format": {"type": "json_schema", "name": "x", "strict": true, "schema": {"type": "object"}}, "verbosity": "medium"},
      "truncation": "auto", "prompt_cache_key": "k", "metadata": {}, "parallel_tool_calls": false, "max_tool_calls": 2
      """#, isStrict: true)
    let answer = request.answer
    #expect((answer.maxTokens, answer.topLogProbabilities, answer.streams) == (7, 2, true))
    #expect(answer.form == .schema(.object(["type": .string("object")])))
    #expect(!request.isStored)
    guard case .chat(_, let chat) = answer.source else { return }
    #expect(chat.variables == ["reasoning_effort": .string("low")])
  }

  @Test func conversationsGoOn() throws {
    let store = ResponseStore()
    let items = try JSON.parse(
      #"[{"id": "m1", "role": "user", "content": "a"}, {"id": "m2", "role": "assistant", "content": "b"}]"#)
    store.keep(ResponseStore.Entry(response: .object([:]), items: items.array!, inputCount: 1), id: "r1")
    #expect(
      messages(try read(#""input": "c", "previous_response_id": "r1""#, store)).map(\.content) == ["a", "b", "c"])
    #expect(
      messages(try read(#""input": [{"id": "m2"}, {"type": "item_reference", "id": "m1"}]"#, store)).map(\.content) == [
        "b", "a",
      ])
    #expect(store.remove("r1"))
    #expect(!store.remove("r1"))
    #expect(store.item("m1") == nil)
    for members in [#""input": "c", "previous_response_id": "r1""#, #""input": [{"id": "m2"}]"#] {
      #expect(throws: Failure.self) { _ = try read(members, store) }
    }
  }

  @Test func theStoreIsBounded() {
    func entry(_ id: String, size: Int) -> ResponseStore.Entry {
      let item = JSON.object(["id": .string("item " + id), "content": .string(String(repeating: "x", count: size))])
      return ResponseStore.Entry(response: .null, items: [item], inputCount: 1)
    }
    let few = ResponseStore(countLimit: 3, byteLimit: 1 << 20)
    for id in 0..<5 { few.keep(entry("\(id)", size: 1), id: "\(id)") }
    #expect((0..<5).map { few.entry("\($0)") != nil } == [false, false, true, true, true])
    #expect((0..<5).map { few.item("item \($0)") != nil } == [false, false, true, true, true])
    let small = ResponseStore(countLimit: 100, byteLimit: 1000)
    for id in 0..<5 { small.keep(entry("\(id)", size: 400), id: "\(id)") }
    #expect((0..<5).map { small.entry("\($0)") != nil } == [false, false, false, true, true])
    small.keep(entry("large", size: 2000), id: "large")
    #expect(small.entry("large") == nil)
    #expect(small.entry("4") != nil)
    small.keep(entry("new", size: 900), id: "new")
    #expect(small.entry("4") == nil)
    let usual = ResponseStore()
    for id in 0...1000 { usual.keep(entry("\(id)", size: 1), id: "\(id)") }
    #expect((0...1000).count { usual.entry("\($0)") != nil } == 1000 && usual.entry("0") == nil)
    // 64 MiB have room for three of 20 MiB.
    for id in 0..<4 { usual.keep(entry("\(id)", size: 20 << 20), id: "\(id)") }
    #expect((0..<4).map { usual.entry("\($0)") != nil } == [false, true, true, true])
    // What an item says last is what it is.
    few.keep(entry("2", size: 9), id: "4")
    _ = few.remove("2")
    #expect(few.item("item 2") != nil)
  }

  @Test(arguments: ["", "a", "ab", "abc", "abcd", "日本語 and \n\u{0} more"])
  func thoughtsAreSealed(_ text: String) {
    #expect(SealedThoughts.open(SealedThoughts.seal(text)) == text)
    #expect(SealedThoughts.open("gAAAA" + SealedThoughts.seal(text)) == nil)
  }

  @Test func base64IsTheUsualOne() {
    #expect(SealedThoughts.seal("light work.") == "thoughts.bGlnaHQgd29yay4=")
    #expect(SealedThoughts.open("thoughts.!") == nil)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000000007Z"), (951_827_696, "2000-02-29T12:34:56.000000007Z"),
    (4_107_542_399, "2100-02-28T23:59:59.000000007Z"), (4_107_542_400, "2100-03-01T00:00:00.000000007Z"),
  ])
  func times(_ seconds: Int, _ text: String) {
    #expect(WallClock(seconds: seconds, nanoseconds: 7).text == text)
  }

  @Test(arguments: [
    (#""input": 1"#, "input"), (#""model": "x""#, "input"), (#""input": [1]"#, "input[0]"),
    (#""input": [{"role": "robot", "content": "a"}]"#, "input[0].role"),
    (#""input": [{"role": "user", "content": [{"type": "input_file"}]}]"#, "input[0].content"),
    (#""input": [{"role": "user", "content": "a"}, {"type": "function_call"}]"#, "input[1].name"),
    (#""instructions": 1, "input": "a""#, "instructions"), (#""input": "a", "truncation": "some""#, "truncation"),
    (#""input": "a", "background": true"#, "background"), (#""input": "a", "prompt": {"id": "x"}"#, "prompt"),
    (#""input": "a", "conversation": "x""#, "conversation"),
    (#""input": "a", "max_output_tokens": "x""#, "max_output_tokens"),
    (#""input": "a", "text": {"format": {"type": "json_schema"}}"#, "text.format.json_schema.schema"),
    (#""input": "a", "tools": [{"type": "function", "name": "a", "parameters": 1}]"#, "tools[0].parameters"),
    (#""input": "a", "tools": [{"type": "web_search"}, {"type": "function", "name": "?"}]"#, "tools[1].name"),
    (#""input": "a", "tools": [{"type": "web_search"}], "tool_choice": "required""#, "tool_choice"),
    (
      #""input": "a", "tools": [{"type": "custom", "name": "a"}], "tool_choice": {"type": "custom", "name": "a"}"#,
      "tool_choice"
    ),
  ])
  func refusals(_ members: String, _ parameter: String) throws {
    let failure = #expect(throws: Failure.self) { _ = try read(members) }
    #expect(failure?.parameter == parameter)
  }

  @Test func whatIsNotHeededIsNamed() throws {
    let request = try read(
      #"""
      "input": [{"role": "user", "content": "a"}, {"type": "web_search_call", "id": "w"}], "client_metadata": {},
      "tools": [{"type": "local_shell"}, {"type": "custom", "name": "a"}], "text": {"verbosity": "low"}
      """#)
    #expect(
      request.answer.passedOver == [
        "items of type web_search_call", "tools of type local_shell", "tools of type custom", "text.verbosity",
        "client_metadata",
      ])
  }
}
