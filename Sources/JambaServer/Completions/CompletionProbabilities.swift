import Jamba
import JambaSystem
import JambaText

/// The log-probabilities of a completion's tokens: those of its prompt, where it is echoed, then those of the answer.
///
/// Kept as they come, and worded at the end: as JSON they are many times as large.
struct CompletionProbabilities {
  private struct Entry {
    let token: Int32
    /// nil for the first token of a prompt, which follows nothing.
    let value: LogProbabilities?
    /// Characters (Unicode scalars) of the text before the token.
    let offset: Int
  }

  private var entries: [Entry] = []

  var isEmpty: Bool { entries.isEmpty }

  /// The tokens of a prompt, whose text is `text`.
  mutating func add(_ prompt: PromptScores, text: String, _ tokenizer: Tokenizer?) {
    let length = text.unicodeScalars.count
    var detokenizer = tokenizer.map { StreamingDetokenizer(tokenizer: $0, afterText: false) }
    var offset = 0
    entries.reserveCapacity(entries.count + prompt.tokens.count)
    for (index, token) in prompt.tokens.enumerated() {
      entries.append(Entry(token: token, value: index == 0 ? nil : prompt.scores[index - 1], offset: min(offset, length)))
      // The tokenizer puts a token before a text that is no part of it.
      let isBefore = index == 0 && !text.hasPrefix(TokenText.name(of: token, tokenizer))
      if !isBefore || tokenizer?.isSpecial(token) != true {
        offset += (detokenizer?.push(token) ?? "").unicodeScalars.count
      }
    }
  }

  /// A token of the answer.
  mutating func add(_ value: LogProbabilities, offset: Int) {
    entries.append(Entry(token: value.chosen.token, value: value, offset: offset))
  }

  func json(_ tokenizer: Tokenizer?) -> JSON {
    guard !entries.isEmpty else { return .null }
    return .object([
      "tokens": .array(entries.map { .string(TokenText.name(of: $0.token, tokenizer)) }),
      "token_logprobs": .array(
        entries.map { $0.value.map { .number(ReplyNumbers.finite($0.chosen.value)) } ?? .null }),
      "top_logprobs": .array(entries.map { CompletionProbabilities.top($0.value, tokenizer) }),
      "text_offset": .array(entries.map { .integer($0.offset) }),
    ])
  }

  /// The most probable tokens, and the one that came. Of tokens with the same text the most probable one stands for all.
  private static func top(_ value: LogProbabilities?, _ tokenizer: Tokenizer?) -> JSON {
    guard let value else { return .null }
    var top: JSONObject = [:]
    for entry in value.top + [value.chosen] {
      let name = TokenText.name(of: entry.token, tokenizer)
      if top[name] == nil { top[name] = .number(ReplyNumbers.finite(entry.value)) }
    }
    return .object(top)
  }
}
