import JambaFormat
import JambaSystem

/// The .safetensors files of a folder, seen as one.
struct SafetensorsShards: Sendable {
  let files: [SafetensorsFile]
  /// All tensors, in the files' order; a name that two files have is there twice.
  let tensors: [StoredTensor]
  private let places: [ExactString: Int]
  private let repeated: Set<ExactString>

  /// - Throws: `unusable` when there are none, or not all.
  init(folder path: String) throws(ConversionError) {
    files = try SafetensorsShards.names(in: path).map { (name) throws(ConversionError) in
      try SafetensorsFile(path: path + "/" + name)
    }
    tensors = files.flatMap { file in file.tensors.map { StoredTensor(file: file, header: $0) } }
    var places: [ExactString: Int] = [:]
    var repeated: Set<ExactString> = []
    for (index, tensor) in tensors.enumerated() {
      let name = ExactString(tensor.name)
      if places.updateValue(index, forKey: name) != nil { repeated.insert(name) }
    }
    self.places = places
    self.repeated = repeated
  }

  subscript(name: String) -> StoredTensor? { places[ExactString(name)].map { tensors[$0] } }

  func isInTwoFiles(_ name: String) -> Bool { repeated.contains(ExactString(name)) }

  var originFiles: [CheckpointOrigin.File] {
    files.map { file in
      CheckpointOrigin.File(
        name: file.path.split(separator: "/").last.map(String.init) ?? file.path, byteCount: file.byteCount,
        headerChecksum: file.headerChecksum, modificationTime: file.modificationTime)
    }
  }

  private static func names(in path: String) throws(ConversionError) -> [String] {
    // Before an index, which may be left over from weights that were split once; transformers prefers it as well.
    if FileSystem.exists(path + "/model.safetensors") { return ["model.safetensors"] }
    let index = path + "/model.safetensors.index.json"
    guard let bytes = try HuggingFaceFolder.contents(of: index) else {
      if let name = onlyFile(in: path) { return [name] }
      throw .unusable(path: path, reason: reasonWithout(path))
    }
    let json: JSON
    do { json = try JSON.parse(python: bytes) } catch { throw .damaged(path: index, reason: "\(error)") }
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

  /// Weights under another name, as AutoGPTQ gives them (gptq_model-4bit-128g.safetensors): the one file with an embedding.
  private static func onlyFile(in path: String) -> String? {
    let names = FileSystem.names(in: path).filter { name in
      guard name.hasSuffix(".safetensors"), !AdapterFolder.fileNames.contains(name) else { return false }
      let file = try? SafetensorsFile(path: path + "/" + name)
      return file?.tensors.contains { $0.name.hasSuffix(TensorRole.embedding.traits.name) } ?? false
    }
    return names.count == 1 ? names[0] : nil
  }

  /// Why a folder has no weights: what to do, where there are others. Pickled files are programs, which are never run.
  private static func reasonWithout(_ path: String) -> String {
    if ["/pytorch_model.bin", "/pytorch_model.bin.index.json"].contains(where: { FileSystem.exists(path + $0) }) {
      return "its weights are in pytorch_model.bin, which is not read; convert it with: python -c \"from transformers import "
        + "AutoModelForCausalLM as M; M.from_pretrained('\(path)', dtype='auto').save_pretrained('\(path)')\""
    }
    return "there is neither model.safetensors nor model.safetensors.index.json" + CheckpointLocation.hint(path)
  }
}
