import Foundation
import Jamba
import JambaSystem
import Testing

/// Answers of models and the parts that they have, a JSON object a line, whichever way the answers are cut into pieces.
@Suite struct AnswerCaseTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

  /// The project's own, and those beside the checkout where there are any.
  private static let files = [
    folder.appending(path: "Fixtures/answers.jsonl"),
    folder.appending(path: "../../../shared/cases/chat/answers.jsonl").standardizedFileURL,
  ].filter { FileManager.default.fileExists(atPath: $0.path) }

  @Test(arguments: files)
  func answersComeApart(_ file: URL) throws {
    let lines = String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n")
    #expect(lines.count > 10)
    for line in lines {
      let example = try JSON.parse(String(line))
      for size in [1, 2, 5, 1000] { try check(example, inPiecesOf: size) }
    }
  }

  private func check(_ example: JSON, inPiecesOf size: Int) throws {
    let answer = try #require(example["answer"]?.string)
    var parser = AnswerParser(style(example))
    var all = AnswerParser.Parts()
    func add(_ parts: AnswerParser.Parts) {
      all.text += parts.text
      all.reasoning += parts.reasoning
      all.toolCalls += parts.toolCalls
      all.toolCallDeltas += parts.toolCallDeltas
    }
    var rest = Array(answer)[...]
    while !rest.isEmpty {
      add(parser.push(String(rest.prefix(size))))
      rest = rest.dropFirst(size)
    }
    add(parser.finish(isCut: example["cut"]?.bool ?? false))
    let expected = example["expected"] ?? .null
    let calls = all.toolCalls.map { JSON.object(["name": .string($0.name), "arguments": .string($0.arguments.text())]) }
    let isRight =
      JSON.string(all.text) == expected["text"] && JSON.string(all.reasoning) == expected["reasoning"]
      && JSON.array(calls) == expected["calls"]
    #expect(isRight, "\(answer.debugDescription) in pieces of \(size): \(all)")
    // What has been handed out in parts is the same as the whole.
    for (index, call) in all.toolCalls.enumerated() {
      let parts = all.toolCallDeltas.filter { $0.index == index }
      #expect(parts.first?.name == call.name)
      #expect(parts.map(\.arguments).joined() == call.arguments.text())
      #expect(parts.firstIndex(where: \.isComplete) == parts.count - 1)
    }
  }

  private func style(_ example: JSON) -> AnswerParser.Style {
    var style = AnswerParser.Style()
    style.thinks = example["thinks"]?.bool ?? false
    style.beginsThinking = example["begins"]?.bool ?? false
    switch example["tools"]?.string {
    case "single": style.tools = .single
    case "list": style.tools = .list
    case "generic": style.tools = .generic
    default: break
    }
    return style
  }
}

/// JSON written again piece by piece.
@Suite struct CompactorTests {
  @Test(arguments: [
    #"{"a": [1, -2.50, 1e5, true , null], "b": {"c" : "\u00e9\/\n\ud83d\ude00"}}"#, "[]", "{}", #"  {"a":{}}"#, #""x\"y""#,
    "[[[[]]],{\"a\":[{}]}]", #"{"n": 123456789012345678901234567890, "x": 1e400}"#,
  ])
  func writesWhatTheParserReads(_ text: String) throws {
    var compactor = JSONCompactor()
    for byte in text.utf8 {
      let before = compactor.output
      compactor.take(byte)
      #expect(compactor.output.starts(with: before))
    }
    #expect(compactor.outcome == .complete)
    #expect(String(decoding: compactor.output, as: UTF8.self) == (try JSON.parse(text)).text())
  }

  @Test(arguments: [
    "}", "[}", "{]", "{\"a\" 1}", "{1:2}", "[1,]", "{\"a\":1,}", "[1 2]", "[tru]", "[01]", "[\"\\x\"]", "[\"\\ud800\"]", "{,}",
    "[,]", ":", "{\"a\":1,\"a\":2}", "[1}", "[--1]", "{\"a\"}",
  ])
  func refuses(_ text: String) {
    var compactor = JSONCompactor()
    for byte in text.utf8 { compactor.take(byte) }
    #expect(compactor.outcome == .failed)
  }

  @Test func controlCharactersBecomeEscapes() {
    var compactor = JSONCompactor()
    for byte in "{\"a\": \"1\n\t2\u{01}\"}".utf8 { compactor.take(byte) }
    #expect(String(decoding: compactor.output, as: UTF8.self) == #"{"a":"1\n\t2\u0001"}"#)
  }

  @Test func depthIsBounded() {
    var compactor = JSONCompactor()
    for _ in 0..<1000 { compactor.take(UInt8(ascii: "[")) }
    #expect(compactor.outcome == .failed)
  }
}
