/// A literal text replaced by another, as normalizers and decoders ask for.
struct Replacement: Sendable {
  /// UTF-8, at least one byte.
  let pattern: [UInt8]
  let content: [UInt8]

  /// Patterns, contents and prefixes are this long at most: a few characters in every real file.
  static let byteCountLimit = 64

  /// - Precondition: `pattern` is not empty.
  init(pattern: [UInt8], content: [UInt8]) {
    precondition(!pattern.isEmpty, "an empty pattern occurs everywhere")
    self.pattern = pattern
    self.content = content
  }

  /// Reads `{"type": "Replace", "pattern": {"String": …}, "content": …}`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    let pattern = field["pattern"]
    if pattern["Regex"].value != nil { throw .unsupported(field: pattern.path, name: "Regex") }
    self.pattern = try Self.bytes(of: pattern["String"])
    content = try Self.bytes(of: field["content"])
    if self.pattern.isEmpty { throw pattern.invalid("is empty") }
  }

  static func bytes(of field: TokenizerField) throws(TokenizerError) -> [UInt8] {
    let bytes = Array(try field.string().utf8)
    guard bytes.count <= byteCountLimit else { throw field.invalid("is longer than \(byteCountLimit) bytes") }
    return bytes
  }

  /// A text becomes at most this many times longer.
  var growth: Int { max(1, (content.count + pattern.count - 1) / pattern.count) }

  /// The text with every occurrence replaced, from left to right, without overlap.
  func callAsFunction(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard text.contains(pattern[0]) else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = text.startIndex
    while position < text.endIndex {
      if text[position] == pattern[0], text.hasPrefix(pattern, at: position) {
        result += content
        position += pattern.count
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result[...]
  }
}
