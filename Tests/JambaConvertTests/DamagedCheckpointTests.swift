import Foundation
import JambaConvert
import JambaFormat
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
    "{\"a\":{\"dtype\":\"X\",\"shape\":[4],\"data_offsets\":[0,16]}}",
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
    #expect(try message().contains("pytorch_model.bin"))
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
}
