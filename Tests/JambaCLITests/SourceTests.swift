import Foundation
import JambaSystem
import TestSupport
import Testing

/// What `convert` takes beside a plain folder: a name in the Hugging Face cache, and SentencePiece files.
@Suite struct SourceTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func convert(_ source: String, environment: [String: String] = [:]) throws -> Program.Outcome {
    try Program.run(
      ["convert", source, folder.file("model.jamba"), "--type", "bf16"], environment: environment, in: folder)
  }

  /// As huggingface_hub lays it out: files are links to blobs.
  func cache(_ hub: String) throws {
    let model = folder.file(hub + "/models--some-org--Some.Model")
    let manager = FileManager.default
    for name in ["blobs", "refs", "snapshots/0123abcd"] {
      try manager.createDirectory(atPath: model + "/" + name, withIntermediateDirectories: true)
    }
    try write(Array("0123abcd".utf8), to: model + "/refs/main")
    for name in ["config.json", "model.safetensors"] {
      try manager.copyItem(atPath: Fixtures.checkpoint("odd") + "/" + name, toPath: model + "/blobs/" + name)
      try manager.createSymbolicLink(
        atPath: model + "/snapshots/0123abcd/" + name, withDestinationPath: "../../blobs/" + name)
    }
  }

  @Test(arguments: [("HF_HUB_CACHE", ""), ("HF_HOME", "/hub"), ("HOME", "/.cache/huggingface/hub")])
  func namesInTheCache(_ variable: String, end: String) throws {
    let variables = ["HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_HOME": "", "XDG_CACHE_HOME": ""]
    let environment = variables.merging([variable: folder.file("home")]) { $1 }
    let absent = try convert("some-org/Some.Model", environment: environment)
    #expect(absent.status == 1 && absent.errors.contains("hf download some-org/Some.Model"))
    #expect(absent.errors.contains(folder.file("home") + end))
    try cache("home" + end)
    let outcome = try convert("some-org/Some.Model", environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("snapshots/0123abcd is converted"))
  }

  @Test func sentencePieceFiles() throws {
    let source = folder.file("checkpoint")
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("odd"), toPath: source)
    try FileManager.default.copyItem(
      atPath: Fixtures.repository + "/Tests/TokenizerTests/Fixtures/jamba.tokenizer.model",
      toPath: source + "/tokenizer.model")
    try write(Array(#"{"add_bos_token": true}"#.utf8), to: source + "/tokenizer_config.json")
    let outcome = try convert(source)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let text = "Once  upon, <|eom|> Zürich 🙂"
    let line = try JSON.parse(
      Program.run(["tokenize", folder.file("model.jamba"), text], in: folder).output)
    let ids = (line["ids"]?.array ?? []).compactMap(\.integer)
    #expect(line["decoded"]?.string == text && !ids.isEmpty)
    #expect(line["ids_with_special"]?.array?.compactMap(\.integer) == [1] + ids)
  }
}
