/// The pieces of a tokenizer and their ids, both ways. Pieces are compared byte by byte; ids may have holes.
struct Vocabulary: Sendable {
  /// In the order of the file.
  private(set) var pieces = PieceTable()
  /// By number of the piece.
  private(set) var ids: [Int32] = []
  /// By id: the number of its piece, −1 for a hole. Apart from the pieces, so that an absurd id costs 64 MiB at most.
  private var slots: [Int32] = []

  /// Reads `model.vocab`, an object of ids by piece.
  init(_ field: TokenizerField) throws(TokenizerError) {
    let object = try field.object()
    guard object.count > 0 else { throw field.invalid("is empty") }
    pieces.reserveCapacity(object.count)
    ids.reserveCapacity(object.count)
    slots.reserveCapacity(object.count)
    for (piece, value) in object.members {
      guard case .integer(let id) = value else { throw .idOutOfRange(piece: piece, id: value.text()) }
      try insert(piece, id: id)
    }
  }

  /// The pieces of a list; the n-th has the id n.
  init(_ list: [String]) throws(TokenizerError) {
    pieces.reserveCapacity(list.count)
    ids.reserveCapacity(list.count)
    slots.reserveCapacity(list.count)
    for (id, piece) in list.enumerated() {
      guard !piece.utf8.isEmpty else { throw .invalid(field: "piece \(id)", reason: "is empty") }
      guard piece.utf8.count <= ScoredPieces.pieceByteCountLimit else {
        throw .invalid(field: "piece \(id)", reason: "is longer than \(ScoredPieces.pieceByteCountLimit) bytes")
      }
      if let other = self.id(of: piece) { throw .invalid(field: "piece \(id)", reason: "is piece \(other) again") }
      try insert(piece, id: id)
    }
  }

  var count: Int { ids.count }

  /// One more than the largest id.
  var idEnd: Int { slots.count }

  /// Adds a piece that is not in the vocabulary yet.
  mutating func insert(_ piece: String, id: Int) throws(TokenizerError) {
    guard 0..<Tokenizer.idLimit ~= id else { throw .idOutOfRange(piece: piece, id: String(id)) }
    if slots.count <= id { slots.append(contentsOf: repeatElement(-1, count: id + 1 - slots.count)) }
    guard slots[id] < 0 else { throw .idTaken(id: Int32(id), by: self.piece(of: Int32(id))!, wantedBy: piece) }
    slots[id] = Int32(pieces.append(piece.utf8))
    ids.append(Int32(id))
  }

  func id(of piece: ArraySlice<UInt8>) -> Int32? { pieces.index(of: piece).map { ids[$0] } }

  func id(of piece: String) -> Int32? { id(of: Array(piece.utf8)[...]) }

  /// The piece of an id, in UTF-8.
  func bytes(of id: Int32) -> ArraySlice<UInt8>? {
    guard slots.indices.contains(Int(id)), slots[Int(id)] >= 0 else { return nil }
    return pieces[Int(slots[Int(id)])]
  }

  func piece(of id: Int32) -> String? { bytes(of: id).map { String(decoding: $0, as: UTF8.self) } }
}
