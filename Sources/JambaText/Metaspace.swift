/// Spaces written as a visible character (`▁`), and one put before the text: a pre-tokenizer, and a decoder.
struct Metaspace: Sendable {
  enum Prepending: String {
    case always, first, never
  }

  /// One scalar, in UTF-8.
  let replacement: [UInt8]
  let prepending: Prepending
  /// Whether words are merged apart from each other, or the text as a whole.
  let splits: Bool

  init(_ field: TokenizerField) throws(TokenizerError) {
    let text = try field["replacement"].string()
    guard text.unicodeScalars.count == 1 else { throw field["replacement"].invalid("is not one character") }
    replacement = Array(text.utf8)

    let scheme = field["prepend_scheme"]
    let name = scheme.value == nil ? "always" : try scheme.string()
    guard let prepending = Prepending(rawValue: name) else { throw .unsupported(field: scheme.path, name: name) }
    self.prepending = prepending
    if try !field["add_prefix_space"].bool(default: true), prepending != .never {
      throw field["add_prefix_space"].invalid("is false although prepend_scheme is \(name)")
    }
    splits = try field["split"].bool(default: true)
  }

  /// The pieces of a text that are merged on their own.
  ///
  /// - Parameter isTextStart: Whether nothing, not even a token, stands before it in the whole text.
  func words(of text: ArraySlice<UInt8>, isTextStart: Bool) -> [ArraySlice<UInt8>] {
    var marked: [UInt8] = []
    marked.reserveCapacity(text.count + text.count / 2)
    let startsMarked = text.hasPrefix(replacement, at: text.startIndex) || text.first == UInt8(ascii: " ")
    if !startsMarked, prepending == .always || prepending == .first && isTextStart { marked += replacement }
    for byte in text {
      if byte == UInt8(ascii: " ") { marked += replacement } else { marked.append(byte) }
    }
    guard splits else { return [marked[...]] }

    var words: [ArraySlice<UInt8>] = []
    var start = 0
    for position in marked.indices.dropFirst()
    where marked[position] == replacement[0] && marked[...].hasPrefix(replacement, at: position) {
      words.append(marked[start..<position])
      start = position
    }
    words.append(marked[start...])
    return words
  }
}

/// The `pre_tokenizer` of tokenizer.json: Metaspace, a sequence of them, or none.
struct PreTokenizer: Sendable {
  private var steps: [Metaspace] = []

  static let stepLimit = 4

  init(_ field: TokenizerField) throws(TokenizerError) {
    if field.value != nil { try add(field) }
  }

  private mutating func add(_ field: TokenizerField) throws(TokenizerError) {
    switch try field.type() {
    case "Sequence": for element in try field["pretokenizers"].elements() { try add(element) }
    case "Metaspace": steps.append(try Metaspace(field))
    case let other: throw .unsupported(field: field.path, name: other)
    }
    guard steps.count <= Self.stepLimit else { throw field.invalid("has more than \(Self.stepLimit) steps") }
  }

  func words(of text: ArraySlice<UInt8>, isTextStart: Bool) -> [ArraySlice<UInt8>] {
    var words = [text]
    for step in steps {
      words = words.enumerated().flatMap { index, word in
        step.words(of: word, isTextStart: isTextStart && index == 0)
      }
    }
    return words
  }
}
