import Jamba
import JambaServer
import JambaSystem
import Testing

/// Requests in Ollama's words.
struct OllamaTests {
  private func read(_ members: String, isChat: Bool = true, isStrict: Bool = false) throws -> OllamaRequest {
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = isStrict
    options.refusesOtherModelNames = isStrict
    let body = try JSON.parse("{" + members + "}").object!
    return try isChat
      ? OllamaRequest.chat(body, RequestTests.model(), options)
      : OllamaRequest.generate(body, RequestTests.model(), options)
  }

  private static let hello = #""messages": [{"role": "user", "content": "a"}]"#

  @Test func messagesArrive() throws {
    let request = try read(
      #"""
      "model": "model:latest", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u", "images": []},
      {"role": "assistant", "content": "", "thinking": "Hm", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
      {"role": "tool", "tool_name": "f", "content": "1"}, {"role": "assistant"}]
      """#, isStrict: true)
    guard case .chat(let found, _) = request.answer!.source else { return }
    #expect(found.map(\.role) == ["system", "user", "assistant", "tool", "assistant"])
    #expect(found[2].reasoning == "Hm")
    #expect(found[2].toolCalls == [ToolCall(name: "f", arguments: .object(["x": .integer(1)]))])
    #expect(found[3] == .tool("1", name: "f"))
  }

  @Test func optionsArrive() throws {
    let answer = try read(
      OllamaTests.hello
        + #"""
        , "options": {"num_predict": 7, "temperature": 0.5, "top_k": 3, "top_p": 0.25, "min_p": 0.125, "seed": 4, "stop": ["x"],
        "repeat_penalty": 1.5, "repeat_last_n": 8, "num_thread": 4, "num_gpu": 0}, "keep_alive": "5m", "think": true
        """#
    ).answer!
    var sampling = Sampling(temperature: 0.5, topK: 3, topP: 0.25, minP: 0.125, seed: 4)
    (sampling.repetitionPenalty, sampling.repetitionWindow) = (1.5, 8)
    #expect(answer.sampling == sampling)
    #expect((answer.maxTokens, answer.stop, answer.streams) == (7, ["x"], true))
    guard case .chat(_, let chat) = answer.source else { return }
    #expect(chat.variables == ["enable_thinking": .bool(true)])
    #expect(try read(OllamaTests.hello + #", "options": {"num_predict": -2}"#).answer?.maxTokens == .max)
    #expect(try read(OllamaTests.hello + #", "stream": false"#).answer?.streams == false)
  }

  /// Only what is an option of Ollama's gets out of `options`.
  @Test func optionsAreNoMembers() throws {
    let answer = try read(OllamaTests.hello + #", "options": {"messages": [], "stream": false, "num_ctx": 9}"#).answer!
    #expect(answer.passedOver == ["options.messages", "options.stream", "options.num_ctx"])
    #expect(answer.streams)
  }

  @Test func forms() throws {
    func form(_ value: String) throws -> AnswerRequest.Form? {
      try read(OllamaTests.hello + #", "format": "# + value).answer?.form
    }
    #expect(try form("\"\"") == .free)
    #expect(try form("null") == .free)
    #expect(try form("\"json\"") == .schema(.object(["type": .string("object")])))
    #expect(try form(#"{"type": "array"}"#) == .schema(.object(["type": .string("array")])))
  }

  @Test func generation() throws {
    let request = try read(#""prompt": "u", "system": "s""#, isChat: false)
    guard case .chat(let found, _) = request.answer!.source else { return }
    #expect(found == [.system("s"), .user("u")])
    let raw = try read(#""prompt": "u", "raw": true, "logprobs": true, "top_logprobs": 3"#, isChat: false).answer!
    guard case .texts(let prompts) = raw.source else { return }
    #expect(prompts == [.text("u")])
    #expect((raw.topLogProbabilities, raw.maxTokens) == (3, ServerOptions(modelName: "").defaultMaxTokens))
  }

  @Test func withoutAPromptItIsForTheModel() throws {
    #expect(try read(#""model": "x""#).answer == nil)
    #expect(try read(#""model": "x", "keep_alive": 0"#, isChat: false).isForgetting)
  }

  @Test(arguments: [
    (#""messages": [1]"#, true, "messages[0]"),
    (#""messages": [{"role": "user", "content": "a", "images": ["x"]}]"#, true, "messages[0].images"),
    (hello + #", "format": 1"#, true, "format"), (hello + #", "think": 1"#, true, "think"),
    (hello + #", "options": 1"#, true, "options"), (hello + #", "options": {"stop": 1}"#, true, "options.stop"),
    (hello + #", "options": {"top_k": "x"}"#, true, "options.top_k"),
    (hello + #", "options": {"num_predict": -3}"#, true, "options.num_predict"),
    (#""prompt": "a", "suffix": "b""#, false, "suffix"), (#""prompt": "a", "images": ["b"]"#, false, "images"),
    (#""prompt": "a", "context": [1]"#, false, "context"), (#""prompt": "a", "template": "b""#, false, "template"),
    (#""prompt": "a", "raw": true, "system": "b""#, false, "system"), (#""prompt": 1"#, false, "prompt"),
  ])
  func refusals(_ members: String, _ isChat: Bool, _ parameter: String) throws {
    let failure = #expect(throws: Failure.self) { _ = try read(members, isChat: isChat) }
    #expect(failure?.parameter == parameter)
  }
}
