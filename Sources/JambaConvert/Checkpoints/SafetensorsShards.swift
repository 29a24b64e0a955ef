import JambaFormat
import JambaSystem

/// The .safetensors files of a folder, seen as one.
struct SafetensorsShards: Sendable {
  let files: [SafetensorsFile]
  private let places: [ExactString: Place]

  /// A tensor, and the file that has it.
  struct Place: Sendable {
    let file: SafetensorsFile
    let tensor: SafetensorsHeader.Tensor
  }

  /// - Throws: `unusable` when there are none, or not all.
  init(folder path: String) throws(ConversionError) {
    files = try SafetensorsShards.names(in: path).map { (name) throws(ConversionError) in
      try SafetensorsFile(path: path + "/" + name)
    }
    var places: [ExactString: Place] = [:]
    for file in files {
      for tensor in file.tensors { places[ExactString(tensor.name)] = Place(file: file, tensor: tensor) }
    }
    self.places = places
  }

  subscript(name: String) -> Place? { places[ExactString(name)] }

  /// All tensors, in the files' order; a name that two files have is there twice.
  var tensors: [SafetensorsHeader.Tensor] { files.flatMap(\.tensors) }

  var originFiles: [CheckpointOrigin.File] {
    files.map { file in
      CheckpointOrigin.File(
        name: file.path.split(separator: "/").last.map(String.init) ?? file.path, byteCount: file.byteCount,
        headerChecksum: file.headerChecksum)
    }
  }

  private static func names(in path: String) throws(ConversionError) -> [String] {
    let index = path + "/model.safetensors.index.json"
    guard let bytes = try HuggingFaceFolder.contents(of: index) else {
      guard FileSystem.exists(path + "/model.safetensors") else {
        let other = ["/pytorch_model.bin", "/pytorch_model.bin.index.json"].contains { FileSystem.exists(path + $0) }
        throw .unusable(
          path: path,
          reason: other
            ? "its weights are in pytorch_model.bin; save them as safetensors first"
            : "there is neither model.safetensors nor model.safetensors.index.json")
      }
      return ["model.safetensors"]
    }
    let json: JSON
    do { json = try JSON.parse(bytes) } catch { throw .damaged(path: index, reason: "\(error)") }
    guard let map = json["weight_map"]?.object else { throw .damaged(path: index, reason: "there is no weight_map") }
    var names: Set<String> = []
    for (tensor, value) in map.members {
      // A name from a file never leads out of its folder.
      guard let name = value.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")), name != ".." else {
        throw .damaged(path: index, reason: "the file of \(tensor) makes no sense")
      }
      names.insert(name)
    }
    for name in names.sorted() where !FileSystem.exists(path + "/" + name) {
      throw .unusable(path: path, reason: "the shard \(name) is missing")
    }
    return names.sorted()
  }
}
