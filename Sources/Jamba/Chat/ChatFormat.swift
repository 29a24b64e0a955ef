import JambaText

/// The form of a model's answers as its chat template shows it: where a turn ends, whether it thinks aloud, how it calls tools.
package struct ChatFormat: Sendable {
  /// How tool calls are written.
  package enum ToolStyle: Sendable {
    /// `<tool_calls>[{"name": …, "arguments": …}, …]</tool_calls>`: Jamba 1.5 to 1.7.
    case list
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`, one after the other: the ChatML family.
    case single
    /// `{"tool_calls": [{"name": …, "arguments": …}, …]}` or `{"response": "…"}` as the whole answer: where the template knows
    /// no tools (`GenericTools`).
    case generic

    var opening: String {
      switch self {
      case .list: "<tool_calls>"
      case .single: "<tool_call>"
      case .generic: "{\"tool_calls\":"
      }
    }

    var closing: String {
      switch self {
      case .list: "</tool_calls>"
      case .single: "</tool_call>"
      case .generic: "}"
      }
    }
  }

  let thinks: Bool
  /// The template's own way of calling tools; nil where it shows none that is known.
  let toolStyle: ToolStyle?
  /// Whether the template takes an assistant's thoughts as a field of their own.
  let hasReasoningField: Bool
  /// Names of tokens that end a turn, as the template writes them.
  let endNames: [String]
  /// Special tokens that mark parts of an answer: they are read, and no more printed than any other.
  let markerNames: [String]

  static let thinkOpening = "<think>"
  static let thinkClosing = "</think>"

  init(_ source: String) {
    func has(_ text: String) -> Bool { source.contains(text) }
    thinks = has(ChatFormat.thinkClosing) || has(ChatFormat.thinkOpening)
    toolStyle = has(ToolStyle.list.opening) ? .list : has(ToolStyle.single.opening) ? .single : nil
    hasReasoningField = has("reasoning_content")
    endNames = ["<|eom|>", "<|im_end|>", "<|endoftext|>"].filter(has)
    markerNames =
      (thinks ? [ChatFormat.thinkOpening, ChatFormat.thinkClosing] : [])
      + (toolStyle.map { [$0.opening, $0.closing] } ?? [])
  }

  /// Special tokens among the markers.
  func markers(_ tokenizer: Tokenizer?) -> Set<Int32> {
    Set(markerNames.compactMap { name in tokenizer?.id(of: name).flatMap { tokenizer!.isSpecial($0) ? $0 : nil } })
  }

  /// Special tokens that end a turn.
  func ends(_ tokenizer: Tokenizer?) -> Set<Int32> {
    Set(endNames.compactMap { name in tokenizer?.id(of: name).flatMap { tokenizer!.isSpecial($0) ? $0 : nil } })
  }
}
