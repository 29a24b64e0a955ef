/// Turns token ids into text one by one, while a model generates them.
///
/// What ``push(_:)`` returned so far, plus what ``finish()`` returns, is what ``Tokenizer/decode(_:skipSpecialTokens:)``
/// gives for all the ids. Every returned text consists of whole characters (Unicode scalars).
///
/// Text is held back only while later tokens could change it: a run of byte tokens is returned when another token ends it,
/// since one invalid byte turns the whole run into U+FFFD. A line break that is a byte token (`<0x0A>`) thus arrives with
/// the token behind it. Tokenizers of SentencePiece models decode bytes by characters, and return each when it is whole.
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecialTokens: Bool
  /// Special tokens that are not skipped.
  private let shown: Set<Int32>
  /// By step of the decoder: the bytes of the run that is not yet over.
  private var byteRuns: [[UInt8]]
  /// By step of the decoder: whether a piece of the text has come by.
  private var hasSeenPiece: [Bool]
  /// By text step.
  private var strips: [StripState]
  private var needsSeparator: Bool

  /// - Parameters:
  ///   - skipSpecialTokens: Whether control tokens are left out.
  ///   - afterText: Whether the tokens continue a text, as an answer continues a prompt. The first token then keeps the
  ///     space it begins with; at the beginning of a text, that space is the tokenizer's own addition and is dropped.
  public init(tokenizer: Tokenizer, skipSpecialTokens: Bool = false, afterText: Bool = false) {
    self.init(tokenizer, skips: skipSpecialTokens, shown: [], afterText: afterText)
  }

  /// Leaves out control tokens but for `shown`.
  package init(tokenizer: Tokenizer, showing shown: Set<Int32>, afterText: Bool) {
    self.init(tokenizer, skips: true, shown: shown, afterText: afterText)
  }

  private init(_ tokenizer: Tokenizer, skips: Bool, shown: Set<Int32>, afterText: Bool) {
    self.tokenizer = tokenizer
    skipsSpecialTokens = skips
    self.shown = shown
    let decoder = tokenizer.decoder
    byteRuns = Array(repeating: [], count: decoder.pieceSteps.count)
    hasSeenPiece = Array(repeating: afterText, count: decoder.pieceSteps.count)
    strips = decoder.textSteps.map { StripState(strip: $0, remaining: afterText ? 0 : $0.start) }
    needsSeparator = afterText
  }

  /// The text that `id` completes; often that of the token itself, and empty for one that is skipped or held back.
  public mutating func push(_ id: Int32) -> String {
    guard let piece = tokenizer.vocabulary.bytes(of: id),
      !(skipsSpecialTokens && tokenizer.isSpecial(id) && !shown.contains(id))
    else { return "" }
    var output: [UInt8] = []
    advance(tokenizer.addedTokens.spellings[id] ?? piece, from: 0, into: &output)
    return stripped(output)
  }

  /// The text that was held back. Call it once, behind the last token.
  public mutating func finish() -> String {
    var output: [UInt8] = []
    for step in byteRuns.indices {
      if case .joinCharacters = tokenizer.decoder.pieceSteps[step] {
        takeCharacters(of: step, areAll: true, into: &output)
      } else {
        endRun(of: step, into: &output)
      }
    }
    return stripped(output)
  }

  /// Takes a piece through the decoder's steps from `first` on, and appends what comes out.
  private mutating func advance(_ piece: ArraySlice<UInt8>, from first: Int, into output: inout [UInt8]) {
    var piece = piece
    for step in byteRuns.indices.dropFirst(first) {
      switch tokenizer.decoder.pieceSteps[step] {
      case .replace(let replacement): piece = replacement(piece)
      case .joinBytes:
        if let byte = ByteToken.byte(of: piece) {
          byteRuns[step].append(byte)
          return
        }
        endRun(of: step, into: &output)
      case .joinCharacters:
        if let byte = ByteToken.byte(exactly: piece) {
          byteRuns[step].append(byte)
          takeCharacters(of: step, areAll: false, into: &output)
          return
        }
        takeCharacters(of: step, areAll: true, into: &output)
      case .unescape(let start):
        if !hasSeenPiece[step] {
          let isEscaped = piece.hasPrefix(SentencePieceModel.space, at: piece.startIndex)
          if isEscaped, start != .kept { piece = piece.dropFirst(SentencePieceModel.space.count) }
          hasSeenPiece[step] = !piece.isEmpty || isEscaped && start == .dropped
        }
        piece = Self.unescaping(piece)
      case .metaspace(let first, let others):
        piece = hasSeenPiece[step] ? others(piece) : first(piece)
        hasSeenPiece[step] = true
      case .strip(let strip):
        piece = strip.trimmedAtStart(piece, limit: strip.start).rest
        piece = strip.trimmedAtEnd(piece, limit: strip.stop).rest
      }
    }
    if needsSeparator { output += tokenizer.decoder.separator }
    needsSeparator = true
    output += piece
  }

  private static let unescaping = Replacement(pattern: SentencePieceModel.space, content: [UInt8(ascii: " ")])

  /// Hands on the characters that a run of bytes begins with, and U+FFFD for each byte that begins none.
  ///
  /// - Parameter areAll: whether no byte will follow; otherwise what may still become a character stays.
  private mutating func takeCharacters(of step: Int, areAll: Bool, into output: inout [UInt8]) {
    while let lead = byteRuns[step].first {
      let length = lead < 0x80 ? 1 : lead & 0xE0 == 0xC0 ? 2 : lead & 0xF0 == 0xE0 ? 3 : lead & 0xF8 == 0xF0 ? 4 : 1
      let character = Array(byteRuns[step].prefix(length))
      if !areAll, character.count < length, character.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }) { return }
      if character.count == length, String(validating: character, as: UTF8.self) != nil {
        byteRuns[step].removeFirst(length)
        advance(character[...], from: step + 1, into: &output)
      } else {
        byteRuns[step].removeFirst()
        advance(Array("\u{FFFD}".utf8)[...], from: step + 1, into: &output)
      }
    }
  }

  /// Hands a run of bytes on as one piece, or, if it is not UTF-8, as one U+FFFD for each byte.
  private mutating func endRun(of step: Int, into output: inout [UInt8]) {
    guard !byteRuns[step].isEmpty else { return }
    let run = byteRuns[step]
    byteRuns[step] = []
    if String(validating: run, as: UTF8.self) != nil {
      advance(run[...], from: step + 1, into: &output)
    } else {
      for _ in run { advance(Array("\u{FFFD}".utf8)[...], from: step + 1, into: &output) }
    }
  }

  private mutating func stripped(_ output: [UInt8]) -> String {
    var bytes = output[...]
    for index in strips.indices { bytes = strips[index].push(bytes)[...] }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A strip of the joined text, applied as the text comes in.
private struct StripState: Sendable {
  let strip: TokenDecoder.Strip
  /// How many characters may still be cut at the start.
  var remaining: Int
  /// How many characters are held back, because they may turn out to be the end.
  var heldCount = 0

  init(strip: TokenDecoder.Strip, remaining: Int) {
    self.strip = strip
    self.remaining = remaining
  }

  /// Takes whole characters, and returns those that are neither cut nor held back.
  mutating func push(_ text: ArraySlice<UInt8>) -> [UInt8] {
    if text.isEmpty { return [] }
    let (rest, cutCount) = strip.trimmedAtStart(text, limit: remaining)
    remaining = rest.isEmpty ? remaining - cutCount : 0
    var bytes = (0..<heldCount).flatMap { _ in strip.content } + rest
    let (released, count) = strip.trimmedAtEnd(bytes[...], limit: strip.stop)
    heldCount = count
    bytes = Array(released)
    return bytes
  }
}
