import Foundation
import JambaSystem
import TestSupport
import Testing

/// Adapters through the commands, from the built program.
@Suite struct AdapterCommandTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func jamba(_ arguments: [String]) throws -> Program.Outcome { try Program.run(arguments, in: folder) }

  @Test func convertsVerifiesAndInspects() throws {
    let (source, model) = (Fixtures.checkpoint("moe"), folder.file("m.jamba"))
    let adapters = [
      "--adapter", Fixtures.adapter("lora"), "--adapter-scale", "0.5", "--adapter", Fixtures.adapter("mlx-dora"),
      "--adapter-scale", "-1",
    ]
    let converted = try jamba(["convert", source, model, "--type", "int8"] + adapters)
    #expect(converted.status == 0, "\(converted.errors)")
    #expect(converted.errors.contains("lora is merged (PEFT LoRA), changes of low rank: 44, scale: 0.5"))
    #expect(converted.errors.contains("mlx-dora is merged (MLX DoRA), changes of low rank: 13, scale: -1"))
    let inspected = try jamba(["inspect", model])
    #expect(inspected.output.contains("lora (PEFT LoRA), scale 0.5, ") && inspected.output.contains("CRC-32C "))
    #expect(try jamba(["verify", model, "--against", source] + adapters).status == 0)
    #expect(try jamba(["verify", model, "--against", source]).status == 1)
    // The same sizes are sought for the merged weights.
    #expect(try jamba(["convert", source, model, "--bits", "6"] + adapters).status == 0)
  }

  /// Beside the model, not in it.
  @Test func runsVerifiesAndInspects() throws {
    let (model, adapter) = (folder.file("m.jamba"), folder.file("a.jadapter"))
    let source = Fixtures.adapter("demo")
    #expect(try jamba(["convert", Fixtures.checkpoint("demo"), model]).status == 0)
    let made = try jamba(["adapter", source, adapter, "--base", model])
    #expect(made.status == 0 && made.errors.contains("PEFT LoRA, 44 matrices, rank 2"), "\(made.errors)")
    let inspected = try jamba(["inspect", adapter])
    #expect(inspected.output.contains("44 matrices changed, rank 2") && inspected.output.contains("PEFT LoRA, demo"))
    #expect(try JSON.parse(jamba(["inspect", adapter, "--json"]).output)["rank"]?.integer == 2)
    #expect(try jamba(["verify", adapter]).output.contains("is sound"))
    #expect(try jamba(["verify", adapter, "--against", source]).output.contains("within the error of their types"))
    #expect(try jamba(["verify", adapter, "--against", Fixtures.adapter("lora")]).status == 1)

    func generate(_ arguments: [String]) throws -> String {
      try jamba(["generate", model, "--prompt", "Once upon a time", "-n", "24"] + arguments).output
    }
    let plain = try generate([])
    #expect(try generate(["--adapter", adapter + ":-6"]) != plain && generate(["--adapter", adapter + ":0"]) == plain)
    #expect(try generate(["--adapter", adapter + ":3", "--adapter", adapter + ":3"]) != plain)
    let planned = try jamba(["plan", model, "--adapter", adapter])
    #expect(planned.output.contains("adapters "))
    let benched = try jamba(["bench", model, "--adapter", adapter, "-p", "16", "-n", "4", "-r", "1"])
    #expect(benched.status == 0 && benched.output.contains("with the adapter"), "\(benched.errors)")
    for wrong in [["generate", adapter, "--prompt", "a"], ["generate", model, "--prompt", "a", "--adapter", model]] {
      let refused = try jamba(wrong)
      #expect(refused.status == 1 && refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
    }
    #expect(try jamba(["serve", model, "--adapter", adapter]).status == 2)
  }

  /// An adapter's name leads to the Hugging Face cache, with the checkpoint's or in its place.
  @Test func adaptersOfTheCache() throws {
    func save(_ source: String, as name: String) throws {
      let path = folder.file("hub/models--org--\(name)/snapshots/aaaa")
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: source, toPath: path)
    }
    try save(Fixtures.adapter("lora"), as: "adapter")
    try save(Fixtures.checkpoint("moe"), as: "base")
    let settings = folder.file("hub/models--org--adapter/snapshots/aaaa/adapter_config.json")
    let text = String(decoding: try bytes(of: settings), as: UTF8.self)
    try write(Array(text.replacing("the moe model", with: "org/base").utf8), to: settings)
    let cache = ["HF_HUB_CACHE": folder.file("hub")]
    let model = folder.file("m.jamba")
    for arguments in [[Fixtures.checkpoint("moe"), model, "--adapter", "org/adapter"], ["org/adapter", model]] {
      let converted = try Program.run(["convert"] + arguments, environment: cache, in: folder)
      #expect(converted.status == 0 && converted.errors.contains("is merged (PEFT LoRA)"), "\(converted.errors)")
    }
    let absent = try Program.run(
      ["convert", Fixtures.checkpoint("moe"), model, "--adapter", "org/other"], environment: cache, in: folder)
    #expect(absent.status == 1 && absent.errors.contains("no such file or folder"))
  }

  @Test func scalesBelongToAdapters() throws {
    let (source, model, lora) = (Fixtures.checkpoint("moe"), folder.file("m.jamba"), Fixtures.adapter("lora"))
    for wrong in [
      ["--adapter", lora, "--adapter", lora, "--adapter-scale", "0.5"], ["--adapter-scale", "0.5"],
      ["--adapter", lora, "--adapter-scale", "nan"], ["--adapter", lora, "--adapter-scale", "a"],
    ] {
      #expect(try jamba(["convert", source, model] + wrong).status == 2)
    }
    #expect(try jamba(["verify", model, "--adapter", lora]).status == 2)
    let refused = try jamba(["convert", Fixtures.checkpoint("dense"), model, "--adapter", lora])
    #expect(refused.status == 1 && refused.errors.contains("cannot be used") && !FileSystem.exists(model))
  }
}
