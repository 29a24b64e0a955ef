public import JambaSystem

extension Tokenizer {
  /// Reads a tokenizer.
  ///
  /// - Parameters:
  ///   - json: The content of tokenizer.json. Its `truncation` and `padding` are the business of who makes batches, and are
  ///     ignored.
  ///   - configuration: The content of tokenizer_config.json, if there is one: `bos_token`, `eos_token`, `add_bos_token` and
  ///     `add_eos_token` are read, and which tokens it names as special or as added (``AddedTokens``).
  /// - Throws: ``TokenizerError`` for a damaged file, and for any component that is not supported: tokens other than those
  ///   of training would make a model babble.
  /// - Complexity: O(bytes of the file).
  public init(json: JSON, configuration: JSON?) throws(TokenizerError) {
    let file = TokenizerField("", json)
    guard json.object != nil else { throw .invalid(field: "file", reason: "is not a JSON object") }
    try BytePairModel.checkType(file["model"])
    var vocabulary = try Vocabulary(file["model"]["vocab"])
    let configuration = TokenizerField("configuration", configuration)
    let merges = try BytePairModel(file["model"], vocabulary: vocabulary)
    let normalizer = try Normalizer(file["normalizer"])
    model = .merges(merges, normalizer, try PreTokenizer(file["pre_tokenizer"]))
    addedTokens = try AddedTokens(
      file["added_tokens"], configuration: configuration, vocabulary: &vocabulary, normalizer: normalizer)
    decoder = try TokenDecoder(file["decoder"])
    var frame = try SpecialTokenFrame(file["post_processor"], vocabulary: vocabulary)

    let bosID = try Self.id(of: configuration["bos_token"], in: vocabulary)
    eosID = try Self.id(of: configuration["eos_token"], in: vocabulary)
    try frame.apply(configuration, bosID: bosID, eosID: eosID)
    self.bosID = bosID ?? frame.prefix.first
    self.frame = frame
    self.vocabulary = vocabulary

    controlIDs = Self.controlIDs(addedTokens, unknown: merges.unknownID)
  }

  static func controlIDs(_ tokens: AddedTokens, unknown: Int32?) -> Set<Int32> {
    var ids = Set(tokens.tokens.values.filter(\.isSpecial).map(\.id))
    if let unknown { ids.remove(unknown) }
    return ids
  }

  static func id(of field: TokenizerField, in vocabulary: Vocabulary) throws(TokenizerError) -> Int32? {
    guard let piece = try field.tokenText() else { return nil }
    guard let id = vocabulary.id(of: piece) else { throw .unknownPiece(field: field.path, piece: piece) }
    return id
  }
}
