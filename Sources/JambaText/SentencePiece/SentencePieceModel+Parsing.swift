extension SentencePieceModel {
  /// Reads a tokenizer.model (sentencepiece_model.proto): pieces, and of the specifications what changes ids or texts.
  ///
  /// - Throws: ``TokenizerError`` for bytes that are no such file, for a model that is not of type BPE, and for a
  ///   normalization other than identity.
  public init(_ bytes: [UInt8]) throws(TokenizerError) {
    self.init(pieces: [], removesExtraWhitespace: true, bosPiece: "<s>", eosPiece: "</s>")
    do { try read(bytes) } catch {
      switch error {
      case .message(let fault): throw .invalid(field: "file", reason: fault.reason)
      case .content(let error): throw error
      }
    }
  }

  private enum Failure: Error {
    case message(ProtobufReader.Fault)
    case content(TokenizerError)
  }

  /// What is refused is collected, for parts of a message may come in any order.
  private struct Specification {
    var modelType: UInt64 = 1
    var fallsBackToBytes = false
    var takesSpaceAsSuffix = false
    var normalizer = "identity"
    var charactersAreMapped = false
    var textIsMappedBack = false
    var bosID: Int64 = 1
    var eosID: Int64 = 2
  }

  private mutating func read(_ bytes: [UInt8]) throws(Failure) {
    var specification = Specification()
    try Self.forEachField(bytes[...]) { (number, value) throws(Failure) in
      switch (number, value) {
      case (1, .bytes(let piece)):
        guard pieces.count < Tokenizer.idLimit else {
          throw .content(.invalid(field: "file", reason: "has more than \(Tokenizer.idLimit) pieces"))
        }
        try pieces.append(Self.piece(piece, id: pieces.count))
      case (2, .bytes(let trainer)): try readTrainer(trainer, &specification)
      case (3, .bytes(let normalizer)): try readNormalizer(normalizer, &specification)
      case (5, .bytes(let denormalizer)):
        try Self.forEachField(denormalizer) { (number, value) throws(Failure) in
          if case (2, .bytes(let map)) = (number, value), !map.isEmpty { specification.textIsMappedBack = true }
        }
      default: break
      }
    }
    do { try check(specification) } catch { throw .content(error) }
  }

  private mutating func check(_ specification: Specification) throws(TokenizerError) {
    guard !pieces.isEmpty else {
      throw .invalid(field: "file", reason: "is not a SentencePiece model: it has no pieces")
    }
    let types: [UInt64: String] = [1: "Unigram", 3: "Word", 4: "Char"]
    guard specification.modelType == 2 else {
      let type = types[specification.modelType] ?? "\(specification.modelType)"
      throw .unsupported(field: "SentencePiece model_type", name: type)
    }
    guard !specification.charactersAreMapped else {
      throw .unsupported(field: "SentencePiece normalizer", name: specification.normalizer)
    }
    guard !specification.textIsMappedBack else {
      throw .unsupported(field: "SentencePiece denormalizer", name: "precompiled_charsmap")
    }
    guard !specification.takesSpaceAsSuffix else {
      throw .unsupported(field: "SentencePiece setting", name: "treat_whitespace_as_suffix")
    }
    let hasBytes = pieces.contains { $0.type == .byte }
    guard specification.fallsBackToBytes == hasBytes else {
      throw .invalid(
        field: "file",
        reason: hasBytes ? "has pieces of bytes, but no byte_fallback" : "has byte_fallback, but no pieces of bytes")
    }
    if specification.bosID < 0 { bosPiece = nil }
    if specification.eosID < 0 { eosPiece = nil }
  }

  private mutating func readTrainer(_ bytes: ArraySlice<UInt8>, _ specification: inout Specification) throws(Failure) {
    try Self.forEachField(bytes) { (number, value) throws(Failure) in
      switch (number, value) {
      case (3, .varint(let type)): specification.modelType = type
      case (24, .varint(let flag)): specification.takesSpaceAsSuffix = flag != 0
      case (35, .varint(let flag)): specification.fallsBackToBytes = flag != 0
      case (41, .varint(let id)): specification.bosID = Int64(truncatingIfNeeded: Int32(truncatingIfNeeded: id))
      case (42, .varint(let id)): specification.eosID = Int64(truncatingIfNeeded: Int32(truncatingIfNeeded: id))
      case (44, .bytes(let text)): unknownSurface = try Self.text(text, of: "unk_surface")
      case (46, .bytes(let text)): bosPiece = try Self.text(text, of: "bos_piece")
      case (47, .bytes(let text)): eosPiece = try Self.text(text, of: "eos_piece")
      default: break
      }
    }
  }

  private mutating func readNormalizer(
    _ bytes: ArraySlice<UInt8>, _ specification: inout Specification
  ) throws(Failure) {
    try Self.forEachField(bytes) { (number, value) throws(Failure) in
      switch (number, value) {
      case (1, .bytes(let name)): specification.normalizer = try Self.text(name, of: "normalizer_spec.name")
      case (2, .bytes(let map)): specification.charactersAreMapped = !map.isEmpty
      case (3, .varint(let flag)): addsDummyPrefix = flag != 0
      case (4, .varint(let flag)): removesExtraWhitespace = flag != 0
      case (5, .varint(let flag)): escapesWhitespace = flag != 0
      default: break
      }
    }
  }

  private static func piece(_ bytes: ArraySlice<UInt8>, id: Int) throws(Failure) -> Piece {
    var piece = Piece("", score: 0, type: .normal)
    try forEachField(bytes) { (number, value) throws(Failure) in
      switch (number, value) {
      case (1, .bytes(let text)): piece.text = try Self.text(text, of: "piece \(id)")
      case (2, .fixed32(let score)): piece.score = Float(bitPattern: score)
      case (3, .varint(let raw)):
        guard let type = Int(exactly: raw).flatMap(PieceType.init(rawValue:)) else {
          throw .content(.invalid(field: "piece \(id)", reason: "has the unknown type \(raw)"))
        }
        piece.type = type
      default: break
      }
    }
    return piece
  }

  private static func text(_ bytes: ArraySlice<UInt8>, of field: String) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .content(.invalid(field: field, reason: "is not UTF-8"))
    }
    return text
  }

  private static func forEachField(
    _ bytes: ArraySlice<UInt8>, _ body: (UInt64, ProtobufReader.Value) throws(Failure) -> Void
  ) throws(Failure) {
    var reader = ProtobufReader(bytes)
    while true {
      let field: (number: UInt64, value: ProtobufReader.Value)?
      do { field = try reader.next() } catch { throw .message(error) }
      guard let field else { return }
      try body(field.number, field.value)
    }
  }
}
