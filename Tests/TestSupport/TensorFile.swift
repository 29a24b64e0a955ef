import Foundation
import JambaFormat
import JambaSystem

/// A safetensors file in memory, read by a second, simple implementation.
package struct TensorFile {
  package struct Tensor: Equatable {
    package var type: String
    package var shape: [Int]
    package var bytes: [UInt8]

    package init(type: String, shape: [Int], bytes: [UInt8]) {
      self.type = type
      self.shape = shape
      self.bytes = bytes
    }
  }

  package var tensors: [String: Tensor] = [:]

  package init() {}

  package init(_ path: String) throws {
    let file = try bytes(of: path)
    let length = (0..<8).reduce(0) { $0 | Int(file[$1]) << (8 * $1) }
    let header = try JSON.parse(file[8..<8 + length])
    for (name, value) in header.object!.members where name != "__metadata__" {
      let offsets = value["data_offsets"]!.array!.map { $0.integer! }
      tensors[name] = Tensor(
        type: value["dtype"]!.string!, shape: value["shape"]!.array!.map { $0.integer! },
        bytes: Array(file[8 + length + offsets[0]..<8 + length + offsets[1]]))
    }
  }

  package func save(to path: String) throws {
    var header = SafetensorsHeader()
    var content: [UInt8] = []
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      header.add(name, type: tensor.type, shape: tensor.shape)
      content += tensor.bytes
    }
    try write(header.encoded + content, to: path)
  }

  /// A file whose header may be a lie.
  package static func save(header: String, content: [UInt8], to path: String) throws {
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try write(length + Array(header.utf8) + content, to: path)
  }

  /// All tensors of a checkpoint's shards together.
  package static func checkpoint(_ folder: String) throws -> TensorFile {
    var all = TensorFile()
    for name in try FileManager.default.contentsOfDirectory(atPath: folder)
    where name.hasPrefix("model") && name.hasSuffix(".safetensors") {
      all.tensors.merge(try TensorFile(folder + "/" + name).tensors) { first, _ in first }
    }
    return all
  }

  package func floats(_ name: String) -> [Float] {
    tensors[name]!.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  package func integers(_ name: String) -> [Int32] {
    tensors[name]!.bytes.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
  }
}
