import Foundation
import Jamba
import JambaConvert
import JambaFormat
import TestSupport
import Testing

/// Models into which adapters are merged while they are converted, against what the adapters' own tools make of them.
@Suite struct AdapterGoldenTests {
  /// An adapter, the base, and whose expected logits are meant where they are not the adapter's.
  static let cases: [(adapter: String, base: String, expected: String?)] = [
    ("lora", "moe", nil), ("lora-experts", "moe", nil), ("lora-former", "moe", nil), ("lora-embedding", "long", nil),
    ("lora-layers", "dense", nil), ("dora", "long", nil), ("dora-odd", "odd", nil), ("saved", "moe", nil),
    ("saved-biases", "odd", nil), ("saved-head", "dense", nil), ("saved-embedding", "odd", nil),
    ("saved-tied", "odd", nil),
    ("tied", "odd", nil), ("tied-head", "odd", nil), ("tokens", "long", nil), ("tokens-tied", "odd", nil),
    ("mlx-lora", "moe", nil), ("mlx-dora", "moe", nil), ("mlx-full", "moe", nil),
    ("lora.gguf", "moe", "lora"), ("lora-experts.gguf", "moe", "lora-former"),
    ("lora-embedding.gguf", "long", "lora-embedding"),
    // Other formats have other names, and experts in one tensor.
    ("lora", "moe-F32-00001-of-00003.gguf", nil), ("lora-experts", "moe-F32-00001-of-00003.gguf", nil),
    ("lora-former", "moe-F32-00001-of-00003.gguf", nil), ("saved", "moe-F32-00001-of-00003.gguf", nil),
    ("mlx-full", "moe-F32-00001-of-00003.gguf", nil), ("lora.gguf", "moe-F32-00001-of-00003.gguf", "lora"),
    ("saved-head", "dense-BF16.gguf", nil),
  ]

  @Test(arguments: cases.indices) func logitsAreThoseOfTheReference(index: Int) throws {
    let (adapter, base, reference) = AdapterGoldenTests.cases[index]
    let golden = try GoldenTests()
    let path = golden.folder.file("m.jamba")
    _ = try convert(
      checkpoint: base.hasSuffix(".gguf") ? Fixtures.gguf(base) : Fixtures.checkpoint(base), to: path,
      options: ConversionOptions(
        recipe: .uniform(.f32), threads: 2, adapters: [AdapterSource(path: Fixtures.adapter(adapter))]),
      tool: "test", progress: { _, _ in true })
    let expected = try TensorFile(Fixtures.adapter(reference ?? adapter) + "/expected.safetensors")
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let found = try golden.logits(model, expected.integers("input_ids"), chunk: 256)
    let distance = golden.distance(found, expected.floats("logits"), width: model.configuration.vocabSize)
    #expect(distance <= GoldenTests.tolerance, "\(adapter) on \(base)")
  }
}
