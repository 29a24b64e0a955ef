import JambaFormat
import JambaSystem

/// A folder in Hugging Face layout whose weights are in .safetensors files: floats, or codes and what turns them into floats.
struct SafetensorsCheckpoint: Checkpoint {
  private let folder: HuggingFaceFolder
  private let shards: SafetensorsShards
  private let sources: [ExactString: Source]
  let tensors: [CheckpointTensor]
  let notes: [String]

  /// Where the numbers of a tensor come from.
  fileprivate enum Source {
    case floats(StoredTensor, StoredFloat)
    case packed(any PackedLayout)
  }

  init(_ folder: HuggingFaceFolder) throws(ConversionError) {
    if let refusal = folder.quantization?.refusal {
      throw .unusable(path: folder.path, reason: "its weights are quantized: \(refusal)")
    }
    let shards = try SafetensorsShards(folder: folder.path)
    self.shards = shards
    let packed = try PackedFamilies(shards, folder.quantization)
    let plain = shards.tensors.filter { !packed.companions.contains(ExactString($0.name)) }
    // What all names begin with besides: "module." of a model saved within its trainer.
    let prefix = SafetensorsCheckpoint.prefix(of: plain.map(\.name) + packed.weights.map(\.name))
    func name(_ stored: String) -> String {
      stored.hasPrefix(prefix) ? String(stored.dropFirst(prefix.count)) : stored
    }
    let convolution = [folder.configuration.innerSize, folder.configuration.mambaDConv, 1]
    var tensors: [CheckpointTensor] = []
    var sources: [ExactString: Source] = [:]
    for tensor in plain {
      let name = name(tensor.name)
      // mlx-lm moves an axis of extent 1, which leaves the numbers where they are.
      let isMoved = tensor.shape == convolution && name.hasSuffix("conv1d.weight")
      tensors.append(
        CheckpointTensor(
          name: name, type: tensor.type, shape: isMoved ? [convolution[0], 1, convolution[1]] : tensor.shape,
          byteCount: tensor.byteCount,
          fault: tensor.float == nil
            ? "has type \(tensor.type), which cannot be converted (BF16, F16, F32, F64 and FP8 can)" : nil))
      if let float = tensor.float { sources[ExactString(name)] = .floats(tensor, float) }
    }
    for weights in packed.weights {
      let name = name(weights.name)
      switch weights.layout {
      case .success(let layout):
        tensors.append(
          CheckpointTensor(name: name, type: layout.type, shape: layout.shape, byteCount: layout.byteCount))
        sources[ExactString(name)] = .packed(layout)
      case .failure(let clause):
        tensors.append(
          CheckpointTensor(
            name: name, type: weights.codes.type, shape: weights.codes.shape, byteCount: weights.codes.byteCount,
            fault: clause.text))
      }
    }
    self.tensors = tensors
    self.sources = sources
    notes = folder.notes + packed.notes
    var hasOwnHead = false
    if folder.configuration.tieWordEmbeddings {
      func tensor(_ role: TensorRole) -> CheckpointTensor? {
        tensors.last { $0.fault == nil && $0.name == TensorID(role).name }
      }
      if let head = tensor(.head), let embedding = tensor(.embedding) {
        hasOwnHead = try SafetensorsCheckpoint.differ(head, embedding, sources)
      }
    }
    self.folder = hasOwnHead ? folder.untied() : folder
  }

  /// Whether two tensors of a shape have different numbers.
  private static func differ(
    _ a: CheckpointTensor, _ b: CheckpointTensor, _ sources: [ExactString: Source]
  ) throws(ConversionError) -> Bool {
    guard a.shape == b.shape, a.columns > 0, let first = sources[ExactString(a.name)],
      let second = sources[ExactString(b.name)]
    else { return false }
    let capacity = max(1, (1 << 16) / a.columns)
    let buffer: AlignedBuffer
    do { buffer = try AlignedBuffer(byteCount: 2 * capacity * a.columns * 4) } catch { throw .outOfMemory }
    let values = unsafe buffer.bytes.bindMemory(to: Float.self)
    for row in stride(from: 0, to: a.rowCount, by: capacity) {
      let rows = row..<min(row + capacity, a.rowCount)
      let count = rows.count * a.columns
      let (left, right) = unsafe (
        UnsafeMutableBufferPointer(rebasing: values[..<count]),
        UnsafeMutableBufferPointer(rebasing: values[count..<2 * count])
      )
      try unsafe first.read(rows, columns: a.columns, into: left)
      try unsafe second.read(rows, columns: b.columns, into: right)
      for place in 0..<count {
        if unsafe left[place].bitPattern != right[place].bitPattern { return true }
      }
    }
    return false
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

  var origin: CheckpointOrigin {
    var counts: [String: Int] = [:]
    for tensor in tensors {
      if case .packed = sources[ExactString(tensor.name)] {
        counts[tensor.type, default: 0] += tensor.shape.reduce(1, *)
      }
    }
    let types = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    let name = folder.quantization?.method ?? ""
    // Some types are called by their method.
    let method = name.isEmpty || types.first?.lowercased().hasPrefix(name) == true ? "" : name + ": "
    return CheckpointOrigin(
      format: "safetensors", quantization: types.isEmpty ? nil : method + types.joined(separator: ", "),
      files: shards.originFiles)
  }

  func places(of tensor: TensorSpecification) -> [TensorPlace] { folder.places(of: tensor) }

  func isSuperfluous(_ name: String) -> Bool { TensorID.isSuperfluous(name, in: configuration) }

  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    precondition(values.count == rows.count * tensor.columns, "the rows need another size")
    try unsafe source(of: tensor, rows).read(rows, columns: tensor.columns, into: values)
  }

  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    switch source(of: tensor, rows) {
    case .floats(let stored, let type): stored.prepare(type.bytes(of: rows, columns: tensor.columns))
    case .packed(let layout): layout.prepare(rows)
    }
  }

  func release(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    switch source(of: tensor, rows) {
    case .floats(let stored, let type): stored.forget(type.bytes(of: rows, columns: tensor.columns))
    case .packed(let layout): layout.release(rows)
    }
  }

  private func source(of tensor: CheckpointTensor, _ rows: Range<Int>) -> Source {
    guard let source = sources[ExactString(tensor.name)] else {
      preconditionFailure("\(tensor.name) is not a tensor of this checkpoint that can be read")
    }
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rowCount, "\(tensor.name) has no such rows")
    return source
  }
}

extension SafetensorsCheckpoint.Source {
  fileprivate func read(
    _ rows: Range<Int>, columns: Int, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    switch self {
    case .floats(let stored, let type):
      try unsafe stored.read(type, rows.lowerBound * columns..<rows.upperBound * columns, into: values)
    case .packed(let layout): try unsafe layout.read(rows, into: values)
    }
  }
}

extension StoredFloat {
  /// The bytes of some rows.
  fileprivate func bytes(of rows: Range<Int>, columns: Int) -> Range<Int> {
    rows.lowerBound * columns * byteCount..<rows.upperBound * columns * byteCount
  }
}
