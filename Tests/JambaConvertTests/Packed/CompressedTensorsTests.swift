import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// compressed-tensors and ModelOpt: what is refused, and why.
@Suite struct CompressedTensorsTests {
  private let weight = "model.layers.0.mamba.in_proj.weight"

  @Test func formatsThatAreNotRead() throws {
    var folder = try PackedFolder("int")
    for format in ["marlin-24", "sparse-24-bitmask", "new-quantized"] {
      folder.set("format", .string(format))
      #expect(try folder.refusal().contains("format \(format) of compressed-tensors is not read"))
    }
    folder.set("format", .string("pack-quantized"))
    folder.set("sparsity_config", .object(["format": .string("sparse-bitmask")]))
    #expect(try folder.refusal().contains("sparse weights (sparse-bitmask)"))
    folder.set("sparsity_config", .object([:]))
    folder.set("transform_config", .object(["config_groups": .object([:])]))
    #expect(try folder.refusal().contains("rotations"))
    folder.set("transform_config", .object([:]))
    try folder.convert()
    for method in ["quanto", "hqq", "torchao", "bitnet", "aqlm"] {
      folder.set("quant_method", .string(method))
      #expect(try folder.refusal().contains("quant_method \(method) is not read"))
    }
    folder.set("quant_method", nil)
    #expect(try folder.refusal().contains("names no quant_method"))
  }

  @Test func shapesThatAreLies() throws {
    let sound = try PackedFolder("int")
    #expect(sound.tensors[weight + "_shape"]!.type == "I64")
    for shape in [[128, 33], [128, 0], [128, -1], [1 << 40, 1 << 40], [127, 32], [128, Int.max], [Int.max, 32]] {
      var folder = sound
      folder.tensors[weight + "_shape"]!.bytes = packed(shape)
      #expect(try folder.refusal().contains("\(weight) has"), "\(shape)")
    }
    for part in ["_shape", "_scale"] {
      var folder = sound
      folder.tensors[weight + part] = nil
      #expect(try folder.refusal().contains("\(weight) has no"))
    }
    var folder = sound
    folder.tensors[weight + "_packed"] = nil
    #expect(try folder.refusal().contains("\(weight) is missing"))
    folder = sound
    folder.tensors["model.layers.0.mamba.out_proj.weight_zero_point"]!.type = "F32"
    #expect(try folder.refusal().contains("zero_point"))
  }

  @Test func groupsInNoOrder() throws {
    var folder = try PackedFolder("int")
    let checkpoint = try folder.open()
    let tensor = try checkpoint.tensor("lm_head.weight")
    let ordered = try checkpoint.values(tensor, 0..<tensor.rowCount)
    // One that was never set counts as none.
    folder.tensors["lm_head.weight_g_idx"]!.bytes = packed([Int32](repeating: -1, count: 32))
    let plain = try folder.open()
    let values = try plain.values(plain.tensor("lm_head.weight"), 0..<tensor.rowCount)
    #expect(values != ordered)
    folder.tensors["lm_head.weight_g_idx"] = nil
    let without = try folder.open()
    #expect(try without.values(without.tensor("lm_head.weight"), 0..<tensor.rowCount) == values)
    for group in [2, Int32.max, -2] {
      folder.tensors["lm_head.weight_g_idx"] = .init(
        type: "I32", shape: [32], bytes: packed([Int32](repeating: group, count: 32)))
      #expect(try folder.refusal().contains("lm_head.weight_g_idx names groups that are not there"))
    }
  }

  @Test func floatsOfFourBits() throws {
    let sound = try PackedFolder("fp4")
    let name = "model.layers.0.feed_forward.gate_proj.weight"
    var folder = sound
    folder.tensors[name + "_scale"] = nil
    #expect(try folder.refusal().contains("\(name) has no scale"))
    folder = sound
    folder.tensors[name + "_scale"]!.shape = [16, 4]
    #expect(try folder.refusal().contains("\(name) has codes"))
    folder = sound
    folder.tensors[name + "_global_scale"]!.bytes = packed([0 as Float])
    #expect(try folder.refusal().contains("\(name) holds an infinity or a not-a-number"))
    // Under ModelOpt's name the tensors are the same.
    folder = sound
    folder.set("quant_method", .string("modelopt"))
    try folder.convert()
    // Scales of inputs change what is computed, other than their rounding.
    folder.tensors["model.layers.1.self_attn.q_proj.pre_quant_scale"] = .init(
      type: "F32", shape: [1], bytes: packed([1 as Float]))
    #expect(try folder.refusal().contains("pre_quant_scale is not part of the model"))
  }
}
