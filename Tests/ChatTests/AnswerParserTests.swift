import Jamba
import JambaSystem
import Testing

/// Answers taken apart, however they are cut.
@Suite struct AnswerParserTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var thinks = false
    var begins = false
    var tools: ChatFormat.ToolStyle?
    var isCut = false
    let answer: String
    let text: String
    var reasoning = ""
    var calls: [ToolCall] = []

    var testDescription: String { answer }
  }

  static func call(_ name: String, _ arguments: JSONObject = [:]) -> ToolCall {
    ToolCall(name: name, arguments: .object(arguments))
  }

  static let cases: [Case] = [
    Case(answer: "<think>plain</think> <tool_call>", text: "<think>plain</think> <tool_call>"),
    Case(thinks: true, answer: "<think>\nWell…\n</think>\n\nYes.", text: "Yes.", reasoning: "Well…"),
    Case(thinks: true, answer: "\n<think>a</think>b\n", text: "b\n", reasoning: "a"),
    Case(
      thinks: true, begins: true, answer: "\nWell, 1 < 2 </thin\n</think>\n\n  Yes\n no.", text: "Yes\n no.",
      reasoning: "Well, 1 < 2 </thin"),
    Case(thinks: true, begins: true, answer: "never done </thi", text: "", reasoning: "never done </thi"),
    Case(thinks: true, answer: "No thought <think>here</think>", text: "No thought <think>here</think>"),
    Case(thinks: true, answer: "<thing>", text: "<thing>"),
    Case(thinks: true, answer: "<th", text: "<th"),
    Case(
      tools: .single,
      answer:
        "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call>}\\\"\"}}\n</tool_call>",
      text: "Let me see.", calls: [call("f", ["a": .string("</tool_call>}\"")])]),
    Case(
      tools: .single,
      answer:
        "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": \"{\\\"x\\\": 1}\"}</tool_call> done",
      text: "done", calls: [call("f"), call("g", ["x": .integer(1)])]),
    Case(
      thinks: true, begins: true, tools: .single, answer: "hm</think><tool_call>{\"name\": \"f\"}</tool_call>",
      text: "", reasoning: "hm",
      calls: [call("f")]),
    Case(
      tools: .list,
      answer:
        "<tool_calls>[\n{\"name\": \"f\", \"arguments\": {\"é\": [1, {}]}},\n{\"name\": \"g\", \"arguments\": {}}\n]</tool_calls>",
      text: "", calls: [call("f", ["é": .array([.integer(1), .object([:])])]), call("g")]),
    // A call that the limit has cut off leaves no mark behind.
    Case(tools: .single, isCut: true, answer: "Hm.\n<tool_call>{\"name\": \"f\", \"argu", text: "Hm."),
    Case(tools: .single, isCut: true, answer: "Hm.\n<tool", text: "Hm."),
    Case(tools: .single, isCut: true, answer: "a < b\n", text: "a < b\n"),
    Case(
      tools: .list, isCut: true, answer: "<tool_calls>[{\"name\": \"f\"}, {\"name\"", text: "", calls: [call("f")]),
    // What is no call stays text.
    Case(tools: .single, answer: "<tool_call>no json</tool_call>", text: "<tool_call>no json</tool_call>"),
    Case(
      tools: .single, answer: "a <tool_call>{\"nome\": 1}</tool_call> b",
      text: "a <tool_call>{\"nome\": 1}</tool_call> b"),
    Case(tools: .single, answer: "<tool_call>{\"name\": \"f\", \"argu", text: "<tool_call>{\"name\": \"f\", \"argu"),
    Case(
      tools: .single, answer: "a <tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}y",
      text: "a <tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}y"),
    Case(tools: .list, answer: "<tool_calls>[}", text: "<tool_calls>[}"),
    Case(tools: .list, answer: "a < b <tool", text: "a < b <tool"),
  ]

  @Test(arguments: cases)
  func takesAnswersApart(_ example: Case) {
    var style = AnswerParser.Style()
    style.thinks = example.thinks
    style.beginsThinking = example.begins
    style.tools = example.tools
    let characters = Array(example.answer)
    for size in [1, 2, 3, 7, characters.count] {
      var parser = AnswerParser(style)
      var all = AnswerParser.Parts()
      func add(_ parts: AnswerParser.Parts) {
        all.text += parts.text
        all.reasoning += parts.reasoning
        all.toolCalls += parts.toolCalls
      }
      for start in stride(from: 0, to: characters.count, by: size) {
        add(parser.push(String(characters[start..<min(start + size, characters.count)])))
      }
      add(parser.finish(isCut: example.isCut))
      let isSame = all.text == example.text && all.reasoning == example.reasoning && all.toolCalls == example.calls
      #expect(isSame, "in pieces of \(size): \(all)")
    }
  }

  /// A call may have 1 MiB; what is longer is text.
  @Test func longCalls() {
    func calls(_ byteCount: Int) -> Int {
      var style = AnswerParser.Style()
      style.tools = .single
      let (opening, closing) = ("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"", "\"}}</tool_call>")
      var parser = AnswerParser(style)
      let text = opening + String(repeating: "x", count: byteCount - opening.utf8.count - closing.utf8.count) + closing
      let (first, last) = (parser.push(text), parser.finish(isCut: false))
      let count = first.toolCalls.count + last.toolCalls.count
      #expect((first.text + last.text) == (count == 0 ? text : ""))
      return count
    }
    #expect(calls(1 << 20) == 1)
    // The mark at the end does not count.
    #expect(calls((1 << 20) + 20) == 0)
  }

  /// Of calls that are none 8 MiB are looked at for calls again; behind them there are no more calls.
  @Test func manyCallsThatAreNone() {
    func calls(behind byteCount: Int) -> Int {
      var style = AnswerParser.Style()
      style.tools = .single
      var parser = AnswerParser(style)
      // A call's beginning of nearly 1 MiB that turns out to be none.
      let none = "<tool_call>{\"name\": \"" + String(repeating: "x", count: 1_000_000) + "\", !"
      var count = 0
      for _ in 0..<byteCount / 1_000_000 { count += parser.push(none).toolCalls.count }
      count += parser.push("<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>").toolCalls.count
      return count + parser.finish(isCut: false).toolCalls.count
    }
    #expect(calls(behind: 8_000_000) == 1)
    #expect(calls(behind: 10_000_000) == 0)
  }
}
