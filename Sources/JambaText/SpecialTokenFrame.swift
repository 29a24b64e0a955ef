/// The tokens put before and behind an encoded text: the `post_processor` of tokenizer.json, or what
/// tokenizer_config.json asks for instead.
struct SpecialTokenFrame: Sendable {
  private(set) var prefix: [Int32] = []
  private(set) var suffix: [Int32] = []

  static let tokenCountLimit = 64

  init(prefix: Int32?, suffix: Int32?) {
    self.prefix = prefix.map { [$0] } ?? []
    self.suffix = suffix.map { [$0] } ?? []
  }

  /// Reads the `post_processor` of tokenizer.json; null adds nothing.
  init(_ field: TokenizerField, vocabulary: Vocabulary) throws(TokenizerError) {
    if field.value == nil { return }
    switch try field.type() {
    case "Sequence":
      let elements = try field["processors"].elements()
      // A second template would have to be applied to the parts of the first: the reference cannot either.
      guard elements.count <= 1 else { throw field.invalid("is a sequence of more than one step") }
      if let only = elements.first { self = try SpecialTokenFrame(only, vocabulary: vocabulary) }
    case "TemplateProcessing": try readTemplate(field, vocabulary: vocabulary)
    case let other: throw .unsupported(field: field.path, name: other)
    }
  }

  /// Reads `single`: special tokens around the sequence A. The template for pairs of texts has no use here.
  private mutating func readTemplate(_ field: TokenizerField, vocabulary: Vocabulary) throws(TokenizerError) {
    var seesText = false
    for element in try field["single"].elements() {
      if element["Sequence"].value != nil {
        guard try element["Sequence"]["id"].string() == "A", !seesText else {
          throw element.invalid("is not the one sequence A")
        }
        seesText = true
        continue
      }
      let name = try element["SpecialToken"]["id"].string()
      let ids = field["special_tokens"][name]["ids"]
      for value in try ids.array() {
        guard case .integer(let id) = value, let id = Int32(exactly: id), vocabulary.piece(of: id) != nil else {
          throw .unknownPiece(field: ids.path, piece: value.text())
        }
        if seesText { suffix.append(id) } else { prefix.append(id) }
      }
      guard prefix.count + suffix.count <= Self.tokenCountLimit else {
        throw field["single"].invalid("adds more than \(Self.tokenCountLimit) tokens")
      }
    }
    guard seesText else { throw field["single"].invalid("has no place for the text") }
  }

  /// Lets `add_bos_token` and `add_eos_token` of tokenizer_config.json decide, where they are given: as in the reference,
  /// they come before the post-processor of tokenizer.json. One whose token is not named is passed over, and so is
  /// `add_eos_token` alone beside a post-processor, which then decides, as in transformers 5.
  mutating func apply(_ configuration: TokenizerField, bosID: Int32?, eosID: Int32?) throws(TokenizerError) {
    let addsBOS = configuration["add_bos_token"]
    let addsEOS = configuration["add_eos_token"]
    guard addsBOS.value != nil || addsEOS.value != nil else { return }
    if addsBOS.value == nil, !(prefix.isEmpty && suffix.isEmpty) {
      _ = try addsEOS.bool(default: false)
      return
    }
    let bos = try addsBOS.bool(default: false)
    let eos = try addsEOS.bool(default: false)
    if bos && bosID == nil || eos && eosID == nil { return }
    prefix = bos ? [bosID!] : []
    suffix = eos ? [eosID!] : []
  }
}
