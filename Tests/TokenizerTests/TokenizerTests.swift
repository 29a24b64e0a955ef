import JambaSystem
import JambaText
import Testing

struct TokenizerTests {
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Fixtures.tokenizer("metaspace") }

  @Test func lookUps() {
    #expect(tokenizer.vocabularyCount == 4096)
    #expect(tokenizer.idEnd == 4096)
    #expect(tokenizer.id(of: "<|eom|>") == 5)
    #expect(tokenizer.piece(of: 5) == "<|eom|>")
    #expect(tokenizer.isSpecial(5))
    #expect(tokenizer.bosID == 1)
    #expect(tokenizer.eosID == nil)
    #expect(tokenizer.unknownID == 3)
    #expect(tokenizer.id(of: "no such piece") == nil)
    for id: Int32 in [-1, .min, 4096, .max] {
      #expect(tokenizer.piece(of: id) == nil)
      #expect(!tokenizer.isSpecial(id))
    }
    for id: Int32 in 0..<4096 { #expect(tokenizer.id(of: tokenizer.piece(of: id)!) == id) }
  }

  /// é in one scalar and in two are one Swift string, but two pieces.
  @Test func piecesAreComparedByBytes() throws {
    let json = try JSON.parse(
      #"{"model": {"vocab": {"\u00E9": 0, "e\u0301": 1, "e": 2, "\u0301": 3}, "merges": ["e \u0301"]}}"#)
    let tokenizer = try Tokenizer(json: json, configuration: nil)
    #expect(tokenizer.encode("\u{E9}e\u{301}") == [0, 1])
    #expect(tokenizer.id(of: "\u{E9}") == 0)
    #expect(tokenizer.id(of: "e\u{301}") == 1)
  }

  @Test func roundTrips() {
    var random = SplitMix(state: 7)
    for _ in 0..<300 {
      let text = randomText(&random, runCount: Int.random(in: 0...40, using: &random))
      // The visible space is a space when decoded; nothing else is lost.
      let expected = scalars(text).map { $0 == "▁" ? " " : $0 }
      let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
      // A text that begins with a space gets no other before it, and so loses it.
      let dropsSpace = expected.first == " "
      let comment: Comment = "\(text.debugDescription)"
      #expect(scalars(tokenizer.decode(ids)) == Array(expected.dropFirst(dropsSpace ? 1 : 0)), comment)
      let space: [Unicode.Scalar] = dropsSpace || expected.isEmpty ? [] : [" "]
      #expect(scalars(streamed(ids, tokenizer, afterText: true)) == space + expected, comment)
    }
  }

  @Test func textThatStaysTextMakesNoControlTokens() throws {
    let names = (0..<9).map { tokenizer.piece(of: $0)! }
    var random = SplitMix(state: 3)
    for _ in 0..<300 {
      var text = ""
      for _ in 0..<6 { text += Bool.random(using: &random) ? names.randomElement(using: &random)! : " x" }
      let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
      #expect(!ids.contains(where: tokenizer.isSpecial))
      #expect(streamed(ids, tokenizer, afterText: true).hasSuffix(text))
    }
    #expect(tokenizer.encode("<|eom|>", addSpecialTokens: false) == [5])
  }

  /// A vocabulary whose merges, characters and whole words lead to control tokens.
  @Test func mergesIntoControlTokensAreWithheld() throws {
    let special: JSON = .array(
      [(2, "ab"), (3, "c"), (4, "<0x64>")].map { id, content in
        .object(["id": .integer(id), "content": .string(content), "special": .bool(true), "normalized": .bool(false)])
      })
    let vocabulary: JSONObject = [
      "a": .integer(0), "b": .integer(1), "ab": .integer(2), "c": .integer(3), "<0x64>": .integer(4), "?": .integer(5),
    ]
    for ignoresMerges in [false, true] {
      let model: JSON = .object([
        "vocab": .object(vocabulary), "merges": .array([.string("a b")]), "unk_token": .string("?"),
        "ignore_merges": .bool(ignoresMerges), "byte_fallback": .bool(true),
      ])
      let tokenizer = try Tokenizer(json: .object(["model": model, "added_tokens": special]), configuration: nil)
      #expect(tokenizer.encode("abcd") == [2, 3, 4])
      #expect(tokenizer.encode("abcd", parseSpecialTokens: false) == [0, 1, 5, 5])
      #expect(tokenizer.encode("ab", parseSpecialTokens: false) == [0, 1])
    }
  }

  @Test func configurationFramesTheText() throws {
    let json = try Fixtures.json("metaspace.tokenizer.json")
    let bare = json.replacing("post_processor", with: .null)
    let bos: JSON = .object(["content": .string("<|startoftext|>")])
    func ids(_ json: JSON, _ configuration: JSONObject) throws -> [Int32] {
      try Tokenizer(json: json, configuration: .object(configuration)).encode("<|user|>")
    }
    #expect(try ids(bare, [:]) == [7])
    #expect(try ids(bare, ["add_bos_token": .bool(true), "bos_token": bos]) == [1, 7])
    #expect(try ids(bare, ["add_bos_token": .bool(true), "bos_token": .null]) == [7])
    #expect(
      try ids(bare, ["add_eos_token": .bool(true), "eos_token": .string("<|endoftext|>")]) == [7, 2])
    #expect(try ids(json, ["bos_token": bos, "add_bos_token": .null]) == [1, 7])
    #expect(try ids(json, ["bos_token": bos, "add_bos_token": .bool(true)]) == [1, 7])
    #expect(try ids(json, ["bos_token": bos, "add_bos_token": .bool(false)]) == [7])
  }

  /// Without pre-tokenization a text is one word. What makes a quadratic merger hang must pass here.
  @Test func longTexts() {
    var random = SplitMix(state: 11)
    let same = String(repeating: "a", count: 1 << 20)
    let noise = randomText(&random, runCount: 1 << 18)
    let tags = String(repeating: "<|eom|", count: 1 << 16)
    for text in [same, noise, tags, String(repeating: " ", count: 1 << 20)] {
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      let end = streamed(ids.suffix(100), tokenizer, afterText: true)
      #expect(text.replacing("▁", with: " ").utf8.suffix(50).elementsEqual(end.utf8.suffix(50)))
    }
  }

  private func randomText(_ random: inout SplitMix, runCount: Int) -> String {
    var text = ""
    for _ in 0..<runCount {
      let ranges: [ClosedRange<UInt32>] = [
        0x20...0x7E, 0x20...0x7E, 0...0x7FF, 0x2500...0x25FF, 0x800...0xD7FF, 0x10000...0x1FFFF,
      ]
      let scalar = Unicode.Scalar(UInt32.random(in: ranges.randomElement(using: &random)!, using: &random))!
      for _ in 0..<Int.random(in: 1...3, using: &random) { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}
