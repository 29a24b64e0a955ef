import JambaSystem
import JambaText
import Testing

/// Against the tokenizers library: the two spellings in use, and unusual configurations.
struct ReferenceTests {
  @Test(arguments: ["prepend", "metaspace"])
  func spelling(_ name: String) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    let lines = try Fixtures.lines(name)
    #expect(lines.count == 400)
    for line in lines {
      let text = line["text"]!.string!
      let ids = line["ids"]!.ids
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == line["ids_with_special"]!.ids, "\(text.debugDescription)")
      #expect(scalars(tokenizer.decode(ids)) == scalars(line["decoded"]!.string!))
      #expect(
        scalars(tokenizer.decode(ids, skipSpecialTokens: true)) == scalars(line["decoded_skip_special"]!.string!))
    }
  }

  @Test func variants() throws {
    let base = try Fixtures.json("metaspace.tokenizer.json")
    for variant in try #require(Fixtures.json("variants.json")["variants"]?.array) {
      var json = base
      for (name, value) in variant["fields"]!.object!.members { json = json.replacing(name, with: value) }
      for (name, value) in variant["model"]!.object!.members { json = json.replacing("model", name, with: value) }
      for piece in variant["without"]!.array! { json = json.replacing("model", "vocab", piece.string!, with: nil) }
      try compare(variant, Tokenizer(json: json, configuration: nil), name: variant["name"]!.string!)
    }
  }

  /// Three letters, random merges, often two ways to the same piece, some listed twice.
  @Test func ambiguousMerges() throws {
    for (index, tiny) in try #require(Fixtures.json("variants.json")["tokenizers"]?.array).enumerated() {
      try compare(tiny, Tokenizer(json: tiny["json"]!, configuration: nil), name: "tiny \(index)")
    }
  }

  private func compare(_ expected: JSON, _ tokenizer: Tokenizer, name: String) throws {
    for line in try #require(expected["encoded"]?.array) {
      let text = line["text"]!.string!
      let ids = line["ids"]!.ids
      let comment: Comment = "\(name): \(text.debugDescription)"
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, comment)
      #expect(tokenizer.encode(text) == line["ids_with_special"]?.ids ?? ids, comment)
      let literal = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
      #expect(literal == line["literal_ids"]?.ids ?? ids, comment)
    }
    for line in try #require(expected["decoded"]?.array) {
      let ids = line["ids"]!.ids
      let decoded = scalars(line["decoded"]!.string!)
      #expect(scalars(tokenizer.decode(ids)) == decoded, "\(name): \(ids)")
      #expect(scalars(streamed(ids, tokenizer)) == decoded, "\(name): \(ids)")
      guard let skipped = line["decoded_skip_special"].map({ scalars($0.string!) }) else { continue }
      #expect(scalars(tokenizer.decode(ids, skipSpecialTokens: true)) == skipped, "\(name): \(ids)")
      #expect(scalars(streamed(ids, tokenizer, skipSpecialTokens: true)) == skipped, "\(name): \(ids)")
    }
  }
}
