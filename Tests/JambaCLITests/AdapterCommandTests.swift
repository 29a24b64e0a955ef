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
    #expect(refused.status == 1 && refused.errors.contains("cannot be merged") && !FileSystem.exists(model))
  }
}
