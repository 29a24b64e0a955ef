import Jamba
import JambaSystem

extension AnswerRequest {
  /// What is gone on with, or looked at: a text, or tokens.
  package enum CompletionPrompt: Sendable, Equatable {
    case text(String)
    case tokens([Int32])

    /// Reads a text, a list of texts, tokens, or a list of lists of tokens.
    ///
    /// - Parameter name: the member that holds it.
    static func list(_ value: JSON, _ name: String) throws(Failure) -> [CompletionPrompt] {
      func invalid() -> Failure {
        .invalid(
          name, "\"\(name)\" is not a text, a list of token ids, or a list of at most \(Limits.prompts) of these")
      }
      func prompt(_ value: JSON) -> CompletionPrompt? {
        if let text = value.string { return .text(text) }
        guard let ids = value.array else { return nil }
        let tokens = ids.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
        return tokens.count == ids.count && !tokens.isEmpty ? .tokens(tokens) : nil
      }
      if let single = prompt(value) { return [single] }
      guard let list = value.array, 1...Limits.prompts ~= list.count else { throw invalid() }
      let prompts = list.compactMap(prompt)
      guard prompts.count == list.count else { throw invalid() }
      return prompts
    }

    /// - Throws: `missing` for a text without a tokenizer, `invalidToken`.
    func tokens(_ model: JambaModel) throws(JambaError) -> [Int32] {
      switch self {
      case .text(let text): return try model.requireTokenizer().encode(text)
      case .tokens(let tokens):
        for token in tokens where !(0..<model.configuration.vocabSize ~= Int(token)) {
          throw .invalidToken(Int(token), vocabularyCount: model.configuration.vocabSize)
        }
        return tokens
      }
    }
  }
}
