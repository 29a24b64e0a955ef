import Foundation
import JambaSystem
import JambaText
import Testing

/// Against sentencepiece: ids and texts of small models, and of the real vocabulary where it is at hand.
struct SentencePieceTests {
  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Fixtures.folder.appendingPathComponent("\(name).tokenizer.model")))
  }

  static func model(_ name: String) throws -> SentencePieceModel { try SentencePieceModel(bytes(name)) }

  static func lines(_ name: String) throws -> [JSON] {
    try Data(contentsOf: Fixtures.folder.appendingPathComponent("\(name).sentencepiece.jsonl"))
      .split(separator: UInt8(ascii: "\n")).map { try JSON.parse($0) }
  }

  /// Every line with a text is encoded, every one decoded, at once and id by id.
  static func compare(_ tokenizer: Tokenizer, _ lines: [JSON]) throws {
    for line in lines {
      let ids = try #require(line["ids"]).ids
      let comment: Comment = "\(line.text())"
      if let text = line["text"]?.string {
        // sentencepiece makes no control tokens of their names.
        #expect(tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false) == ids, comment)
      }
      let decoded = scalars(try #require(line["decoded"]?.string))
      #expect(scalars(tokenizer.decode(ids)) == decoded, comment)
      #expect(scalars(streamed(ids, tokenizer)) == decoded, comment)
    }
  }

  @Test(arguments: ["jamba", "llama", "bare", "ties"])
  func fixture(_ name: String) throws {
    var model = try Self.model(name)
    let lines = try Self.lines(name)
    #expect(lines.count > 300)
    // Control tokens that a text may hold stay text only if the text may not name them, as here; user-defined pieces that
    // are spelled like them are found by sentencepiece.
    let named = lines.filter { $0["text"]?.string?.contains("<|") ?? false }
    let tokenizer = try Tokenizer(sentencePiece: model)
    try Self.compare(tokenizer, lines.filter { line in !named.contains(line) })
    for line in named
    where line["text"]?.string?.contains("<unk>") == false && line["text"]?.string?.contains("<s>") == false {
      #expect(tokenizer.encode(line["text"]!.string!, addSpecialTokens: false) == line["ids"]!.ids, "\(line.text())")
    }
    // What is written is what was read.
    #expect(try SentencePieceModel(model.serialized) == model)
    model.pieces[0].text = "changed"
    #expect(try SentencePieceModel(model.serialized) == model)
  }

  /// Learned pieces stand in the order of their scores, but for runs of spaces.
  @Test func equalScoresAreMadeUp() throws {
    var model = try Self.model("jamba")
    #expect(!model.hasDamagedScores)
    for index in model.pieces.indices { model.pieces[index].score = -1000 }
    #expect(model.hasDamagedScores)
    let tokenizer = try Tokenizer(sentencePiece: model)
    try Self.compare(tokenizer, Self.lines("jamba").filter { $0["text"]?.string?.contains("<|") != true })
  }

  @Test(.enabled(if: RealVocabulary.isThere), arguments: [false, true])
  func realVocabulary(hasEqualScores: Bool) throws {
    var model = try SentencePieceModel(RealVocabulary.model)
    if hasEqualScores { for index in model.pieces.indices { model.pieces[index].score = -1000 } }
    #expect(model.hasDamagedScores == hasEqualScores)
    let lines = try RealVocabulary.lines
    #expect(lines.count == 607)
    let tokenizer = try Tokenizer(sentencePiece: model)
    try Self.compare(tokenizer, lines)
    for line in lines {
      #expect(tokenizer.encode(line["text"]!.string!) == line["ids"]!.ids)
    }
  }

  /// A text is one word. What makes a quadratic merger hang must pass here.
  @Test(.timeLimit(.minutes(1)), arguments: ["jamba", "ties", "real"])
  func longTexts(_ name: String) throws {
    if name == "real", !RealVocabulary.isThere { return }
    let tokenizer = try Tokenizer(
      sentencePiece: name == "real" ? SentencePieceModel(RealVocabulary.model) : Self.model(name))
    var random = SplitMix(state: 5)
    let noise = String(decoding: (0..<1 << 20).map { _ in UInt8.random(in: 0...255, using: &random) }, as: UTF8.self)
    let letters = String(decoding: (0..<1 << 20).map { _ in UInt8.random(in: 97...122, using: &random) }, as: UTF8.self)
    for text in [
      String(repeating: "a", count: 1 << 20), String(repeating: " ", count: 1 << 20), noise, letters,
      String(repeating: "<|eom|", count: 1 << 17), String(repeating: "cab", count: 1 << 18),
    ] {
      let ids = tokenizer.encode(text)
      #expect(!ids.isEmpty)
      if name != "ties" {
        let end = streamed(ids.suffix(50), tokenizer, afterText: true)
        #expect(text.utf8.suffix(20).elementsEqual(end.utf8.suffix(20)))
      }
    }
  }

  @Test func controlTokens() throws {
    let model = try Self.model("jamba")
    let tokenizer = try Tokenizer(sentencePiece: model)
    let eom = try #require(tokenizer.id(of: "<|eom|>"))
    let call = try #require(tokenizer.id(of: "<tool_calls>"))
    #expect(tokenizer.bosID == 1 && tokenizer.eosID == 2 && tokenizer.unknownID == 3)
    for id in [0, 1, 2, 4, eom] { #expect(tokenizer.isSpecial(id)) }
    #expect(!tokenizer.isSpecial(call))
    #expect(tokenizer.encode("<|startoftext|><|eom|><tool_calls>") == [1, eom, call])
    let text = "<|startoftext|><|eom|><tool_calls>"
    let literal = tokenizer.encode(text, parseSpecialTokens: false)
    #expect(!literal.contains(where: tokenizer.isSpecial) && literal.last == call)
    #expect(tokenizer.decode(literal) == text)
    #expect(tokenizer.decode([1, eom, call], skipSpecialTokens: true) == "<tool_calls>")
    // A mark parts what a user wrote; what a template wrote is found.
    let marked = MarkedText(marked: "<|eom|><\u{E0100}|eom|>", mark: "\u{E0100}")
    let ids = tokenizer.encode(marked)
    #expect(ids.first == eom && !ids.dropFirst().contains(eom) && tokenizer.decode(ids.dropFirst()) == "<|eom|>")
    #expect(try Marker(tokenizer, avoiding: [])?.marked("<|user|>") != "<|user|>")
  }

  /// What transformers 5.24 makes of tokenizer.model and these settings.
  @Test func settings() throws {
    let model = try Self.model("jamba")
    func ids(_ settings: JSONObject) throws -> [Int32] {
      try Tokenizer(sentencePiece: model, configuration: .object(settings)).encode("<|eom|>").map { $0 }
    }
    let eom = try #require(Tokenizer(sentencePiece: model).id(of: "<|eom|>"))
    #expect(try ids([:]) == [eom])
    #expect(try ids(["add_bos_token": .bool(true)]) == [1, eom])
    #expect(try ids(["add_eos_token": .bool(true)]) == [eom, 2])
    #expect(try ids(["add_eos_token": .bool(true), "eos_token": .string("<|user|>")]).count == 2)
    #expect(try ids(["add_bos_token": .bool(true), "bos_token": .null, "add_eos_token": .bool(false)]) == [1, eom])
    let named = try Tokenizer(
      sentencePiece: model, configuration: .object(["additional_special_tokens": .array([.string("<tool_calls>")])]))
    #expect(named.isSpecial(try #require(named.id(of: "<tool_calls>"))))
    #expect(throws: TokenizerError.self) { try ids(["eos_token": .string("no such piece")]) }
  }

  /// Bytes are decoded character by character, as soon as one is whole.
  @Test func charactersAreStreamed() throws {
    let tokenizer = try Tokenizer(sentencePiece: Self.model("llama"))
    var detokenizer = StreamingDetokenizer(tokenizer: tokenizer, afterText: true)
    let smile = try "🙂\n".utf8.map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return try #require(tokenizer.id(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">"))
    }
    #expect(smile.map { detokenizer.push($0) } == ["", "", "", "🙂", "\n"])
    #expect(detokenizer.push(smile[0]) == "")
    #expect(detokenizer.push(smile[4]) == "\u{FFFD}\n")
    #expect(detokenizer.push(smile[0]) == "" && detokenizer.finish() == "\u{FFFD}")
  }
}

/// The SentencePiece file of the Jamba models, which is too large for the repository.
enum RealVocabulary {
  private static let folder = Fixtures.folder.appendingPathComponent("../../../../shared/real").standardized

  static var isThere: Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent("tokenizer.model").path)
  }

  static var model: [UInt8] {
    get throws { Array(try Data(contentsOf: folder.appendingPathComponent("tokenizer.model"))) }
  }

  static var lines: [JSON] {
    get throws {
      try Data(contentsOf: folder.appendingPathComponent("expected.jsonl"))
        .split(separator: UInt8(ascii: "\n")).map { try JSON.parse($0) }
    }
  }
}
