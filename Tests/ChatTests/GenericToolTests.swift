import Jamba
import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// Tools in chats whose template knows none, and answers that go on with a message.
@Suite struct GenericToolTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try folder.convertDemo()
  }

  private func model(template: String? = nil, context: Int? = nil) throws -> JambaModel {
    var options = ModelOptions(chatTemplate: template)
    if let context { options.context = context }
    return try JambaModel.open(path, options: options)
  }

  private func run(
    _ model: JambaModel, _ messages: [ChatMessage], _ chat: ChatOptions, maxTokens: Int = 400, seed: UInt64 = 3
  ) throws -> (generation: Generation, deltas: [ToolCallDelta], text: String, reason: FinishReason?) {
    let generation = try model.makeSession().answer(
      to: messages, options: GenerationOptions(sampling: Sampling(temperature: 1, seed: seed), maxTokens: maxTokens),
      chat: chat)
    var (deltas, text): ([ToolCallDelta], String) = ([], "")
    var reason: FinishReason?
    while let piece = try generation.next() {
      deltas += piece.toolCallDeltas
      text += piece.text
      reason = piece.finishReason ?? reason
    }
    return (generation, deltas, text, reason)
  }

  @Test func callsFitTheirToolsWithAnyTemplate() throws {
    for template in [nil, "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "] {
      let model = try model(template: template)
      var chat = ChatOptions(tools: [ChatTests.tool], toolUse: .required)
      chat.allowsSeveralCalls = false
      let (generation, deltas, text, reason) = try run(model, [.user("How is the weather?")], chat)
      let calls = generation.message.toolCalls
      #expect(text.isEmpty && calls.count == 1 && reason == .toolCalls, "\(generation.message)")
      for call in calls {
        #expect(call.name == "weather")
        #expect(["Oslo", "Rome"].contains(call.arguments["city"]?.string ?? ""))
        #expect(1...7 ~= call.arguments["days"]?.integer ?? 0)
        #expect(deltas.first?.name == "weather")
        #expect(deltas.count > 2, "the arguments come in pieces")
        #expect(deltas.map(\.arguments).joined() == call.arguments.text())
      }
    }
  }

  @Test func freeAnswersAreTextOrCalls() throws {
    let model = try model()
    for seed in 1...4 {
      let (generation, _, text, _) = try run(
        model, [.user("Hello")], ChatOptions(tools: [ChatTests.tool]), maxTokens: 60, seed: UInt64(seed))
      #expect(!text.hasPrefix("{\"resp") && !text.contains("tool_calls"), "\(text)")
      #expect(generation.message.content == text)
    }
  }

  @Test func historiesAreWrittenInTheForm() throws {
    let model = try model(template: "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}")
    let messages = [
      ChatMessage.system("Be kind."), .user("Weather?"),
      ChatMessage(
        role: "assistant", content: "", toolCalls: [ToolCall(name: "weather", arguments: .string("{\"city\": \"Oslo\"}"))]),
      .tool("rain"), .user("And now?"), .assistant("Rain."), .user("Thanks"),
    ]
    let text = try model.render(messages, options: ChatOptions(tools: [ChatTests.tool]))
    for part in [
      "[system] Be kind.\n\nYou can call these tools", "{\"name\": \"weather\", ",
      "[assistant] {\"tool_calls\": [{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}]}\n",
      "[user] {\"tool_response\": {\"name\": \"weather\", \"content\": \"rain\"}}\nAnd now?\n",
      "[assistant] {\"response\": \"Rain.\"}\n[user] Thanks\n",
    ] { #expect(text.contains(part), "\(part) in \(text)") }
    // A template that refuses system messages.
    let refusing = try self.model(
      template:
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    )
    let other = try refusing.render([.user("Hi")], options: ChatOptions(tools: [ChatTests.tool]))
    #expect(other.hasPrefix("[user] You can call these tools") && other.contains("\n\nHi\n"), "\(other)")
  }

  @Test func toolsThatDoNotFitAreLeftOut() throws {
    let model = try model(context: 256)
    var tool = try #require(ChatTests.tool.object)
    tool["note"] = .string(String(repeating: "much to say ", count: 200))
    let many = [JSON.object(tool), .object(["name": .string("g"), "description": .string(String(repeating: "x y ", count: 400))])]
    let (generation, _, _, _) = try run(model, [.user("Hi")], ChatOptions(tools: many), maxTokens: 4)
    #expect(generation.leavesOutTools)
    let (other, _, _, _) = try run(model, [.user("Hi")], ChatOptions(), maxTokens: 4)
    #expect(!other.leavesOutTools)
    #expect(other.usage.promptTokens == generation.usage.promptTokens)
  }

  // MARK: Going on with a message

  @Test func goesOnWithTheFinalMessage() throws {
    let model = try model()
    var chat = ChatOptions()
    chat.continuesFinalMessage = true
    let messages = [ChatMessage.user("Hi"), .assistant("Hello, my name ")]
    let text = try model.render(messages, options: chat)
    #expect(text.hasSuffix("Hello, my name ") || text.hasSuffix("Hello, my name"), "\(text)")
    let (generation, _, answer, _) = try run(model, messages, chat, maxTokens: 8)
    #expect(generation.message.content == answer)
    #expect(throws: JambaError.self) { try model.render([], options: chat) }
    #expect(throws: JambaError.self) { try Conversation(model.makeSession(), chat: chat) }
    // What trims messages has the white space at the end trimmed, as Hugging Face transformers has it.
    let trimming = try self.model(template: "{% for m in messages %}<{{ m.content|trim }}>{% endfor %}!")
    #expect(try trimming.render(messages, options: chat) == "<Hi><Hello, my name")
    let keeping = try self.model(template: "{% for m in messages %}<{{ m.content }}>{% endfor %}!")
    #expect(try keeping.render(messages, options: chat) == "<Hi><Hello, my name ")
    chat.continuesFinalMessage = false
    chat.addsGenerationPrompt = false
    let prompted = try self.model(template: "{{ messages|length }}{% if add_generation_prompt %}>{% endif %}")
    #expect(try prompted.render(messages, options: chat) == "2")
  }

  @Test func aBegunThoughtGoesOn() throws {
    let model = try model(
      template: "{% for m in messages %}<{{ m.content }}>{% endfor %}{# <think> #}{% if add_generation_prompt %}<think>{% endif %}")
    var chat = ChatOptions()
    chat.continuesFinalMessage = true
    let (generation, _, text, _) = try run(
      model, [.user("Hi"), .assistant("<think>\nLet me")], chat, maxTokens: 6)
    #expect(text.isEmpty && generation.message.reasoning != nil, "\(generation.message)")
  }

  /// With thoughts switched off, a call that is required begins at once.
  @Test func noRoomForAThought() throws {
    let template =
      "{% for m in messages %}{{ m.content }}{% endfor %}{# <tool_call> #}{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
    let model = try model(template: template)
    var chat = ChatOptions(tools: [ChatTests.tool], toolUse: .required, variables: ["enable_thinking": .bool(false)])
    chat.allowsSeveralCalls = false
    for seed in 1...6 {
      let (generation, _, text, _) = try run(model, [.user("Hi")], chat, seed: UInt64(seed))
      #expect(generation.message.reasoning == nil && text.isEmpty && generation.message.toolCalls.count == 1)
    }
  }
}
