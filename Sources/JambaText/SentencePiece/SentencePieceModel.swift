/// A SentencePiece model of type BPE: its pieces, and what is done to a text before they are looked up.
///
/// The content of a tokenizer.model, or what a GGUF file says in its metadata; ``Tokenizer`` is made of it.
public struct SentencePieceModel: Sendable, Equatable {
  /// What a piece is for. Raw values are those of sentencepiece and of GGUF's `token_type`.
  public enum PieceType: Int, Sendable {
    case normal = 1
    case unknown = 2
    /// Never found in a text by sentencepiece: `<|startoftext|>`.
    case control = 3
    /// Found in a text before anything else, and whole.
    case userDefined = 4
    /// Merged, and taken apart again at the end.
    case unused = 5
    /// A byte of a character that has no piece: `<0x0A>`.
    case byte = 6
  }

  public struct Piece: Sendable, Equatable {
    public var text: String
    /// Of two neighbours, those whose piece has the higher score become one first.
    public var score: Float
    public var type: PieceType

    public init(_ text: String, score: Float, type: PieceType) {
      self.text = text
      self.score = score
      self.type = type
    }
  }

  /// By id.
  public var pieces: [Piece]
  /// Whether a space is put before a text (`add_dummy_prefix`, GGUF's `add_space_prefix`).
  public var addsDummyPrefix: Bool
  /// Whether spaces at the ends go, and runs of them become one.
  public var removesExtraWhitespace: Bool
  /// Whether spaces are written as `▁`, as nearly all pieces expect.
  public var escapesWhitespace: Bool
  /// The text that an unknown piece is decoded to.
  public var unknownSurface = " \u{2047} "
  /// The names of what begins and ends a text; nil where there is no such token.
  public var bosPiece: String?
  public var eosPiece: String?

  public init(
    pieces: [Piece], addsDummyPrefix: Bool = true, removesExtraWhitespace: Bool = false,
    escapesWhitespace: Bool = true, bosPiece: String? = nil, eosPiece: String? = nil
  ) {
    self.pieces = pieces
    self.addsDummyPrefix = addsDummyPrefix
    self.removesExtraWhitespace = removesExtraWhitespace
    self.escapesWhitespace = escapesWhitespace
    self.bosPiece = bosPiece
    self.eosPiece = eosPiece
  }

  /// U+2581, which stands for a space.
  static let space = Array("\u{2581}".utf8)

  /// Whether the scores say nothing: those of all normal pieces are equal.
  ///
  /// Tools that make GGUF files of a tokenizer.json have no scores and write the same for all. Pieces learned by merging
  /// stand in the order of learning, though, which is what their scores say: the n-th has the score -n. Runs of spaces
  /// are the exception: Jamba's vocabulary gives them all -1e7, so that words are merged first.
  public var hasDamagedScores: Bool {
    var first: Float?
    var count = 0
    for piece in pieces where piece.type == .normal {
      if let first, first != piece.score { return false }
      first = piece.score
      count += 1
    }
    return count > 1
  }

  /// The model with scores that say what is merged first, for programs that would take those of the file as they are.
  package var repaired: SentencePieceModel {
    var model = self
    for (id, score) in effectiveScores.enumerated() { model.pieces[id].score = score }
    return model
  }

  /// The score of every piece, made up from its place where those of the file say nothing.
  var effectiveScores: [Float] {
    guard hasDamagedScores, let first = pieces.firstIndex(where: { $0.type == .normal }) else {
      return pieces.map(\.score)
    }
    return pieces.enumerated().map { id, piece in
      guard piece.type == .normal || piece.type == .unused else { return piece.score }
      let bytes = Array(piece.text.utf8)
      let isSpaces =
        bytes.count >= 2 * Self.space.count && bytes.count % Self.space.count == 0
        && stride(from: 0, to: bytes.count, by: 3).allSatisfy { bytes[...].hasPrefix(Self.space, at: $0) }
      return isSpaces ? -1e7 : -Float(id - first)
    }
  }
}
