/// A SentencePiece model made ready for encoding: which neighbours become one, and when.
struct ScoredPieces: Sendable {
  /// All pieces, by id: what was inserted n-th has the id n.
  let vocabulary: Vocabulary
  let types: [SentencePieceModel.PieceType]
  /// By id: the place of its score among all scores, the highest first. Equal scores are one place.
  private let ranks: [UInt32]
  /// The bytes' pieces; empty where bytes have none.
  let byteIDs: [Int32]
  let unknownID: Int32?
  /// No piece is longer, in bytes.
  let longestPiece: Int
  let normalizer: SentencePieceNormalizer
  /// User-defined pieces, which are found before anything else.
  private let userDefined: LiteralTrie
  /// Those of them that are not special.
  private var ordinaryUserDefined: LiteralTrie

  /// Longer pieces are refused: looking one up may hash that many bytes at each position of a text.
  static let pieceByteCountLimit = 1024

  init(_ model: SentencePieceModel) throws(TokenizerError) {
    let vocabulary = try Vocabulary(model.pieces.map(\.text))
    let types = model.pieces.map(\.type)
    self.types = types
    ranks = try Self.ranks(model.effectiveScores)
    longestPiece = model.pieces.reduce(0) { max($0, $1.text.utf8.count) }
    let unknowns = types.indices.filter { types[$0] == .unknown }
    guard unknowns.count <= 1 else {
      throw .invalid(field: "piece \(unknowns[1])", reason: "is the second unknown piece")
    }
    unknownID = unknowns.first.map { Int32($0) }
    byteIDs = try Self.byteIDs(types, vocabulary)
    guard unknownID != nil || !byteIDs.isEmpty else {
      throw .invalid(field: "vocabulary", reason: "has neither an unknown piece nor pieces for bytes")
    }
    var userDefined = LiteralTrie()
    for id in types.indices where types[id] == .userDefined { userDefined.insert(vocabulary.pieces[id], id: Int32(id)) }
    self.userDefined = userDefined
    ordinaryUserDefined = userDefined
    normalizer = SentencePieceNormalizer(model)
    self.vocabulary = vocabulary
  }

  /// Says which user-defined pieces are control tokens, not to be made from text that stays text.
  mutating func setSpecial(_ isSpecial: (Int32) -> Bool) {
    ordinaryUserDefined = LiteralTrie()
    for id in types.indices where types[id] == .userDefined && !isSpecial(Int32(id)) {
      ordinaryUserDefined.insert(vocabulary.pieces[id], id: Int32(id))
    }
  }

  private static func ranks(_ scores: [Float]) throws(TokenizerError) -> [UInt32] {
    if let id = scores.firstIndex(where: \.isNaN) {
      throw .invalid(field: "piece \(id)", reason: "has no number as its score")
    }
    let distinct = Set(scores.map { $0 + 0 }).sorted(by: >)  // -0 + 0 is 0
    let places = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, UInt32($0)) })
    return scores.map { places[$0 + 0]! }
  }

  private static func byteIDs(
    _ types: [SentencePieceModel.PieceType], _ vocabulary: Vocabulary
  ) throws(TokenizerError) -> [Int32] {
    guard types.contains(.byte) else { return [] }
    var ids: [Int32] = []
    for byte in UInt8.min...UInt8.max {
      guard let id = vocabulary.id(of: ByteToken.text(of: byte)), types[Int(id)] == .byte else {
        throw .invalid(
          field: "vocabulary", reason: "has pieces for some bytes, but none for \(ByteToken.text(of: byte))")
      }
      ids.append(id)
    }
    for (id, type) in types.enumerated() where type == .byte && ByteToken.byte(exactly: vocabulary.pieces[id]) == nil {
      throw .invalid(field: "piece \(id)", reason: "is to be a byte, but is not spelled as one")
    }
    return ids
  }

  func id(of piece: ArraySlice<UInt8>) -> Int32? {
    piece.count > longestPiece ? nil : vocabulary.id(of: piece)
  }

  /// The user-defined piece that a text begins with at a position.
  func userDefined(
    in text: ArraySlice<UInt8>, at position: Int, includingSpecial: Bool
  ) -> (end: Int, id: Int32)? {
    (includingSpecial ? userDefined : ordinaryUserDefined).longestMatch(in: text, at: position)
  }

  /// When a piece is made of two neighbours; nil for one that is not made so.
  func rank(of id: Int32) -> UInt32? {
    switch types[Int(id)] {
    case .normal, .unused, .userDefined: ranks[Int(id)]
    case .unknown, .control, .byte: nil
    }
  }
}
