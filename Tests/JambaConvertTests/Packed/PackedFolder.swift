import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// A copy of a checkpoint of quantized weights that may be changed.
struct PackedFolder {
  let folder: TemporaryFolder
  let path: String
  var tensors: [String: TensorFile.Tensor]
  var config: JSONObject

  static let names = ["fp8", "int", "fp4", "gptq", "awq", "nf4", "bnb", "mlx", "mlx-float"]

  init(_ name: String) throws {
    folder = try TemporaryFolder()
    path = folder.file("checkpoint")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    tensors = try TensorFile(Fixtures.packed(name) + "/model.safetensors").tensors
    config = try JSON.parse(bytes(of: Fixtures.packed(name) + "/config.json")).object!
  }

  /// A checkpoint of these tensors, which need be no model.
  init(_ tensors: [String: TensorFile.Tensor], quantization: JSON?) throws {
    try self.init("fp8")
    self.tensors = tensors
    config["quantization_config"] = quantization ?? .null
  }

  func open() throws -> any Checkpoint {
    var file = TensorFile()
    file.tensors = tensors
    try file.save(to: path + "/model.safetensors")
    try write(Array(JSON.object(config).text().utf8), to: path + "/config.json")
    return try openCheckpoint(path)
  }

  /// Changes a member of quantization_config.
  mutating func set(_ name: String, _ value: JSON?) {
    var settings = config["quantization_config"]!.object!
    settings[name] = value
    config["quantization_config"] = .object(settings)
  }

  @discardableResult func convert() throws -> ConversionSummary {
    try JambaConvert.convert(
      open(), to: folder.file("out.jamba"),
      options: ConversionOptions(recipe: .uniform(.f32), packing: .raw, threads: 2), tool: "test",
      progress: { _, _ in true })
  }

  /// Why it is refused, in one sentence, with nothing left behind.
  func refusal() throws -> String {
    let output = folder.file("out.jamba")
    FileSystem.remove(output)
    let error = try #require(#expect(throws: ConversionError.self) { try convert() })
    #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
    #expect(!error.description.contains("\n"))
    return error.description
  }
}

extension Checkpoint {
  /// Rows of a tensor, however many at a time.
  func values(_ tensor: CheckpointTensor, _ rows: Range<Int>) throws -> [Float] {
    var values = [Float](repeating: .nan, count: rows.count * tensor.columns)
    try values.withUnsafeMutableBufferPointer { try read(rows, of: tensor, into: $0) }
    return values
  }

  func tensor(_ name: String) throws -> CheckpointTensor { try #require(tensors.first { $0.name == name }) }
}

extension [Float] {
  var checksum: UInt32 { withUnsafeBytes { JambaFormat.checksum(of: $0) } }
}

/// Little-endian bytes of numbers.
func packed<Number: FixedWidthInteger>(_ numbers: [Number]) -> [UInt8] {
  numbers.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
}

func packed(_ numbers: [Float]) -> [UInt8] { packed(numbers.map(\.bitPattern)) }
