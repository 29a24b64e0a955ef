import JambaFormat

/// The pieces of a tokenizer and their ids, both ways. Pieces are compared byte by byte; ids may have holes.
struct Vocabulary: Sendable {
  /// Every piece with its id, in the order of the file.
  private(set) var entries: [(piece: String, id: Int32)] = []
  private var ids: [ExactString: Int32] = [:]
  /// By id: where in `entries` it stands, −1 for a hole. Kept apart from the entries, so that one absurd id costs 64 MiB at
  /// most.
  private var slots: [Int32] = []

  /// Reads `model.vocab`, an object of ids by piece.
  init(_ field: TokenizerField) throws(TokenizerError) {
    let object = try field.object()
    guard object.count > 0 else { throw field.invalid("is empty") }
    entries.reserveCapacity(object.count)
    ids.reserveCapacity(object.count)
    slots.reserveCapacity(object.count)
    for (piece, value) in object.members {
      guard case .integer(let id) = value else { throw .idOutOfRange(piece: piece, id: value.text()) }
      try insert(piece, id: id)
    }
  }

  var count: Int { entries.count }

  /// One more than the largest id.
  var idEnd: Int { slots.count }

  /// Adds a piece that is not in the vocabulary yet.
  mutating func insert(_ piece: String, id: Int) throws(TokenizerError) {
    guard 0..<Tokenizer.idLimit ~= id else { throw .idOutOfRange(piece: piece, id: String(id)) }
    if slots.count <= id { slots.append(contentsOf: repeatElement(-1, count: id + 1 - slots.count)) }
    guard slots[id] < 0 else { throw .idTaken(id: Int32(id), by: entries[Int(slots[id])].piece, wantedBy: piece) }
    slots[id] = Int32(entries.count)
    entries.append((piece, Int32(id)))
    ids[ExactString(piece)] = Int32(id)
  }

  func id(of piece: String) -> Int32? { ids[ExactString(piece)] }

  func piece(of id: Int32) -> String? {
    guard slots.indices.contains(Int(id)), slots[Int(id)] >= 0 else { return nil }
    return entries[Int(slots[Int(id)])].piece
  }
}
