extension Tokenizer {
  /// The bytes that a token adds to a text, as they come out of a detokenizer; nil for a token without text: one that the
  /// vocabulary lacks, or a special token that is not shown. One byte of a character is given as it is, though it is no
  /// text yet.
  ///
  /// - Parameters:
  ///   - shown: special tokens whose names are part of the text. Other special tokens are left out.
  ///   - afterText: false for the first token of a text that stands alone, which loses the space it begins with.
  package func textBytes(of token: Int32, showing shown: Set<Int32>, afterText: Bool) -> [UInt8]? {
    guard let piece = vocabulary.bytes(of: token), !isSpecial(token) || shown.contains(token) else { return nil }
    if let byte = decoder.byte(of: piece), byte >= 0x80 { return [byte] }
    var detokenizer = StreamingDetokenizer(tokenizer: self, showing: shown, afterText: afterText)
    return Array((detokenizer.push(token) + detokenizer.finish()).utf8)
  }
}
