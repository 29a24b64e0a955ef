import JambaFormat

/// A folder in Hugging Face layout whose weights are floats in .safetensors files.
struct SafetensorsCheckpoint: Checkpoint {
  private let folder: HuggingFaceFolder
  private let shards: SafetensorsShards
  let tensors: [CheckpointTensor]

  /// What all names of the model's tensors begin with besides: "module." of a model saved within its trainer.
  private let prefix: String

  init(_ folder: HuggingFaceFolder) throws(ConversionError) {
    let shards = try SafetensorsShards(folder: folder.path)
    self.shards = shards
    prefix = SafetensorsCheckpoint.prefix(of: shards.tensors.map(\.name))
    let prefix = prefix
    let hasOwnHead =
      folder.configuration.tieWordEmbeddings
      ? try shards.differ(prefix + TensorID(.head).name, prefix + TensorID(.embedding).name) : false
    self.folder = hasOwnHead ? folder.untied() : folder
    let convolution = [folder.configuration.innerSize, folder.configuration.mambaDConv, 1]
    tensors = shards.tensors.map { tensor in
      let name = tensor.name.hasPrefix(prefix) ? String(tensor.name.dropFirst(prefix.count)) : tensor.name
      // mlx-lm moves an axis of extent 1, which leaves the numbers where they are.
      let isMoved = tensor.shape == convolution && name.hasSuffix("conv1d.weight")
      return CheckpointTensor(
        name: name, type: tensor.type, shape: isMoved ? [convolution[0], 1, convolution[1]] : tensor.shape,
        byteCount: tensor.range.count,
        fault: StoredFloat(rawValue: tensor.type) == nil
          ? "has type \(tensor.type), which cannot be converted (BF16, F16, F32 and F64 can)" : nil)
    }
  }

  /// What stands before the name that the embedding, or else the head, has in every checkpoint.
  private static func prefix(of names: [String]) -> String {
    for (end, once) in [("embed_tokens.weight", "model."), ("lm_head.weight", "")] {
      let found = names.filter { $0 == end || $0.hasSuffix("." + end) }
      guard found.count == 1 else { continue }
      let prefix = found[0].dropLast(end.count)
      return String(prefix.hasSuffix(once) ? prefix.dropLast(once.count) : prefix)
    }
    return ""
  }

  var path: String { folder.path }
  var configuration: ModelConfiguration { folder.configuration }
  var documents: [CheckpointDocument] { folder.documents }
  var notes: [String] { folder.notes }

  var origin: CheckpointOrigin {
    CheckpointOrigin(format: "safetensors", quantization: nil, files: shards.originFiles)
  }

  func places(of tensor: TensorSpecification) -> [TensorPlace] { folder.places(of: tensor) }

  func isSuperfluous(_ name: String) -> Bool { TensorID.isSuperfluous(name, in: configuration) }

  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    let (place, type) = stored(tensor)
    precondition(values.count == rows.count * tensor.columns, "the rows need another size")
    try unsafe place.file.readFloats(type, range(rows, of: tensor), into: values)
  }

  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    stored(tensor).0.file.prepare(range(rows, of: tensor))
  }

  func release(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    stored(tensor).0.file.forget(range(rows, of: tensor))
  }

  private func stored(_ tensor: CheckpointTensor) -> (SafetensorsShards.Place, StoredFloat) {
    guard let place = shards[prefix + tensor.name] ?? shards[tensor.name],
      let type = StoredFloat(rawValue: place.tensor.type)
    else {
      preconditionFailure("\(tensor.name) is not a tensor of this checkpoint that can be read")
    }
    return (place, type)
  }

  /// The bytes of some rows in their file.
  private func range(_ rows: Range<Int>, of tensor: CheckpointTensor) -> Range<Int> {
    let (place, type) = stored(tensor)
    let rowByteCount = tensor.columns * type.byteCount
    let first = place.tensor.range.lowerBound + rows.lowerBound * rowByteCount
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rowCount, "\(tensor.name) has no such rows")
    return first..<first + rows.count * rowByteCount
  }
}
