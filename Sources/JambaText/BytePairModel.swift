import JambaSystem

/// The `model` of tokenizer.json: which symbols a text begins as, and which neighbours become one.
struct BytePairModel: Sendable {
  /// One merge: the smaller the rank, the sooner it is done.
  struct Merge: Sendable {
    let rank: UInt32
    let id: Int32
  }

  /// By the pair's ids, the left one in the upper half.
  private var merges: [UInt64: Merge] = [:]
  /// Pieces of one Unicode scalar.
  private var scalarIDs: [UInt32: Int32] = [:]
  /// The pieces `<0x00>` … `<0xFF>`, −1 where one is missing; empty without byte fallback.
  private(set) var byteIDs: [Int32] = []
  /// The unknown token, for characters that have no piece; without it they vanish.
  let unknownID: Int32?
  /// One unknown piece for a run of unknown characters.
  let fusesUnknown: Bool
  /// Words that are a piece themselves: they are taken whole. Nil unless `ignore_merges` is set.
  private let wholeWords: Vocabulary?

  static let mergeCountLimit = 1 << 24

  /// Refuses models of other types, whose vocabularies may look different. Older files name no type; a BPE model is known
  /// by its merges.
  static func checkType(_ field: TokenizerField) throws(TokenizerError) {
    let type = field["type"]
    if type.value != nil, try type.string() != "BPE" { throw .unsupported(field: type.path, name: try type.string()) }
  }

  /// - Parameter vocabulary: `model.vocab` alone: added tokens take no part in merging.
  init(_ field: TokenizerField, vocabulary: Vocabulary) throws(TokenizerError) {
    for affix in ["continuing_subword_prefix", "end_of_word_suffix"] where field[affix].value != nil {
      let text = try field[affix].string()
      if !text.utf8.isEmpty { throw .unsupported(field: field[affix].path, name: text) }
    }
    if let dropout = field["dropout"].value, dropout.double != 0 {
      throw .unsupported(field: field["dropout"].path, name: dropout.text())
    }

    fusesUnknown = try field["fuse_unk"].bool(default: false)
    if try field["byte_fallback"].bool(default: false) {
      byteIDs = (0..<256).map { vocabulary.id(of: ByteToken.text(of: UInt8($0))) ?? -1 }
    }
    let unknown = field["unk_token"]
    let piece = unknown.value == nil ? nil : try unknown.string()
    unknownID = piece.flatMap { vocabulary.id(of: $0) }
    // With a piece for every byte, nothing is unknown.
    if let piece, unknownID == nil, byteIDs.isEmpty || byteIDs.contains(-1) {
      throw .unknownPiece(field: unknown.path, piece: piece)
    }
    wholeWords = try field["ignore_merges"].bool(default: false) ? vocabulary : nil
    for (index, id) in vocabulary.ids.enumerated() {
      let piece = vocabulary.pieces[index]
      if !piece.isEmpty, case (let scalar, let end) = piece.scalar(at: piece.startIndex), end == piece.endIndex {
        scalarIDs[scalar] = id
      }
    }
    try readMerges(field["merges"], vocabulary: vocabulary)
  }

  /// Each merge is `"left right"` or `["left", "right"]`. Of two for the same pair, the later one counts, as in the
  /// reference.
  private mutating func readMerges(_ field: TokenizerField, vocabulary: Vocabulary) throws(TokenizerError) {
    let list = try field.array()
    guard list.count <= Self.mergeCountLimit else {
      throw field.invalid("has more than \(Self.mergeCountLimit) entries")
    }
    merges.reserveCapacity(list.count)
    var scratch: [UInt8] = []
    for (rank, element) in list.enumerated() {
      scratch.removeAll(keepingCapacity: true)
      guard let cut = Self.append(element, to: &scratch) else {
        throw .invalid(field: "\(field.path)[\(rank)]", reason: "is neither \"left right\" nor [\"left\", \"right\"]")
      }
      func unknown(_ piece: ArraySlice<UInt8>) -> TokenizerError {
        .unknownPiece(field: "\(field.path)[\(rank)]", piece: String(decoding: piece, as: UTF8.self))
      }
      guard let left = vocabulary.pieces.index(of: scratch[..<cut]) else { throw unknown(scratch[..<cut]) }
      guard let right = vocabulary.pieces.index(of: scratch[cut...]) else { throw unknown(scratch[cut...]) }
      guard let joined = vocabulary.pieces.index(joining: left, right) else { throw unknown(scratch[...]) }
      let key = Self.key(vocabulary.ids[left], vocabulary.ids[right])
      merges[key] = Merge(rank: UInt32(rank), id: vocabulary.ids[joined])
    }
  }

  /// Appends a merge's two pieces, one behind the other, and returns where the second begins.
  private static func append(_ element: JSON, to bytes: inout [UInt8]) -> Int? {
    switch element {
    case .array(let pair) where pair.count == 2:
      guard case .string(let left) = pair[0], case .string(let right) = pair[1] else { return nil }
      bytes += left.utf8
      let cut = bytes.count
      bytes += right.utf8
      return cut
    case .string(let line):
      bytes += line.utf8
      let space = UInt8(ascii: " ")
      guard let cut = bytes.firstIndex(of: space) else { return nil }
      bytes.remove(at: cut)
      return bytes[cut...].contains(space) ? nil : cut
    default: return nil
    }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  func merge(_ left: Int32, _ right: Int32) -> Merge? { merges[Self.key(left, right)] }

  /// By piece: the rank of the soonest merge that makes it.
  var ranks: [Int32: UInt32] {
    merges.values.reduce(into: [:]) { $0[$1.id] = min($0[$1.id] ?? .max, $1.rank) }
  }

  func id(ofScalar scalar: UInt32) -> Int32? { scalarIDs[scalar] }

  func id(ofWord word: ArraySlice<UInt8>) -> Int32? { wholeWords?.id(of: word) }
}

/// A piece that stands for one byte of UTF-8: `<0x0A>`.
enum ByteToken {
  static func text(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.utf8.count == 1 ? "0" : "") + digits + ">"
  }

  /// The byte a piece stands for. Decoding is laxer than encoding, as in the reference: small letters count too, and so
  /// does its number parser's leading plus sign.
  static func byte(of piece: ArraySlice<UInt8>) -> UInt8? {
    guard piece.count == 6, piece.starts(with: "<0x".utf8), piece.last == UInt8(ascii: ">") else { return nil }
    let digits = piece.dropFirst(3).dropLast()
    guard digits.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "-") }) else { return nil }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  /// The byte of a piece that is spelled exactly as ``text(of:)`` has it.
  static func byte(exactly piece: ArraySlice<UInt8>) -> UInt8? {
    guard let byte = byte(of: piece), piece.elementsEqual(text(of: byte).utf8) else { return nil }
    return byte
  }
}
