import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// bitsandbytes: states that do not fit, and what is missing.
@Suite struct BitsAndBytesTests {
  private let weight = "model.layers.1.self_attn.q_proj.weight"
  private var state: String { weight + ".quant_state.bitsandbytes__nf4" }

  @Test func statesThatAreLies() throws {
    let sound = try PackedFolder("nf4")
    let text = String(decoding: sound.tensors[state]!.bytes, as: UTF8.self)
    #expect(text.contains("\"blocksize\": 64") && text.contains("[32, 32]"))
    for (old, new) in [
      ("\"blocksize\": 64", "\"blocksize\": 0"), ("\"blocksize\": 64", "\"blocksize\": 65"),
      ("\"blocksize\": 64", "\"blocksize\": 4611686018427387904"), ("[32, 32]", "[32, 33]"), ("[32, 32]", "[0, 32]"),
      ("[32, 32]", "[4611686018427387904, 4]"), ("[32, 32]", "[-32, -32]"), ("[32, 32]", "[1024]"),
      ("[32, 32]", "null"),
      ("\"nested_blocksize\": 256", "\"nested_blocksize\": 0"), ("\"nested_offset\"", "\"offset\""), ("{", "["),
    ] {
      var folder = sound
      folder.tensors[state]!.bytes = Array(text.replacing(old, with: new, maxReplacements: 1).utf8)
      folder.tensors[state]!.shape = [folder.tensors[state]!.bytes.count]
      #expect(try folder.refusal().contains("\(weight) has a quant_state that does not fit"), "\(new)")
    }
  }

  @Test func companionsThatAreMissing() throws {
    for (part, name) in [
      ("absmax", "absmax"), ("quant_map", "quant_map"), ("quant_state.bitsandbytes__nf4", "quant_state"),
    ] {
      var folder = try PackedFolder("nf4")
      folder.tensors[weight + "." + part] = nil
      #expect(try folder.refusal().contains("\(weight) has no \(name)"))
    }
    for part in ["nested_absmax", "nested_quant_map"] {
      var folder = try PackedFolder("nf4")
      folder.tensors[weight + "." + part] = nil
      #expect(try folder.refusal().contains("\(weight) has a quant_state that does not fit"))
    }
  }

  @Test func eightBits() throws {
    let module = "model.layers.1.feed_forward.experts.0.gate_proj."
    var folder = try PackedFolder("bnb")
    folder.tensors[module + "weight_format"]!.bytes = [2]
    #expect(try folder.refusal().contains("\(module)weight has its rows in an order"))
    folder.tensors[module + "weight_format"] = nil
    try folder.convert()
    folder.tensors[module + "SCB"] = nil
    #expect(try folder.refusal().contains("\(module)weight has type I8, which cannot be converted"))
  }
}
