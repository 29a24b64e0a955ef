/// Text to token ids and back: a llama-type byte-pair encoding, as a tokenizer.json or a SentencePiece model describes it.
///
/// Ids are those of the Hugging Face tokenizers library for the same tokenizer.json, and those of sentencepiece for the
/// same model, for every text. Immutable, so one tokenizer may serve any number of threads; copies share their tables.
///
/// ```swift
/// let tokenizer = try Tokenizer(json: JSON.parse(bytes), configuration: nil)
/// let ids = tokenizer.encode("Hello")
/// let text = tokenizer.decode(ids, skipSpecialTokens: true)
/// ```
public struct Tokenizer: Sendable {
  /// How a text between added tokens becomes tokens. Indirect: a tokenizer is copied by counting one reference, and no copy
  /// looks at the bytes that the smaller case leaves unset.
  indirect enum Model: Sendable {
    /// By the merges of a tokenizer.json, over words.
    case merges(BytePairModel, Normalizer, PreTokenizer)
    /// By the scores of a SentencePiece model.
    case scores(ScoredPieces)
  }

  /// Ids are smaller than this.
  public static let idLimit = 1 << 24

  let vocabulary: Vocabulary
  let model: Model
  let addedTokens: AddedTokens
  let frame: SpecialTokenFrame
  let decoder: TokenDecoder
  /// Special ids other than the unknown piece: what text that stays text must not become.
  let controlIDs: Set<Int32>

  /// The token that begins a text (BOS), if the tokenizer has one.
  public let bosID: Int32?
  /// The token that ends a text (EOS), if tokenizer_config.json names one. A model may end its answers with others too: those are
  /// in generation_config.json.
  public let eosID: Int32?

  /// The unknown token, for a character that can be written in no other way.
  public var unknownID: Int32? {
    switch model {
    case .merges(let model, _, _): model.unknownID
    case .scores(let pieces): pieces.unknownID
    }
  }

  /// How many pieces there are, added tokens included. Ids may have holes: compare the rows of an embedding with ``idEnd``.
  public var vocabularyCount: Int { vocabulary.count }

  /// One more than the largest id.
  public var idEnd: Int { vocabulary.idEnd }

  /// The id of a piece, spelled as in the vocabulary (`▁Hello`, `<0x0A>`, `<|eom|>`). Compared byte by byte.
  public func id(of piece: String) -> Int32? { vocabulary.id(of: piece) }

  /// The piece of an id, spelled as in the vocabulary; nil where there is none.
  public func piece(of id: Int32) -> String? { vocabulary.piece(of: id) }

  /// Whether `id` is a control token. False where there is no such id.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens.isSpecial(id) }
}
