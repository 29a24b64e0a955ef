/// Conversations as the model's chat template prints them.
extension JambaModel {
  /// Whether the chat template knows thoughts.
  package var thinksAloud: Bool { text.format.thinks }

  /// Whether the chat template shows a way of calling tools that is known.
  package var callsTools: Bool { text.format.toolStyle != nil }

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

  /// The conversation, ready to be answered.
  ///
  /// - Throws: `missing` without a tokenizer, `template`.
  package func tokenizedPrompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true
  ) throws(JambaError) -> TokenizedPrompt {
    let tokenizer = try requireTokenizer()
    return TokenizedPrompt(
      try prompt(messages, options, addGenerationPrompt: addGenerationPrompt), options, tokenizer)
  }

  package func prompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true
  ) throws(JambaError) -> Prompt {
    try text.prompt(messages, options, addGenerationPrompt: addGenerationPrompt)
  }
}
