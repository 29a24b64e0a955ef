public import JambaSystem

extension Tokenizer {
  /// A tokenizer of a SentencePiece model.
  ///
  /// Ids and texts are sentencepiece's. What it has no notion of follows llama.cpp and transformers: names of control tokens
  /// in a text become these tokens, a text that stands behind one is a text of its own (it gets the dummy prefix again), and
  /// user-defined pieces that are spelled `<|…|>`, or that the settings name as special, are control tokens too, so that a user's text makes none of them. Where
  /// scores say nothing (``SentencePieceModel/hasDamagedScores``), the order of the pieces stands in for them.
  ///
  /// - Parameters:
  ///   - configuration: The content of tokenizer_config.json, if there is one. Nothing is put around a text unless it says
  ///     `add_bos_token` or `add_eos_token`.
  /// - Throws: ``TokenizerError`` for pieces that contradict each other.
  public init(sentencePiece source: SentencePieceModel, configuration: JSON? = nil) throws(TokenizerError) {
    let configuration = TokenizerField("configuration", configuration)
    var pieces = try ScoredPieces(source)
    var (control, userDefined): ([AddedToken], [AddedToken]) = ([], [])
    for (id, piece) in source.pieces.enumerated() {
      func token(isSpecial: Bool) -> AddedToken {
        AddedToken(
          id: Int32(id), content: piece.text, isSpecial: isSpecial, isSingleWord: false, stripsLeft: false,
          stripsRight: false, isNormalized: false)
      }
      switch piece.type {
      case .control, .unknown: control.append(token(isSpecial: true))
      case .userDefined:
        userDefined.append(token(isSpecial: piece.text.hasPrefix("<|") && piece.text.hasSuffix("|>")))
      case .normal, .unused, .byte: break
      }
    }
    var vocabulary = pieces.vocabulary
    addedTokens = try AddedTokens(
      control: control, userDefined: userDefined, unknown: pieces.unknownID.map { ($0, source.unknownSurface) },
      configuration: configuration, vocabulary: &vocabulary)
    self.vocabulary = vocabulary
    pieces.setSpecial(addedTokens.isSpecial)
    model = .scores(pieces)
    decoder = TokenDecoder(source)

    func id(_ name: String, or piece: String?) throws(TokenizerError) -> Int32? {
      try Self.id(of: configuration[name], in: vocabulary) ?? piece.flatMap { vocabulary.id(of: $0) }
    }
    bosID = try id("bos_token", or: source.bosPiece)
    eosID = try id("eos_token", or: source.eosPiece)
    frame = SpecialTokenFrame(
      prefix: try configuration["add_bos_token"].bool(default: false) ? bosID : nil,
      suffix: try configuration["add_eos_token"].bool(default: false) ? eosID : nil)
    controlIDs = Self.controlIDs(addedTokens, unknown: pieces.unknownID)
  }
}
