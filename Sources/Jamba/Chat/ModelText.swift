import JambaFormat
import JambaGrammar
import JambaTemplate
import JambaText

/// The text side of a model: tokenizer, chat templates, and what they say about answers.
struct ModelText: Sendable {
  let configuration: ModelConfiguration
  /// nil for a file without one, which works with token ids alone.
  let tokenizer: Tokenizer?
  /// nil for a model that only completes text.
  let template: ChatTemplate?
  /// The template for conversations with tools, where the checkpoint has one of its own for them.
  let toolTemplate: ChatTemplate?
  let format: ChatFormat
  /// Tokens that end an answer (EOS): the configuration's end-of-text tokens and the template's end-of-turn tokens.
  let endTokens: Set<Int32>
  /// Special tokens that mark parts of an answer.
  let markerTokens: Set<Int32>
  private let texts: [TokenTexts]
  let sequenceBreakers = SequenceBreakerCache()

  /// - Parameters:
  ///   - override: a chat template to use instead of the model's own.
  ///   - grammarByteCount: the most that may be remembered of grammars between answers.
  /// - Throws: `format`, `tokenizer`, `template`.
  init(_ file: JambaFile, _ configuration: ModelConfiguration, template override: String?, grammarByteCount: Int) throws(JambaError) {
    self.configuration = configuration
    tokenizer = try file.tokenizer()
    let templates = try ChatTemplates(file, override: override)
    template = templates.standard
    toolTemplate = templates.forTools
    format = ChatFormat(templates.source)
    endTokens = Set(configuration.eosTokenIDs.map { Int32($0) }).union(format.ends(tokenizer))
    markerTokens = format.markers(tokenizer)
    texts = [[], markerTokens].compactMap { [tokenizer] shown in
      tokenizer.map {
        TokenTexts($0, vocabularyCount: configuration.vocabSize, showing: shown, idleByteCount: grammarByteCount / 2)
      }
    }
  }

  /// The texts of the model's tokens, for grammars; nil without a tokenizer.
  func tokenTexts(showingMarkers: Bool) -> TokenTexts? {
    texts.isEmpty ? nil : texts[showingMarkers && !markerTokens.isEmpty ? 1 : 0]
  }
}

extension JambaFile {
  var hasTokenizer: Bool { entry(named: DocumentName.tokenizer) != nil || entry(named: DocumentName.sentencePiece) != nil }

  /// The tokenizer that the file holds; nil when it has none.
  func tokenizer() throws(JambaError) -> Tokenizer? {
    let vocabulary = try jsonDocument(DocumentName.tokenizer)
    let settings = try jsonDocument(DocumentName.tokenizerConfiguration)
    let pieces: [UInt8]?
    do { pieces = try document(DocumentName.sentencePiece) } catch { throw .format(error) }
    do {
      if let vocabulary { return try Tokenizer(json: vocabulary, configuration: settings) }
      return try pieces.map { (bytes) throws(TokenizerError) in
        try Tokenizer(sentencePiece: SentencePieceModel(bytes), configuration: settings)
      }
    } catch { throw .tokenizer(path: path, error) }
  }
}
