import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Checkpoints that cannot be converted: one clear error each, no crash, no file left behind.
@Suite struct DamagedCheckpointTests {
  let folder: TemporaryFolder
  let checkpoint: String

  init() throws {
    folder = try TemporaryFolder()
    checkpoint = folder.file("checkpoint")
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("odd"), toPath: checkpoint)
  }

  func message() throws -> String {
    let output = folder.file("out.jamba")
    let error = #expect(throws: ConversionError.self) {
      try convert(
        checkpoint: checkpoint, to: output, options: ConversionOptions(), tool: "test", progress: { _, _ in true })
    }
    #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
    return try #require(error).description
  }

  var weights: String { checkpoint + "/model.safetensors" }

  @Test func truncatedWeights() throws {
    let sound = try bytes(of: weights)
    for length in [0, 7, 8, 100, sound.count / 2, sound.count - 1] {
      try write(Array(sound[..<length]), to: weights)
      #expect(try message().contains("model.safetensors"))
    }
    try write(sound + [0], to: weights)
    #expect(try message().contains("damaged"))
  }

  @Test(arguments: [
    "", "[]", "{", "{\"a\":1}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,17]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
  ])
  func lyingHeader(header: String) throws {
    try TensorFile.save(header: header, content: [UInt8](repeating: 0, count: 16), to: weights)
    #expect(try message().contains("damaged"))
  }

  /// Newer tools write types that this one has not heard of: no damage.
  @Test func unknownTypesAreNamed() throws {
    var file = try TensorFile(weights)
    let name = "model.layers.0.mamba.D"
    let (shape, bytes) = try (#require(file.tensors[name]).shape, #require(file.tensors[name]).bytes)
    file.tensors[name] = nil
    var entries = ["\"\(name)\":{\"dtype\":\"F4\",\"shape\":\(shape),\"data_offsets\":[0,\(bytes.count)]}"]
    var content = bytes
    for (name, tensor) in file.tensors {
      let end = content.count + tensor.bytes.count
      entries.append(
        "\"\(name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(content.count),\(end)]}")
      content += tensor.bytes
    }
    try TensorFile.save(header: "{" + entries.joined(separator: ",") + "}", content: content, to: weights)
    let message = try message()
    #expect(message.contains("\(name) has type F4") && !message.contains("damaged"))
  }

  @Test func quantizationThatIsNotReadIsRefused() throws {
    var config = try #require(JSON.parse(bytes(of: checkpoint + "/config.json")).object)
    config["quantization_config"] = .object(["quant_method": .string("quanto"), "bits": .integer(4)])
    try write(Array(JSON.object(config).text().utf8), to: checkpoint + "/config.json")
    #expect(try message().contains("its weights are quantized: quant_method quanto is not read"))
    // What was left in config.json when weights were made floats again does no harm.
    config["quantization_config"] = .object(["quant_method": .string("gptq"), "bits": .integer(4)])
    try write(Array(JSON.object(config).text().utf8), to: checkpoint + "/config.json")
    #expect(try openCheckpoint(checkpoint).notes.contains { $0.contains("says that weights are quantized (gptq)") })
  }

  @Test func absurdHeaderLength() throws {
    for length in [UInt64.max, 1 << 62, 1 << 40, 100_000_001] {
      try write(withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array("{}".utf8), to: weights)
      #expect(try message().contains("header"))
    }
  }

  @Test func missingParts() throws {
    try FileManager.default.removeItem(atPath: weights)
    #expect(try message().contains("neither model.safetensors"))
    try write([1], to: checkpoint + "/pytorch_model.bin")
    #expect(try message().contains("python -c \"from transformers import AutoModelForCausalLM"))
    let index = checkpoint + "/model.safetensors.index.json"
    try write(Array(#"{"weight_map": {"a": "absent.safetensors"}}"#.utf8), to: index)
    #expect(try message().contains("absent.safetensors is missing"))
    try write(Array(#"{"weight_map": {"a": "../checkpoint/config.json"}}"#.utf8), to: index)
    #expect(try message().contains("makes no sense"))
    try write(Array("{}".utf8), to: index)
    #expect(try message().contains("weight_map"))
    try write(Array("{".utf8), to: checkpoint + "/config.json")
    #expect(try message().contains("config.json"))
    try FileManager.default.removeItem(atPath: checkpoint + "/config.json")
    #expect(try message().contains("no config.json"))
    try FileManager.default.removeItem(atPath: checkpoint)
    #expect(try message().contains("not a folder"))
  }

  /// Moments for --importance that are another model's, cut short, or no moments.
  @Test func uselessImportance() throws {
    let config = try JSON.parse(bytes(of: checkpoint + "/config.json"))
    let configuration = try ModelConfiguration(config, generation: nil)
    let size = 128
    var sound = TensorFile()
    for tensor in ModelTensors(configuration).all where tensor.kind == .matrix {
      let blocks = (tensor.shape[1] + size - 1) / size
      sound.tensors[tensor.name] = .init(
        type: "F32", shape: [blocks, size, size], bytes: [UInt8](repeating: 0, count: blocks * size * size * 4))
    }
    let path = folder.file("moments.safetensors")
    let output = folder.file("out.jamba")
    func convertWithIt() throws {
      _ = try convert(
        checkpoint: checkpoint, to: output, options: ConversionOptions(importance: path), tool: "test",
        progress: { _, _ in true })
    }
    func message(_ change: (inout TensorFile) throws -> Void) throws -> String {
      var changed = sound
      try change(&changed)
      try changed.save(to: path)
      let error = #expect(throws: ConversionError.self) { try convertWithIt() }
      #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
      return try #require(error).description
    }
    let name = "model.layers.0.mamba.in_proj.weight"
    #expect(try message { $0.tensors[name] = nil }.contains(name))
    #expect(try message { $0.tensors[name]?.shape.swapAt(0, 1) }.contains(name))
    #expect(try message { $0.tensors[name]?.type = "I32" }.contains(name))
    for value: Float in [.nan, .infinity, -1] {
      let message = try message { file in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { file.tensors[name]?.bytes.replaceSubrange(0..<4, with: $0) }
      }
      #expect(message.contains(name) && message.contains("no moments"))
    }
    try write(Array(bytes(of: path)[..<1000]), to: path)
    #expect(throws: ConversionError.self) { try convertWithIt() }
    // A text that showed nothing at all: nothing to weigh by, and nothing to trip over.
    try sound.save(to: path)
    try convertWithIt()
  }
}
