import Foundation
import JambaConvert

/// Files of the repository that tests read.
package enum Fixtures {
  package static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  package static func checkpoint(_ name: String) -> String {
    name == "demo" ? repository + "/models/demo" : repository + "/Tests/Fixtures/checkpoints/" + name
  }

  /// What transformers computes with a checkpoint.
  package static func expected(_ name: String) throws -> TensorFile {
    try TensorFile(
      name == "demo" ? repository + "/Tests/Fixtures/demo/expected.safetensors" : checkpoint(name) + "/expected.safetensors")
  }

  package static func gguf(_ name: String) -> String { repository + "/Tests/Fixtures/gguf/" + name }

  package static func adapter(_ name: String) -> String { repository + "/Tests/Fixtures/adapters/" + name }

  /// A checkpoint of quantized weights; expected.json has the checksums of their numbers.
  package static func packed(_ name: String) -> String { repository + "/Tests/Fixtures/packed/" + name }

  /// What other implementations make of logits.
  package static let sampling = repository + "/Tests/Fixtures/sampling.json"

  package static let stories = repository + "/Tests/Fixtures/texts/stories.txt"
}

extension TemporaryFolder {
  /// Converts the demo model. - Returns: where it is.
  package func convertDemo(_ options: ConversionOptions = ConversionOptions()) throws -> String {
    let path = file("demo.jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint("demo"), to: path, options: options, tool: "test", progress: { _, _ in true })
    return path
  }
}
