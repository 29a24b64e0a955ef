/// The `decoder` of tokenizer.json: steps from a sequence of pieces to a text.
struct TokenDecoder: Sendable {
  /// A step on each piece by itself, or, for byte tokens, on a run of them.
  enum PieceStep {
    case replace(Replacement)
    case joinBytes
    /// The same, but each character by itself: bytes that are none become U+FFFD one by one.
    case joinCharacters
    /// As sentencepiece writes spaces: `▁` becomes one, and at the beginning of a text may vanish.
    case unescape(start: TextStart)
    /// The visible character becomes a space; in the first piece of a text it may vanish instead.
    case metaspace(first: Replacement, others: Replacement)
    case strip(Strip)
  }

  /// What becomes of a `▁` that a text begins with.
  enum TextStart {
    case kept, dropped
    /// It vanishes, and further pieces lose theirs until there is some text.
    case allDropped
  }

  /// A character cut off at the ends, at most so many times.
  struct Strip {
    /// One scalar, in UTF-8.
    let content: [UInt8]
    let start: Int
    let stop: Int

    static let countLimit = 255
  }

  /// In order. What they give is joined.
  private(set) var pieceSteps: [PieceStep] = []
  /// Steps on the joined text: those behind `Fuse`.
  private(set) var textSteps: [Strip] = []
  /// The text between two pieces: without any decoder, a space.
  let separator: [UInt8]

  private var isFused = false
  private var growth = 1

  /// The byte that a piece stands for; nil for one that stands for none, or for a decoder that knows none.
  func byte(of piece: ArraySlice<UInt8>) -> UInt8? {
    for step in pieceSteps {
      switch step {
      case .joinBytes: return ByteToken.byte(of: piece)
      case .joinCharacters: return ByteToken.byte(exactly: piece)
      case .replace, .unescape, .metaspace, .strip: continue
      }
    }
    return nil
  }

  /// Pieces become longer by this factor at most.
  static let growthLimit = 256
  static let stepLimit = 64

  init(_ field: TokenizerField) throws(TokenizerError) {
    separator = field.value == nil ? [UInt8(ascii: " ")] : []
    if field.value != nil { try add(field) }
  }

  /// Decodes as sentencepiece does (sentencepiece_processor.cc).
  init(_ model: SentencePieceModel) {
    separator = []
    let start: TextStart =
      model.removesExtraWhitespace ? .allDropped : model.addsDummyPrefix ? .dropped : .kept
    pieceSteps = [.unescape(start: start)]
    if model.pieces.contains(where: { $0.type == .byte }) { pieceSteps.append(.joinCharacters) }
  }

  private mutating func add(_ field: TokenizerField) throws(TokenizerError) {
    let type = try field.type()
    switch type {
    case "Sequence":
      for element in try field["decoders"].elements() { try add(element) }
      return
    case "Fuse": isFused = true
    case "Strip":
      let strip = try Strip(field)
      if isFused { textSteps.append(strip) } else { pieceSteps.append(.strip(strip)) }
    // These look at pieces; a text that is already joined has none left.
    case "Replace", "ByteFallback", "Metaspace":
      if isFused { throw .unsupported(field: field.path, name: type + " after Fuse") }
      pieceSteps.append(try pieceStep(type, field))
    default: throw .unsupported(field: field.path, name: type)
    }
    guard growth <= Self.growthLimit else {
      throw field.invalid("makes pieces more than \(Self.growthLimit) times longer")
    }
    guard pieceSteps.count + textSteps.count <= Self.stepLimit else {
      throw field.invalid("has more than \(Self.stepLimit) steps")
    }
  }

  private mutating func pieceStep(_ type: String, _ field: TokenizerField) throws(TokenizerError) -> PieceStep {
    switch type {
    case "Replace":
      let replacement = try Replacement(field)
      growth *= replacement.growth
      return .replace(replacement)
    case "Metaspace":
      let metaspace = try Metaspace(field)
      let space = Replacement(pattern: metaspace.replacement, content: [UInt8(ascii: " ")])
      let nothing = Replacement(pattern: metaspace.replacement, content: [])
      return .metaspace(first: metaspace.prepending == .never ? space : nothing, others: space)
    default: return .joinBytes
    }
  }
}

extension TokenDecoder.Strip {
  init(_ field: TokenizerField) throws(TokenizerError) {
    let text = try field["content"].string()
    guard text.unicodeScalars.count == 1 else { throw field["content"].invalid("is not one character") }
    content = Array(text.utf8)
    start = try field["start"].count(atMost: Self.countLimit)
    stop = try field["stop"].count(atMost: Self.countLimit)
  }

  /// The text without up to `limit` of the character at its start, and how many those were.
  func trimmedAtStart(_ text: ArraySlice<UInt8>, limit: Int) -> (rest: ArraySlice<UInt8>, count: Int) {
    var rest = text
    var count = 0
    while count < limit, rest.hasPrefix(content, at: rest.startIndex) {
      rest = rest.dropFirst(content.count)
      count += 1
    }
    return (rest, count)
  }

  /// The text without up to `limit` of the character at its end, and how many those were.
  func trimmedAtEnd(_ text: ArraySlice<UInt8>, limit: Int) -> (rest: ArraySlice<UInt8>, count: Int) {
    var rest = text
    var count = 0
    while count < limit, rest.count >= content.count, rest.suffix(content.count).elementsEqual(content) {
      rest = rest.dropLast(content.count)
      count += 1
    }
    return (rest, count)
  }
}
