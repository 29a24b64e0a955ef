import Foundation
import Jamba
import JambaServer
import JambaSystem
import TestSupport
import Testing

/// What templates see of requests' messages, and requests that have to be taken.
struct ChatCaseTests {
  private static let shared = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/cases/chat/requests.jsonl").standardizedFileURL

  /// A model whose template prints what it is given.
  private static func model() throws -> JambaModel {
    let folder = try TemporaryFolder()
    try SyntheticModels.write(to: folder.file("model.jamba"), hidden: 32, intermediate: 32, experts: 1)
    var options = ModelOptions()
    options.chatTemplate = "{# <tool_call> reasoning_content #}{{ messages|tojson }}"
    return try JambaModel.open(folder.file("model.jamba"), options: options)
  }

  private static func messages(_ request: JSON) throws -> JSON {
    let model = try model()
    let read = try AnswerRequest.chat(request.object!, model, ServerOptions(modelName: "model"))
    guard case .chat(let messages, let options) = read.source else { return .null }
    return try JSON.parse(model.render(messages, options: options))
  }

  /// The value at a path such as `messages[1].tool_calls[0]`.
  private static func value(at path: String, in messages: JSON) -> JSON? {
    var value: JSON? = .object(["messages": messages])
    for step in path.split(whereSeparator: { ".[]".contains($0) }) {
      if let index = Int(step) {
        value = value?.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      } else {
        value = value?[String(step)]
      }
    }
    return value
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: shared.path))) func sharedRequests() throws {
    for line in String(decoding: try Data(contentsOf: Self.shared), as: UTF8.self).split(separator: "\n") {
      let example = try JSON.parse(String(line))
      let seen: JSON
      do { seen = try Self.messages(#require(example["request"])) } catch {
        Issue.record("\(line): \(error)")
        continue
      }
      for (path, expected) in (example["expected"]?["template_sees"]?.object ?? [:]).members {
        #expect(Self.value(at: path, in: seen) == expected, "\(path) of \(line)")
      }
    }
  }

  private func history(_ call: String, _ result: String = #""content": "ok""#) throws -> JSON {
    try Self.messages(
      JSON.parse(
        #"""
        {"messages": [{"role": "user", "content": "hi"},
         {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": \#(call)}]},
         {"role": "tool", "tool_call_id": "c1", \#(result)}]}
        """#))
  }

  @Test(arguments: [
    (#"{"name": "f", "arguments": ""}"#, "{}"), (#"{"name": "f", "arguments": " \n"}"#, "{}"),
    (#"{"name": "f", "arguments": null}"#, "{}"), (#"{"name": "f", "arguments": "null"}"#, "{}"),
    (#"{"name": "f"}"#, "{}"), (#"{"name": "f", "arguments": {"a": 1}}"#, #"{"a":1}"#),
    (#"{"name": "f", "arguments": "{\"n\": -123456789012345678901}"}"#, #"{"n":-123456789012345678901}"#),
    (#"{"name": "f", "arguments": {"n": 18446744073709551616}}"#, #"{"n":18446744073709551616}"#),
  ])
  func argumentsAreObjects(_ call: String, _ arguments: String) throws {
    let seen = try history(call)
    #expect(Self.value(at: "messages[1].tool_calls[0].function.arguments", in: seen)?.text() == arguments)
  }

  @Test func resultsHaveTheNamesThatTheyAreGiven() throws {
    let call = #"{"name": "f", "arguments": "{}"}"#
    #expect(Self.value(at: "messages[2].name", in: try history(call)) == nil)
    let named = try history(call, #""content": null, "name": "g""#)
    #expect(Self.value(at: "messages[2].name", in: named) == .string("g"))
    #expect(Self.value(at: "messages[2].content", in: named) == .string(""))
  }

  private func options(_ members: String, last: String = #"{"role": "assistant", "content": "So"}"#) throws -> ChatOptions {
    let body = try JSON.parse(#"{"messages": [{"role": "user", "content": "hi"}, \#(last)]\#(members)}"#)
    let request = try AnswerRequest.chat(body.object!, Self.model(), ServerOptions(modelName: "model"))
    guard case .chat(_, let options) = request.source else { return ChatOptions() }
    return options
  }

  @Test(arguments: [
    ("", true, true), (#", "continue_final_message": false"#, false, true), (#", "add_generation_prompt": true"#, false, true),
    (#", "continue_final_message": true, "add_generation_prompt": false"#, true, false),
    (#", "add_generation_prompt": false"#, true, false),
  ])
  func openings(_ members: String, _ continues: Bool, _ adds: Bool) throws {
    let options = try options(members)
    #expect(options.continuesFinalMessage == continues)
    #expect(options.addsGenerationPrompt == adds)
  }

  @Test func callsAndOtherRolesAreNotContinued() throws {
    #expect(try !options("", last: #"{"role": "user", "content": "x"}"#).continuesFinalMessage)
    let call = #"{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}"#
    #expect(try !options("", last: call).continuesFinalMessage)
    #expect(try options(#", "continue_final_message": true"#, last: #"{"role": "user", "content": "x"}"#).continuesFinalMessage)
  }
}
