import Foundation
import Jamba
import JambaSystem
import TestSupport

extension FuzzTarget {
  /// An answer, taken apart as it comes: however it is cut, the parts are the same. The first byte chooses the form of
  /// answers, the second where the text is cut.
  static let answer = FuzzTarget(
    "answer",
    dictionary: [
      "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_calls>", "</tool_calls>", "{\"tool_calls\": [",
      "{\"response\": \"",
      "{\"name\": \"f\", \"arguments\": {\"a\": 1}}", "\"arguments\": \"", "\\u00e9", "\\\"", "```json\n", "\n", "[",
      "]", "}", "é", "👩",
    ],
    shortCount: 24000,
    fixtures: {
      let lines = try bytes(of: Fixtures.repository + "/Tests/ChatTests/Fixtures/answers.jsonl").split(separator: 10)
      let answers = try lines.compactMap { try JSON.parse($0)["answer"]?.string }
      return answers.enumerated().flatMap { index, answer in
        [UInt8(0), 4, 8, 12].map { [$0 + UInt8(index % 4), UInt8(index & 255)] + Array(answer.utf8) }
      }
    },
    run: { bytes in
      guard bytes.count >= 2 else { return }
      var style = AnswerParser.Style()
      style.thinks = bytes[0] & 1 != 0
      style.beginsThinking = bytes[0] & 2 != 0 && style.thinks
      style.tools = [nil, .list, .single, .generic][Int(bytes[0] >> 2 & 3)]
      style.hasPlainResponse = bytes[0] & 16 != 0
      style.continuesText = bytes[0] & 32 != 0
      style.isThoughtOver = bytes[0] & 64 != 0 && !style.beginsThinking
      let isCut = bytes[0] & 128 != 0
      let answer = text(bytes.dropFirst(2))
      let whole = taken([answer], style, isCut)
      var random = SplitMix64(seed: UInt64(bytes[1]))
      for longest in [1, 12] {
        var pieces: [String] = []
        var rest = answer.unicodeScalars[...]
        while !rest.isEmpty {
          let count = 1 + Int(random.next() % UInt64(longest))
          pieces.append(String(String.UnicodeScalarView(rest.prefix(count))))
          rest = rest.dropFirst(count)
        }
        let parts = taken(pieces, style, isCut)
        require(parts == whole, "cut in pieces it is \(parts), not \(whole)")
      }
    })

  private struct Taken: Equatable, CustomStringConvertible {
    var text: [UInt8] = []
    var reasoning: [UInt8] = []
    var calls: [ToolCall] = []
    /// Of each call that was completed, name and arguments as they were told.
    var told: [[UInt8]] = []

    var description: String {
      "(text: \(String(decoding: text, as: UTF8.self).debugDescription), "
        + "reasoning: \(String(decoding: reasoning, as: UTF8.self).debugDescription), calls: \(calls), "
        + "told: \(told.map { String(decoding: $0, as: UTF8.self) }))"
    }
  }

  private static func taken(_ pieces: [String], _ style: AnswerParser.Style, _ isCut: Bool) -> Taken {
    var parser = AnswerParser(style)
    var all = Taken()
    var deltas: [Int: [UInt8]] = [:]
    var complete: Set<Int> = []
    func add(_ parts: AnswerParser.Parts) {
      all.text += parts.text.utf8
      all.reasoning += parts.reasoning.utf8
      all.calls += parts.toolCalls
      for delta in parts.toolCallDeltas {
        deltas[delta.index, default: []] += Array((delta.name ?? "").utf8) + Array(delta.arguments.utf8)
        if delta.isComplete { complete.insert(delta.index) }
      }
    }
    for piece in pieces { add(parser.push(piece)) }
    add(parser.finish(isCut: isCut))
    // A call that never was complete was none. How much of it was told, and whether it has a number, depends on the pieces.
    all.told = complete.sorted().map { deltas[$0]! }
    require(complete.count == all.calls.count, "\(complete.count) calls were told and \(all.calls.count) are there")
    return all
  }
}
