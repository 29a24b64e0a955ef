/// The `normalizer` of tokenizer.json: applied to each stretch of text between added tokens.
struct Normalizer: Sendable {
  private enum Step {
    case prepend([UInt8])
    case replace(Replacement)
  }

  private var steps: [Step] = []
  /// A text grows by this factor at most. A hostile file could otherwise double it at every step.
  private var growth = 1

  static let growthLimit = 256

  /// Reads the `normalizer` of tokenizer.json; null does nothing.
  init(_ field: TokenizerField) throws(TokenizerError) {
    if field.value != nil { try add(field) }
  }

  private mutating func add(_ field: TokenizerField) throws(TokenizerError) {
    switch try field.type() {
    case "Sequence":
      for element in try field["normalizers"].elements() { try add(element) }
      return
    case "Prepend":
      let prefix = try Replacement.bytes(of: field["prepend"])
      growth *= 1 + prefix.count
      steps.append(.prepend(prefix))
    case "Replace":
      let replacement = try Replacement(field)
      growth *= replacement.growth
      steps.append(.replace(replacement))
    case let other: throw .unsupported(field: field.path, name: other)
    }
    guard growth <= Self.growthLimit else {
      throw field.invalid("makes texts more than \(Self.growthLimit) times longer")
    }
  }

  /// The normalized text, and whether its first character still comes from the start of `text`: one that begins with what
  /// is taken away does not count as the start of a text afterwards.
  func callAsFunction(_ text: ArraySlice<UInt8>) -> (text: ArraySlice<UInt8>, keepsStart: Bool) {
    var text = text
    var keepsStart = true
    for step in steps {
      switch step {
      case .prepend(let prefix): if !text.isEmpty { text = (prefix + text)[...] }
      case .replace(let replacement):
        if replacement.content.isEmpty, text.hasPrefix(replacement.pattern, at: text.startIndex) { keepsStart = false }
        text = replacement(text)
      }
    }
    return (text, keepsStart)
  }
}
