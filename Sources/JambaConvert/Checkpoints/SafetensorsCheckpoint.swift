import JambaFormat

/// A folder in Hugging Face layout whose weights are floats in .safetensors files.
struct SafetensorsCheckpoint: Checkpoint {
  private let folder: HuggingFaceFolder
  private let shards: SafetensorsShards
  let tensors: [CheckpointTensor]

  init(_ folder: HuggingFaceFolder) throws(ConversionError) {
    self.folder = folder
    shards = try SafetensorsShards(folder: folder.path)
    tensors = shards.tensors.map { tensor in
      CheckpointTensor(
        name: tensor.name, type: tensor.type, shape: tensor.shape, byteCount: tensor.range.count,
        fault: StoredFloat(rawValue: tensor.type) == nil
          ? "has type \(tensor.type), which cannot be converted (BF16, F16 and F32 can)" : nil)
    }
  }

  var path: String { folder.path }
  var configuration: ModelConfiguration { folder.configuration }
  var documents: [CheckpointDocument] { folder.documents }

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
    guard let place = shards[tensor.name], let type = StoredFloat(rawValue: place.tensor.type) else {
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
