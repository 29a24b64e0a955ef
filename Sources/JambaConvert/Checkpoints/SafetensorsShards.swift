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

    /// Reads some of the tensor's numbers.
    func readFloats(
      _ type: StoredFloat, _ numbers: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
    ) throws(ConversionError) {
      let first = tensor.range.lowerBound + numbers.lowerBound * type.byteCount
      try unsafe file.readFloats(type, first..<first + numbers.count * type.byteCount, into: values)
    }
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

  /// Whether two tensors are there whose numbers differ.
  func differ(_ a: String, _ b: String) throws(ConversionError) -> Bool {
    guard let a = self[a], let b = self[b], a.tensor.shape == b.tensor.shape,
      let aType = StoredFloat(rawValue: a.tensor.type), let bType = StoredFloat(rawValue: b.tensor.type)
    else { return false }
    let count = a.tensor.range.count / aType.byteCount
    let buffer: AlignedBuffer
    let capacity = 1 << 16
    do { buffer = try AlignedBuffer(byteCount: 2 * capacity * 4) } catch { throw .outOfMemory }
    let values = unsafe buffer.bytes.bindMemory(to: Float.self)
    for first in stride(from: 0, to: count, by: capacity) {
      let part = first..<min(first + capacity, count)
      let (left, right) = unsafe (
        UnsafeMutableBufferPointer(rebasing: values[..<part.count]),
        UnsafeMutableBufferPointer(rebasing: values[capacity..<capacity + part.count])
      )
      try unsafe a.readFloats(aType, part, into: left)
      try unsafe b.readFloats(bType, part, into: right)
      for place in 0..<part.count {
        if unsafe left[place].bitPattern != right[place].bitPattern { return true }
      }
    }
    return false
  }

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
      let other = ["/pytorch_model.bin", "/pytorch_model.bin.index.json"].contains { FileSystem.exists(path + $0) }
      throw .unusable(
        path: path,
        reason: other
          ? "its weights are in pytorch_model.bin; save them as safetensors first"
          : "there is neither model.safetensors nor model.safetensors.index.json"
            + CheckpointLocation.hint(path))
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
}
