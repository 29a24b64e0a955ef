import JambaSystem
import JambaText
import Testing

/// A damaged or foreign tokenizer.json is refused with a sentence that names the place.
struct DamagedFileTests {
  struct Damage: CustomTestStringConvertible {
    let path: [String]
    /// JSON text; nil takes the member away.
    let value: String?
    let error: String

    init(_ path: String, _ value: String?, _ error: String) {
      self.path = path.split(separator: ".").map(String.init)
      self.value = value
      self.error = error
    }

    var testDescription: String { "\(path.joined(separator: ".")) = \(value?.prefix(60) ?? "nothing")" }
  }

  static let sound = """
    {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "?": 3}, "merges": ["a b"], "unk_token": "?"},
     "added_tokens": [{"id": 9, "content": "<s>", "special": true}],
     "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
       "special_tokens": {"<s>": {"ids": [9]}}}}
    """

  static let doubling = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#

  static let damages: [Damage] = [
    Damage("model", nil, "model.vocab is missing"),
    Damage("model", "[]", "model.vocab is missing"),
    Damage("model.type", "\"Unigram\"", "model.type is \"Unigram\", which is not supported"),
    Damage("model.type", "7", "model.type is not a string"),
    Damage("model.vocab", "{}", "model.vocab is empty"),
    Damage("model.vocab", "[[\"a\", -1.5]]", "model.vocab is not an object"),
    Damage("model.vocab.a", "-1", "gives \"a\" the id -1"),
    Damage("model.vocab.a", "16777216", "gives \"a\" the id 16777216"),
    Damage("model.vocab.a", "2147483648", "gives \"a\" the id 2147483648"),
    Damage("model.vocab.a", "99999999999999999999999", "gives \"a\" the id 99999999999999999999999"),
    Damage("model.vocab.a", "1.5", "gives \"a\" the id 1.5"),
    Damage("model.vocab.a", "\"0\"", "gives \"a\" the id \"0\""),
    Damage("model.vocab.a", "null", "gives \"a\" the id null"),
    Damage("model.vocab.a", "1", "gives id 1 to both"),
    Damage("model.merges", nil, "model.merges is missing"),
    Damage("model.merges", "\"a b\"", "model.merges is not an array"),
    Damage("model.merges", "[\"a b\", \"a c\"]", "model.merges[1] names \"c\""),
    Damage("model.merges", "[[\"b\", \"a\"]]", "model.merges[0] names \"ba\""),
    Damage("model.merges", "[\"ab\"]", "model.merges[0] is neither"),
    Damage("model.merges", "[\"a  b\"]", "model.merges[0] is neither"),
    Damage("model.merges", "[\"a b c\"]", "model.merges[0] is neither"),
    Damage("model.merges", "[[\"a\"]]", "model.merges[0] is neither"),
    Damage("model.merges", "[[\"a\", 1]]", "model.merges[0] is neither"),
    Damage("model.merges", "[null]", "model.merges[0] is neither"),
    Damage("model.unk_token", "\"<unk>\"", "model.unk_token names \"<unk>\""),
    Damage("model.unk_token", "3", "model.unk_token is not a string"),
    Damage("model.byte_fallback", "1", "model.byte_fallback is neither true nor false"),
    Damage("model.fuse_unk", "\"yes\"", "model.fuse_unk is neither true nor false"),
    Damage("model.dropout", "0.1", "model.dropout is \"0.1\", which is not supported"),
    Damage("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix is \"</w>\", which is not supported"),
    Damage("model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix is \"##\""),
    Damage("normalizer", "{\"type\": \"NFKC\"}", "normalizer is \"NFKC\", which is not supported"),
    Damage("normalizer", "\"NFC\"", "normalizer is not an object"),
    Damage("normalizer", "{}", "normalizer.type is missing"),
    Damage(
      "normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}]}",
      "normalizer.normalizers[0] is \"Lowercase\""),
    Damage(
      "normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" +\"}, \"content\": \"x\"}",
      "normalizer.pattern is \"Regex\""),
    Damage(
      "normalizer", "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"x\"}",
      "normalizer.pattern is empty"),
    Damage(
      "normalizer", "{\"type\": \"Prepend\", \"prepend\": \"\(String(repeating: "x", count: 65))\"}",
      "normalizer.prepend is longer than 64 bytes"),
    Damage(
      "normalizer",
      "{\"type\": \"Sequence\", \"normalizers\": [\(repeated(doubling, 9))]}",
      "normalizer.normalizers[8] makes texts more than 256 times longer"),
    Damage("normalizer", String(repeating: "[", count: 100) + String(repeating: "]", count: 100), "is not an object"),
    Damage("pre_tokenizer", "{\"type\": \"ByteLevel\"}", "pre_tokenizer is \"ByteLevel\", which is not supported"),
    Damage("pre_tokenizer", "{\"type\": \"Metaspace\"}", "pre_tokenizer.replacement is missing"),
    Damage("pre_tokenizer", "{\"type\": \"Metaspace\", \"replacement\": \"▁▁\"}", "replacement is not one character"),
    Damage(
      "pre_tokenizer", "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": \"last\"}",
      "pre_tokenizer.prepend_scheme is \"last\", which is not supported"),
    Damage(
      "pre_tokenizer", "{\"type\": \"Metaspace\", \"replacement\": \"▁\", \"add_prefix_space\": false}",
      "add_prefix_space is false although prepend_scheme is always"),
    Damage("decoder", "{\"type\": \"ByteLevel\"}", "decoder is \"ByteLevel\", which is not supported"),
    Damage(
      "decoder", "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"ByteFallback\"}]}",
      "decoder.decoders[1] is \"ByteFallback after Fuse\""),
    Damage(
      "decoder", "{\"type\": \"Strip\", \"content\": \" \", \"start\": -1, \"stop\": 0}",
      "decoder.start is not a whole number from 0 to 255"),
    Damage(
      "decoder", "{\"type\": \"Strip\", \"content\": \"\", \"start\": 1, \"stop\": 0}", "content is not one character"),
    Damage(
      "decoder", "{\"type\": \"Sequence\", \"decoders\": [\(repeated(#"{"type": "ByteFallback"}"#, 65))]}",
      "decoder.decoders[64] has more than 64 steps"),
    Damage("post_processor", "{\"type\": \"BertProcessing\"}", "post_processor is \"BertProcessing\""),
    Damage("post_processor.single", "[]", "post_processor.single has no place for the text"),
    Damage("post_processor.single", "[{\"Sequence\": {\"id\": \"B\"}}]", "single[0] is not the one sequence A"),
    Damage("post_processor.single", "[7]", "single[0].SpecialToken.id is missing"),
    Damage("post_processor.special_tokens", "{}", "special_tokens.<s>.ids is missing"),
    Damage("post_processor.special_tokens", "{\"<s>\": {\"ids\": [8]}}", "special_tokens.<s>.ids names \"8\""),
    Damage("post_processor.special_tokens", "{\"<s>\": {\"ids\": [-1]}}", "special_tokens.<s>.ids names \"-1\""),
    Damage(
      "post_processor.special_tokens", "{\"<s>\": {\"ids\": [\(repeated("9", 65))]}}", "single adds more than 64 tokens"
    ),
    Damage("added_tokens", "{}", "added_tokens is not an array"),
    Damage("added_tokens", "[7]", "added_tokens[0].content is missing"),
    Damage("added_tokens", "[{\"content\": \"x\"}]", "added_tokens[0].id is missing"),
    Damage("added_tokens", "[{\"content\": \"x\", \"id\": -1}]", "gives \"x\" the id -1"),
    Damage("added_tokens", "[{\"content\": \"x\", \"id\": 4294967296}]", "gives \"x\" the id 4294967296"),
    Damage("added_tokens", "[{\"content\": \"x\", \"id\": 1}]", "gives id 1 to both \"b\" and \"x\""),
    Damage("added_tokens", "[{\"content\": \"a\", \"id\": 7}]", "added_tokens[0].id is 7, but the vocabulary says 0"),
    Damage(
      "added_tokens", "[{\"content\": \"x\", \"id\": 7}, {\"content\": \"x\", \"id\": 7, \"special\": true}]",
      "added_tokens[1] contradicts an earlier entry"),
    Damage("added_tokens", "[{\"content\": \"x\", \"id\": 7, \"lstrip\": 0}]", "lstrip is neither true nor false"),
    Damage(
      "added_tokens", "[{\"content\": \"\(String(repeating: "x", count: 1025))\", \"id\": 7}]",
      "added_tokens[0].content is longer than 1024 bytes"),
  ]

  static func repeated(_ text: String, _ count: Int) -> String {
    Array(repeating: text, count: count).joined(separator: ",")
  }

  @Test(arguments: damages)
  func refused(_ damage: Damage) throws {
    let sound = try JSON.parse(Self.sound)
    _ = try Tokenizer(json: sound, configuration: nil)
    let damaged = Self.replacing(damage.path[...], in: sound, with: try damage.value.map { try JSON.parse($0) })
    let error = try #require(throws: TokenizerError.self) { try Tokenizer(json: damaged, configuration: nil) }
    #expect(error.description.contains(damage.error), "\(error)")
  }

  @Test func configuration() throws {
    let sound = try JSON.parse(Self.sound)
    for (text, expected) in [
      (#"{"bos_token": 5}"#, "configuration.bos_token is not a string"),
      (#"{"bos_token": {"id": 5}}"#, "configuration.bos_token.content is missing"),
      (#"{"bos_token": "<bos>"}"#, "configuration.bos_token names \"<bos>\""),
      (#"{"add_bos_token": "yes"}"#, "configuration.add_bos_token is neither true nor false"),
    ] {
      let error = try #require(throws: TokenizerError.self) {
        try Tokenizer(json: sound, configuration: JSON.parse(text))
      }
      #expect(error.description.contains(expected), "\(error)")
    }
  }

  @Test(arguments: ["null", "[]", "7", "\"text\"", "{}"])
  func noObject(_ text: String) throws {
    #expect(throws: TokenizerError.self) { try Tokenizer(json: JSON.parse(text), configuration: nil) }
  }

  /// Ids with holes are sound.
  @Test func holes() throws {
    let json = try JSON.parse(#"{"model": {"vocab": {"a": 100000, "b": 5}, "merges": []}}"#)
    let tokenizer = try Tokenizer(json: json, configuration: nil)
    #expect(tokenizer.vocabularyCount == 2)
    #expect(tokenizer.idEnd == 100_001)
    #expect(tokenizer.encode("ab") == [100_000, 5])
    #expect(tokenizer.decode([100_000, 6, 5]) == "a b")
  }

  /// Foreign names reach a terminal in error messages.
  @Test func messagesAreEscapedAndShort() {
    let piece = "\u{1B}[2J" + String(repeating: "x", count: 9999)
    let error = TokenizerError.unknownPiece(field: "model.unk_token", piece: piece)
    #expect(!error.description.contains("\u{1B}"))
    #expect(error.description.utf8.count < 200)
  }

  private static func replacing(_ path: ArraySlice<String>, in json: JSON, with value: JSON?) -> JSON {
    guard let name = path.first else { return value! }
    var object = json.object ?? [:]
    if path.count == 1 {
      object[name] = value
    } else {
      object[name] = replacing(path.dropFirst(), in: json[name] ?? .object([:]), with: value)
    }
    return .object(object)
  }
}
