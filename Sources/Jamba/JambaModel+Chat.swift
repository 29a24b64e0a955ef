/// Conversations as the model's chat template prints them.
extension JambaModel {
  /// Whether the chat template knows thoughts.
  package var thinksAloud: Bool { text.format.thinks }

  /// Tokens that a text may have, prompt and answer: what memory is kept for. nil with a window, where texts have no end.
  package var textLimit: Int? { hasWindow ? nil : plan.context }

  /// Whether chats may have tools: where there is a tokenizer, be it in the generic form.
  package var callsTools: Bool { tokenizer != nil }

  /// The conversation as the model's chat template prints it. Without a template the messages' texts follow one another.
  public func render(
    _ messages: [ChatMessage], options: ChatOptions = ChatOptions(), addGenerationPrompt: Bool = true
  ) throws(JambaError) -> String {
    try text.prompt(messages, options, addGenerationPrompt: addGenerationPrompt).text.text
  }

  /// The tokens of a rendered conversation, in which names of control tokens in messages stay text.
  ///
  /// - Throws: `missing` without a tokenizer, `template`.
  public func promptTokens(
    _ messages: [ChatMessage], options: ChatOptions = ChatOptions(), addGenerationPrompt: Bool = true
  ) throws(JambaError) -> [Int32] {
    try tokenizedPrompt(messages, options, addGenerationPrompt: addGenerationPrompt).tokens
  }

  package func prompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true, hasAnswerGrammar: Bool = false
  ) throws(JambaError) -> Prompt {
    try text.prompt(messages, options, addGenerationPrompt: addGenerationPrompt, hasAnswerGrammar: hasAnswerGrammar)
  }

  /// The conversation, ready to be answered.
  ///
  /// - Parameters:
  ///   - hasAnswerGrammar: the answer's text is held to a grammar of its own.
  ///   - limit: tokens of the text, prompt and answer. Tools that do not fit are left out, unless a call is required
  ///     (`TokenizedPrompt.leavesOutTools`).
  /// - Throws: `missing` without a tokenizer, `template`.
  package func tokenizedPrompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true, hasAnswerGrammar: Bool = false,
    fitting limit: Int? = nil
  ) throws(JambaError) -> TokenizedPrompt {
    let tokenizer = try requireTokenizer()
    func prompt(_ options: ChatOptions) throws(JambaError) -> TokenizedPrompt {
      TokenizedPrompt(
        try self.prompt(
          messages, options, addGenerationPrompt: addGenerationPrompt, hasAnswerGrammar: hasAnswerGrammar), options,
        tokenizer)
    }
    return try prompt(options).fitting(limit, otherwise: prompt)
  }
}
