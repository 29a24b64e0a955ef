import JambaSystem
import TestSupport
import Testing

/// A GGUF file through the commands, from the built program.
@Suite struct GGUFCommandTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func jamba(_ arguments: String...) throws -> Program.Outcome { try Program.run(arguments, in: folder) }

  @Test func convertsVerifiesAndInspects() throws {
    let (source, model) = (Fixtures.gguf("moe-Q8_0.gguf"), folder.file("m.jamba"))
    let converted = try jamba("convert", source, model, "--type", "int8")
    #expect(converted.status == 0 && converted.output.isEmpty, "\(converted.errors)")
    // The types, by how many numbers are of each.
    #expect(converted.errors.contains("from \(source): gguf, Q8_0 ") && converted.errors.contains(", F32 "))
    #expect(!converted.errors.contains("no tokenizer"))
    #expect(try jamba("generate", model, "--prompt", "ab", "-n", "4").status == 0)

    let verified = try jamba("verify", model, "--against", source)
    #expect(verified.status == 0 && verified.output.contains("is sound"), "\(verified.errors)")
    #expect(try jamba("verify", model, "--against", Fixtures.gguf("odd-F16.gguf")).status == 1)
    let inspected = try jamba("inspect", model)
    #expect(inspected.output.contains("gguf (Q8_0), moe-Q8_0.gguf, "))
    let provenance = try JSON.parse(try jamba("inspect", model, "--json").output)["provenance"]
    #expect(provenance?["sources"]?.array?[0]["file"]?.string == "moe-Q8_0.gguf")
  }

  @Test func takesAnotherTokenizer() throws {
    let (source, model) = (Fixtures.gguf("dense-BF16.gguf"), folder.file("m.jamba"))
    #expect(try jamba("convert", source, model, "--tokenizer", folder.path).errors.contains("no tokenizer.json"))
    let converted = try jamba("convert", source, model, "--tokenizer", Fixtures.checkpoint("demo"))
    #expect(converted.status == 0 && !converted.errors.contains("no tokenizer"), "\(converted.errors)")
    let demo = folder.file("demo.jamba")
    #expect(try jamba("convert", Fixtures.checkpoint("demo"), demo).status == 0)
    let ids = try jamba("tokenize", model, "A red ball").output
    #expect(try ids == jamba("tokenize", demo, "A red ball").output && ids.contains("ids"))
  }
}
