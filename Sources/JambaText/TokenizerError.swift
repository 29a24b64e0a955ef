/// Why a tokenizer.json cannot be used. Everything in the file is foreign data: it is refused in one sentence, never trusted.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// A field that is absent, of the wrong kind, or beyond a limit.
  case invalid(field: String, reason: String)
  /// A component this runtime does not implement. Ignoring it would give other tokens than the model was trained on.
  case unsupported(field: String, name: String)
  /// A token id that is negative or not below ``Tokenizer/idLimit``.
  case idOutOfRange(piece: String, id: String)
  /// Two pieces that claim one id.
  case idTaken(id: Int32, by: String, wantedBy: String)
  /// A piece that is named somewhere, but is not in the vocabulary.
  case unknownPiece(field: String, piece: String)

  public var description: String {
    switch self {
    case .invalid(let field, let reason):
      "the tokenizer's \(field) \(reason)"
    case .unsupported(let field, let name):
      "the tokenizer's \(field) is \(Self.quoted(name)), which is not supported; a llama-type BPE tokenizer is needed"
    case .idOutOfRange(let piece, let id):
      "the tokenizer gives \(Self.quoted(piece)) the id \(id), which is not a whole number from 0 to \(Tokenizer.idLimit - 1)"
    case .idTaken(let id, let owner, let claimant):
      "the tokenizer gives id \(id) to both \(Self.quoted(owner)) and \(Self.quoted(claimant))"
    case .unknownPiece(let field, let piece):
      "the tokenizer's \(field) names \(Self.quoted(piece)), which is not in its vocabulary"
    }
  }

  /// A piece between quotation marks, fit for a terminal: escaped, and cut after 40 scalars.
  private static func quoted(_ piece: String) -> String {
    var text = "\""
    for scalar in piece.unicodeScalars.prefix(40) { text += scalar.escaped(asASCII: false) }
    if piece.unicodeScalars.count > 40 { text += "…" }
    return text + "\""
  }
}
