import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// MLX: what config.json says, and what it does not.
@Suite struct MLXTests {
  private let module = "model.layers.0.mamba.in_proj"

  func configured(_ name: String, _ body: (inout JSONObject) -> Void) throws -> PackedFolder {
    var folder = try PackedFolder(name)
    var settings = folder.config["quantization"]!.object!
    body(&settings)
    folder.config["quantization"] = .object(settings)
    folder.config["quantization_config"] = nil
    return folder
  }

  @Test func settingsOfModules() throws {
    try configured("mlx") { _ in }.convert()
    for (key, value) in [
      ("bits", 4), ("bits", 7), ("bits", 0), ("bits", 1 << 40), ("group_size", 0), ("group_size", -32),
      ("group_size", 33),
    ] {
      let folder = try configured("mlx") { settings in
        var own = settings[module]!.object!
        own[key] = .integer(value)
        settings[module] = .object(own)
      }
      #expect(try folder.refusal().contains("\(module).weight"), "\(key) \(value)")
    }
    let folder = try configured("mlx") { settings in
      settings[module] = .object(["mode": .string("fp3"), "bits": .integer(3), "group_size": .integer(32)])
    }
    #expect(try folder.refusal().contains("\(module).weight is quantized in mode fp3 with 3 bits, which is not read"))
    var without = try PackedFolder("mlx")
    without.config["quantization"] = nil
    without.config["quantization_config"] = nil
    #expect(try without.refusal().contains("is quantized in a way that config.json does not say"))
  }

  @Test(arguments: ["scales", "biases"]) func companionsThatAreMissing(part: String) throws {
    var folder = try PackedFolder("mlx")
    folder.tensors[module + "." + part] = nil
    #expect(try folder.refusal().contains("\(module).weight has no \(part) beside it"))
  }

  @Test func expertsThatAreStacked() throws {
    let name = "model.layers.1.feed_forward.switch_mlp.gate_proj."
    var folder = try PackedFolder("mlx")
    let weight = folder.tensors[name + "weight"]!
    folder.tensors[name + "weight"]!.shape = [1] + [2 * weight.shape[1]] + [weight.shape[2]]
    #expect(try folder.refusal().contains("\(name)weight has codes"))
  }
}
