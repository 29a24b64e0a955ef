import JambaText

/// What a generation goes on from: tokens to append, and how the answer to them is read. Every way from messages to a
/// generation leads through it.
package struct TokenizedPrompt {
  package let tokens: [Int32]
  /// How a chat was printed, and with which options.
  let chat: (prompt: Prompt, options: ChatOptions)?
  /// Whether the answer goes on where a text ends, so that its leading space is kept; false for an answer that stands
  /// alone, as in a chat.
  let continuesText: Bool

  /// A text to go on with.
  package init(tokens: [Int32], continuesText: Bool = true) {
    self.tokens = tokens
    self.continuesText = continuesText
    chat = nil
  }

  /// A conversation.
  ///
  /// - Parameter seenByteCount: the length of what a session has already seen of the printed text, marks included, whose
  ///   tokens are left out.
  init(_ prompt: Prompt, _ options: ChatOptions, _ tokenizer: Tokenizer, seenByteCount: Int = 0) {
    let text = prompt.text.marked
    let rest = text[text.utf8.index(text.startIndex, offsetBy: seenByteCount)...]
    tokens = tokenizer.encode(MarkedText(marked: String(rest), mark: prompt.text.mark))
    chat = (prompt, options)
    continuesText = false
  }
}
