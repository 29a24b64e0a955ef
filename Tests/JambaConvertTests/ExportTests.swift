import JambaConvert
import JambaFormat
import JambaText
import TestSupport
import Testing

/// GGUF files out of .jamba files, against those that llama.cpp's Python package makes of the same weights.
@Suite struct ExportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func convert(_ source: String, _ name: String, recipe: Recipe? = .uniform(.f32)) throws -> String {
    let output = folder.file(name)
    _ = try JambaConvert.convert(
      checkpoint: source, to: output, options: ConversionOptions(recipe: recipe, packing: .zstd, threads: 2),
      tool: "test", progress: { _, _ in true })
    return output
  }

  func export(_ model: String, _ name: String, _ type: ExportType) throws -> (path: String, notes: [String]) {
    let output = folder.file(name)
    return (output, try exportGGUF(model, to: output, as: type, tool: "test") { _, _ in true })
  }

  /// Tensors' types, shapes and bytes by name.
  func tensors(_ paths: String...) throws -> [String: String] {
    var all: [String: String] = [:]
    for path in paths {
      let (file, content) = (try GGUFFile(path: path), try bytes(of: path))
      for tensor in file.tensors {
        let shape = Array(tensor.shape.drop { $0 == 1 })
        all[tensor.name] = "\(tensor.type?.name ?? "") \(shape) \(checksum(of: Array(content[tensor.range])))"
      }
    }
    return all
  }

  @Test(arguments: [
    (ExportType.q8_0, "moe", ["moe-Q8_0.gguf"]), (.bf16, "dense", ["dense-BF16.gguf"]),
    (.f32, "moe", (1...3).map { "moe-F32-0000\($0)-of-00003.gguf" }),
  ])
  func tensorsAreThoseOfTheReference(type: ExportType, source: String, references: [String]) throws {
    let path = try export(convert(Fixtures.checkpoint(source), "m.jamba"), "m.gguf", type).path
    var expected: [String: String] = [:]
    for reference in references { expected.merge(try tensors(Fixtures.gguf(reference))) { $1 } }
    // A tied head is written twice by some, and once here.
    if try JambaFile(path: folder.file("m.jamba")).entry(named: "lm_head.weight") == nil { expected["output.weight"] = nil }
    #expect(try tensors(path) == expected)
  }

  @Test(arguments: ["dense", "moe", "long", "demo"], [ExportType.f32, .bf16, .f16, .q8_0])
  func whatComesBackIsTheSame(source: String, type: ExportType) throws {
    // As finely as the type goes, so that nothing is lost on the way.
    let first = try export(convert(Fixtures.checkpoint(source), "a.jamba"), "a.gguf", type)
    let again = try convert(first.path, "b.jamba")
    let second = try export(again, "b.gguf", type)
    #expect(try tensors(first.path) == tensors(second.path))
    // Without a tokenizer GGUF has no tokens that could end a text.
    guard source == "demo" else { return }
    let (before, after) = (try JambaFile(path: folder.file("a.jamba")), try JambaFile(path: again))
    #expect(try before.configuration().get().eosTokenIDs == after.configuration().get().eosTokenIDs)
  }

  @Test func textsHaveTheSameTokens() throws {
    let model = try convert(Fixtures.checkpoint("demo"), "a.jamba")
    let again = try convert(export(model, "a.gguf", .q8_0).path, "b.jamba")
    let (a, b) = (try JambaFile(path: model), try JambaFile(path: again))
    let vocabulary = try #require(try a.json(DocumentName.tokenizer))
    let pieces = try #require(try b.document(DocumentName.sentencePiece))
    let before = try Tokenizer(
      json: vocabulary, configuration: a.json(DocumentName.tokenizerConfiguration))
    let after = try Tokenizer(
      sentencePiece: SentencePieceModel(pieces),
      configuration: b.json(DocumentName.tokenizerConfiguration))
    for text in [
      "", " ", "A red ball.", "  two  spaces\n\tand a tab", "naïve 你好 🙂 don't 123.45", "<|im_start|>user\nHi<|im_end|>",
      String(repeating: "once upon a time ", count: 40),
    ] {
      for parses in [true, false] {
        #expect(
          before.encode(text, addSpecialTokens: parses, parseSpecialTokens: parses)
            == after.encode(text, addSpecialTokens: parses, parseSpecialTokens: parses), "\(text)")
      }
    }
    #expect(try a.document(DocumentName.chatTemplate) == b.document(DocumentName.chatTemplate))
  }

  @Test func refusesWhatGGUFCannotSay() throws {
    let model = try convert(Fixtures.checkpoint("odd"), "odd.jamba")
    let error = #expect(throws: ConversionError.self) { try export(model, "odd.gguf", .f16) }
    #expect("\(try #require(error))".hasSuffix("have biases, which llama.cpp's Jamba does not know"))
    #expect(throws: (any Error).self) { try bytes(of: folder.file("odd.gguf")) }
  }

  @Test func aCancelledExportLeavesNothing() throws {
    let model = try convert(Fixtures.checkpoint("dense"), "m.jamba")
    #expect(throws: ConversionError.self) {
      try exportGGUF(model, to: folder.file("m.gguf"), as: .f16, tool: "test") { done, _ in done < 100_000 }
    }
    for name in ["m.gguf", "m.gguf.partial"] {
      #expect(throws: (any Error).self) { try bytes(of: folder.file(name)) }
    }
  }

  /// What is chosen unasked: what the source still has is kept.
  @Test(arguments: [("moe-Q8_0.gguf", "int8"), ("dense-BF16.gguf", "balanced")])
  func theRecipeFollowsTheSource(name: String, recipe: String) throws {
    let file = try JambaFile(path: convert(Fixtures.gguf(name), "m.jamba", recipe: nil))
    #expect(try file.json(DocumentName.provenance)?["recipe"]?.string == recipe)
  }
}
