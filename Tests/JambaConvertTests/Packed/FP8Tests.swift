import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// FP8: what is taken without being in the fixtures, and what is refused.
@Suite struct FP8Tests {
  private let weight = "model.layers.1.self_attn.q_proj.weight"

  @Test func blocksOf128AreTheDefault() throws {
    let (rows, columns) = (200, 130)
    let codes = (0..<rows * columns).map { UInt8($0 % 0x78) }
    let scales: [Float] = [1, 2, 4, 8]
    let folder = try PackedFolder(
      [
        "a.weight": .init(type: "F8_E4M3", shape: [rows, columns], bytes: codes),
        "a.weight_scale_inv": .init(type: "F32", shape: [2, 2], bytes: packed(scales)),
        "plain.weight": .init(type: "F8_E4M3", shape: [rows, columns], bytes: codes),
        "plain.weight_scale": .init(type: "F32", shape: [], bytes: packed([1 as Float])),
      ], quantization: .object(["quant_method": .string("fp8")]))
    let checkpoint = try folder.open()
    let plain = try checkpoint.values(checkpoint.tensor("plain.weight"), 0..<rows)
    let scaled = try checkpoint.values(checkpoint.tensor("a.weight"), 0..<rows)
    for row in 0..<rows {
      for column in 0..<columns {
        #expect(scaled[row * columns + column] == plain[row * columns + column] * scales[row / 128 * 2 + column / 128])
      }
    }
  }

  /// Weights that were cast, not quantized: nothing says that there are scales.
  @Test func numbersAsTheyAre() throws {
    let folder = try PackedFolder(
      ["a.weight": .init(type: "F8_E5M2", shape: [1, 4], bytes: [0x3C, 0xC1, 0x01, 0x7B])], quantization: nil)
    let checkpoint = try folder.open()
    #expect(try checkpoint.values(checkpoint.tensor("a.weight"), 0..<1) == [1, -2.5, 0x1p-16, 57344])
  }

  @Test(arguments: [UInt8(0x7F), 0xFF]) func codesThatAreNoNumber(code: UInt8) throws {
    var folder = try PackedFolder("fp8")
    folder.tensors[weight]!.bytes[70] = code
    #expect(try folder.refusal().contains("\(weight) holds an infinity or a not-a-number"))
  }

  @Test func scalesThatAreMissingOrDoNotFit() throws {
    var folder = try PackedFolder("fp8")
    let scale = folder.tensors.removeValue(forKey: weight + "_scale")!
    #expect(try folder.refusal().contains("\(weight) has no scale beside it"))
    folder.tensors[weight + "_scale"] = .init(
      type: "BF16", shape: [scale.shape[0] - 1, 1], bytes: Array(scale.bytes.dropLast(2)))
    #expect(try folder.refusal().contains("\(weight) has codes of shape [32, 32], which \(weight)_scale"))
    folder.tensors[weight + "_scale"] = .init(type: "I16", shape: scale.shape, bytes: scale.bytes)
    #expect(try folder.refusal().contains("whose type I16 is not read there"))
    folder.tensors[weight + "_scale"] = scale
    folder.tensors[weight] = nil
    #expect(try folder.refusal().contains("\(weight) is missing"))
    #expect(try folder.refusal().contains("\(weight)_scale is not part of the model"))
  }

  @Test func scalesOfTheCacheAreSaid() throws {
    var folder = try PackedFolder("fp8")
    folder.tensors["model.layers.1.self_attn.k_scale"] = .init(type: "F32", shape: [], bytes: packed([0.5 as Float]))
    folder.tensors["model.layers.1.self_attn.attn.v_scale"] = .init(
      type: "F32", shape: [1], bytes: packed([0.5 as Float]))
    #expect(try folder.convert().notes.contains { $0.contains("keys and values in eight bits") })
    folder.tensors["model.layers.1.self_attn.other_scale"] = .init(
      type: "F32", shape: [], bytes: packed([0.5 as Float]))
    #expect(try folder.refusal().contains("other_scale is not part of the model"))
  }

  @Test func weightsInTwoFiles() throws {
    let folder = try PackedFolder("fp8")
    _ = try folder.open()
    var second = TensorFile()
    second.tensors = [weight: folder.tensors[weight]!]
    try second.save(to: folder.path + "/b.safetensors")
    var map = JSONObject()
    for name in folder.tensors.keys { map[name] = .string("a.safetensors") }
    map[weight + "_again"] = .string("b.safetensors")
    try write(
      Array(JSON.object(["weight_map": .object(map)]).text().utf8), to: folder.path + "/model.safetensors.index.json")
    try write(bytes(of: folder.path + "/model.safetensors"), to: folder.path + "/a.safetensors")
    FileSystem.remove(folder.path + "/model.safetensors")
    let error = #expect(throws: ConversionError.self) {
      try JambaConvert.convert(
        checkpoint: folder.path, to: folder.folder.file("out.jamba"), options: ConversionOptions(), tool: "test",
        progress: { _, _ in true })
    }
    #expect(error?.description.contains("\(weight) is in two files") == true)
  }

  /// A tied model whose head is stored in fewer bits than its embedding has a head of its own.
  @Test func aQuantizedHead() throws {
    var folder = try PackedFolder("fp8")
    folder.config["tie_word_embeddings"] = .bool(true)
    try folder.convert()
    let file = try JambaFile(path: folder.folder.file("out.jamba"))
    #expect(try file.json(DocumentName.configuration)?["tie_word_embeddings"]?.bool == false)
  }
}
