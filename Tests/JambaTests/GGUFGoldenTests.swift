import Jamba
import JambaConvert
import TestSupport
import Testing

/// The runtime against Hugging Face transformers on models that come from GGUF files.
@Suite struct GGUFGoldenTests {
  @Test(arguments: [("moe-F32-00001-of-00003.gguf", "moe"), ("dense-BF16.gguf", "dense")])
  func logitsAreThoseOfTheReference(name: String, source: String) throws {
    let golden = try GoldenTests()
    let path = golden.folder.file("m.jamba")
    _ = try convert(
      checkpoint: Fixtures.gguf(name), to: path, options: ConversionOptions(recipe: .uniform(.f32), threads: 2),
      tool: "test",
      progress: { _, _ in true })
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let expected = try Fixtures.expected(source)
    let found = try golden.logits(model, expected.integers("input_ids"), chunk: 256)
    #expect(
      golden.distance(found, expected.floats("logits"), width: model.configuration.vocabSize) <= GoldenTests.tolerance)
  }
}
