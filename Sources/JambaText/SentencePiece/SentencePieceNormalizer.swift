/// What sentencepiece does to a text before it looks for pieces (normalizer.cc), for models that map no characters.
struct SentencePieceNormalizer: Sendable {
  private let addsDummyPrefix: Bool
  private let removesExtraWhitespace: Bool
  /// What a space becomes.
  private let space: [UInt8]

  init(_ model: SentencePieceModel) {
    addsDummyPrefix = model.addsDummyPrefix
    removesExtraWhitespace = model.removesExtraWhitespace
    space = model.escapesWhitespace ? SentencePieceModel.space : [UInt8(ascii: " ")]
  }

  /// - Parameter userDefined: the end of the user-defined piece at a position: spaces within one stay.
  func callAsFunction(_ text: ArraySlice<UInt8>, userDefined: (Int) -> Int?) -> ArraySlice<UInt8> {
    let blank = UInt8(ascii: " ")
    var text = text
    if removesExtraWhitespace {
      while text.first == blank, (userDefined(text.startIndex) ?? 0) <= text.startIndex + 1 { text.removeFirst() }
    }
    if text.isEmpty { return [] }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2)
    if addsDummyPrefix { result += space }
    func append(_ byte: UInt8) {
      if byte == blank { result += space } else { result.append(byte) }
    }
    guard removesExtraWhitespace else {
      for byte in text { append(byte) }
      return result[...]
    }
    var followsSpace = true
    var position = text.startIndex
    while position < text.endIndex {
      let end = userDefined(position) ?? position + 1
      var part = text[position..<end]
      if followsSpace { part = part.drop { $0 == blank } }
      for byte in part { append(byte) }
      if let last = part.last { followsSpace = last == blank }
      position = end
    }
    var rest = result[...]
    while rest.count >= space.count, rest.suffix(space.count).elementsEqual(space) { rest = rest.dropLast(space.count) }
    return rest
  }
}
