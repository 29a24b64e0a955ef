extension SentencePieceModel {
  /// A model of scores that merges as a tokenizer.json's merges do, for formats that know no merges: a piece has the score of the
  /// soonest merge that makes it.
  ///
  /// Scores cannot say that two neighbours must not become a piece that others become. Vocabularies that SentencePiece
  /// has trained, such as Jamba's, list a merge for every pair that makes a piece, and give the same tokens.
  ///
  /// - Returns: nil for a tokenizer that writes no space as `▁`, which a model of scores cannot but do.
  package init?(merging tokenizer: Tokenizer) {
    guard case .merges(let merges, _, _) = tokenizer.model else { return nil }
    func pieces(_ text: String) -> String {
      tokenizer.encode(text, addSpecialTokens: false).compactMap { tokenizer.piece(of: $0) }.joined()
    }
    let space = String(decoding: SentencePieceModel.space, as: UTF8.self)
    guard pieces("a a").hasSuffix("a\(space)a") else { return nil }
    let ranks = merges.ranks
    let list = (0..<Int32(tokenizer.idEnd)).map { id -> Piece in
      // Ids without a piece still need a text of their own.
      guard let text = tokenizer.piece(of: id) else { return Piece("[unused \(id)]", score: 0, type: .unused) }
      let type: PieceType =
        if id == tokenizer.unknownID { .unknown } else if let token = tokenizer.addedTokens.tokens[id] {
          token.isSpecial ? .control : .userDefined
        } else if ByteToken.byte(exactly: Array(text.utf8)[...]) != nil { .byte } else { .normal }
      let score = ranks[id].map { -Float($0) } ?? (type == .normal ? SentencePieceModel.unmergedScore : 0)
      return Piece(text, score: score, type: type)
    }
    self.init(
      pieces: list, addsDummyPrefix: pieces("a").hasPrefix(space),
      bosPiece: tokenizer.bosID.flatMap { tokenizer.piece(of: $0) },
      eosPiece: tokenizer.eosID.flatMap { tokenizer.piece(of: $0) })
  }

  /// Of a piece that no merge makes: after all others.
  private static let unmergedScore: Float = -1e9
}
