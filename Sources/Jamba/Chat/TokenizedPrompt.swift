import JambaGrammar
import JambaText

/// What a generation goes on from: tokens to append, and how the answer to them is read. Every way from messages to a
/// generation leads through it.
package struct TokenizedPrompt: Sendable {
  package private(set) var tokens: [Int32]
  /// How a chat was printed, and with which options.
  let chat: (prompt: Prompt, options: ChatOptions)?
  /// Whether the answer goes on where a text ends, so that its leading space is kept; false for an answer that stands
  /// alone, as in a chat.
  let continuesText: Bool
  /// The grammar of the answer, where it has been compiled.
  private(set) var answerGrammar: Grammar??
  /// Whether tools that were given are not in the prompt, because they do not fit the context.
  package private(set) var leavesOutTools = false
  /// Tokens of the prompt that the session has seen already.
  var seenTokenCount = 0

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
    continuesText = options.continuesFinalMessage
  }

  /// What is left to append once a session has read the prompt.
  package var afterReading: TokenizedPrompt {
    var prompt = self
    prompt.tokens = []
    return prompt
  }

  /// The same prompt with the grammar of its answer compiled ahead: that of the tools, and `grammar` where it is to have that
  /// form.
  ///
  /// - Throws: `grammar`.
  package func constrained(by grammar: Grammar?) throws(JambaError) -> TokenizedPrompt {
    var prompt = self
    do throws(GrammarError) { prompt.answerGrammar = .some(try compiled(grammar)) } catch { throw .grammar(error) }
    return prompt
  }

  /// The grammar of the answer.
  func grammar(_ grammar: Grammar?) throws(GrammarError) -> Grammar? {
    if let answerGrammar { answerGrammar } else { try compiled(grammar) }
  }

  private func compiled(_ grammar: Grammar?) throws(GrammarError) -> Grammar? {
    try ChatGrammar.grammar(grammar, chat?.prompt.parsing ?? AnswerParser.Style(), chat?.options ?? ChatOptions())
  }

  /// The prompt, or the one without tools where this one leaves too little room for an answer, unless a call is required.
  ///
  /// - Parameters:
  ///   - limit: the tokens of a text, prompt and answer; nil for no limit.
  ///   - other: makes the prompt for other options.
  func fitting(
    _ limit: Int?, otherwise other: (ChatOptions) throws(JambaError) -> TokenizedPrompt
  ) throws(JambaError) -> TokenizedPrompt {
    guard let limit, var options = chat?.options, !options.tools.isEmpty, options.toolUse != .required,
      seenTokenCount + tokens.count > limit - limit / TokenizedPrompt.roomShare
    else { return self }
    (options.tools, options.toolUse) = ([], .free)
    var prompt = try other(options)
    guard prompt.seenTokenCount + prompt.tokens.count < limit else { return self }
    prompt.leavesOutTools = true
    return prompt
  }

  /// The share of the context that tools have to leave for the answer.
  private static let roomShare = 16
}
