import JambaFormat
import JambaSystem

/// A checkpoint into which an adapter is merged while its rows are read, whatever both their formats. Of several adapters each
/// has the checkpoint with those before it inside.
struct AdaptedCheckpoint: Checkpoint {
  private let base: any Checkpoint
  private let adapter: Adapter
  private let scale: Double
  let configuration: ModelConfiguration
  let tensors: [CheckpointTensor]
  /// Where whole tensors of the adapter, and a head of its own, are, by what they stand for.
  private let wholePlaces: [TensorID: TensorPlace]
  private let wholes: [ExactString: AdapterTensor]
  /// A head that has become a matrix of its own, by its name here, and the embedding that it is read from.
  private let head: (name: ExactString, source: CheckpointTensor)?
  /// A file beside the adapter that makes another tokenizer, or other prompts, than the checkpoint's.
  private let otherTokenizer: String?
  /// What is added to a tensor, by its name in the checkpoint.
  private let parts: [ExactString: [Part]]
  private let tokenParts: [ExactString: TokenPart]

  /// An update of some rows of a tensor in the checkpoint.
  private struct Part: Sendable {
    let rows: Range<Int>
    let update: LowRankUpdate
  }

  /// Rows of a tensor in the checkpoint that are taken from the adapter, and the numbers that they have there.
  private struct TokenPart: Sendable {
    let rows: [Int: Int]
    let tensor: AdapterTensor
  }

  /// - Parameter number: of the adapter among those of the checkpoint.
  /// - Throws: `adapter`, naming what fits no tensor of the model.
  init(_ base: any Checkpoint, _ source: AdapterSource, number: Int) throws(ConversionError) {
    guard source.scale.isFinite else {
      throw .adapter(path: source.path, reason: "its scale is not a finite number")
    }
    let adapter = try openAdapter(source.path, for: base.configuration)
    let resolution = try AdapterResolution(adapter, scale: source.scale, base: base.configuration)
    self.base = base
    self.adapter = adapter
    scale = source.scale
    configuration = resolution.configuration
    otherTokenizer =
      adapter.path == base.path ? nil : AdapterFolder.otherTokenizer(in: adapter.path, than: base.documents)

    var wholes: [ExactString: AdapterTensor] = [:]
    var wholePlaces: [TensorID: TensorPlace] = [:]
    var added: [CheckpointTensor] = []
    for (id, whole) in resolution.wholes {
      let name = "adapter \(number): \(whole.tensor.name)"
      wholePlaces[id] = TensorPlace(
        name: name, shape: whole.place.shape, rows: whole.place.rows, content: whole.place.content)
      guard wholes.updateValue(whole.tensor, forKey: ExactString(name)) == nil else { continue }
      added.append(
        CheckpointTensor(
          name: name, type: whole.tensor.type, shape: whole.place.shape, byteCount: whole.tensor.byteCount))
    }
    self.wholes = wholes

    var held: [ExactString: CheckpointTensor] = [:]
    for tensor in base.tensors { held[ExactString(tensor.name)] = tensor }
    let headID = TensorID(.head)
    if base.configuration.tieWordEmbeddings, !configuration.tieWordEmbeddings, wholePlaces[headID] == nil,
      let place = AdaptedCheckpoint.places(of: TensorSpecification(headID, in: configuration), in: base)
        .first(where: { held[ExactString($0.name)] != nil }), let source = held[ExactString(place.name)]
    {
      let name = "adapter \(number): head of \(place.name)"
      head = (ExactString(name), source)
      wholePlaces[headID] = TensorPlace(name: name, shape: place.shape, rows: place.rows, content: place.content)
      added.append(
        CheckpointTensor(
          name: name, type: source.type, shape: source.shape, byteCount: source.byteCount, fault: source.fault))
    } else {
      head = nil
    }
    self.wholePlaces = wholePlaces
    for tensor in added { held[ExactString(tensor.name)] = tensor }
    // Tensors of the checkpoint that nothing but replaced ones came from are gone.
    var (kept, dropped): (Set<ExactString>, Set<ExactString>) = ([], [])
    var parts: [ExactString: [Part]] = [:]
    var tokenParts: [ExactString: TokenPart] = [:]
    for specification in ModelTensors(configuration).all {
      let stored = AdaptedCheckpoint.places(of: specification, in: base)
        .first { held[ExactString($0.name)] != nil }
      if let stored, wholePlaces[specification.id] != nil { dropped.insert(ExactString(stored.name)) }
      guard let place = wholePlaces[specification.id] ?? stored else { continue }
      kept.insert(ExactString(place.name))
      if let rows = resolution.rows[specification.id] {
        let numbers = rows.tokens.enumerated().map { (place.rows.lowerBound + $1, $0) }
        tokenParts[ExactString(place.name)] = TokenPart(
          rows: Dictionary(uniqueKeysWithValues: numbers), tensor: rows.tensor)
      }
      guard let update = resolution.updates[specification.id] else { continue }
      guard place.content == .same else {
        throw .adapter(path: adapter.path, reason: "\(specification.name) is kept in another form in \(base.path)")
      }
      parts[ExactString(place.name), default: []].append(Part(rows: place.rows, update: update))
    }
    dropped.subtract(kept)
    self.parts = parts
    self.tokenParts = tokenParts
    tensors = base.tensors.filter { !dropped.contains(ExactString($0.name)) } + added
  }

  var path: String { base.path }

  var documents: [CheckpointDocument] {
    configuration.tieWordEmbeddings == base.configuration.tieWordEmbeddings
      ? base.documents : base.documents.map(\.untied)
  }

  var origin: CheckpointOrigin {
    var origin = base.origin
    var adapter = adapter.origin
    adapter.scale = scale
    origin.adapters.append(adapter)
    return origin
  }

  var notes: [String] {
    let counts = [
      ("changes of low rank", adapter.pairs.count), ("whole tensors", adapter.wholes.count),
      ("rows of tokens", adapter.tokenRows.reduce(0) { $0 + $1.tokens.count }),
    ]
      .filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }.joined(separator: ", ")
    let scaleText = Int(exactly: scale).map { "\($0)" } ?? "\(scale)"
    var notes = ["\(adapter.path) is merged (\(adapter.kind)), \(counts), scale: \(scaleText)"]
    if adapter.path == base.path {
      notes.append("this adapter lies beside the weights, where transformers applies it as well")
    }
    if scale != 1, !adapter.wholes.isEmpty || !adapter.tokenRows.isEmpty {
      notes.append("the whole tensors and rows of \(adapter.path) are taken as they are, whatever the scale")
    }
    if configuration.tieWordEmbeddings != base.configuration.tieWordEmbeddings {
      notes.append("the head is not the embedding any more, as \(adapter.path) has one of them alone")
    }
    if let otherTokenizer {
      notes.append(
        "\(adapter.path) has a \(otherTokenizer) of its own, which is not taken; --tokenizer \(adapter.path) takes it")
    }
    return base.notes + notes + adapter.notes
  }

  func places(of tensor: TensorSpecification) -> [TensorPlace] {
    wholePlaces[tensor.id].map { [$0] } ?? AdaptedCheckpoint.places(of: tensor, in: base)
  }

  /// A head that the base does not have is its embedding.
  private static func places(of tensor: TensorSpecification, in base: any Checkpoint) -> [TensorPlace] {
    let isShared = tensor.id.role == .head && base.configuration.tieWordEmbeddings
    return base.places(
      of: isShared ? TensorSpecification(TensorID(.embedding), in: base.configuration) : tensor)
  }

  func isSuperfluous(_ name: String) -> Bool { base.isSuperfluous(name) }

  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    try unsafe readStored(rows, of: tensor, into: values)
    let columns = tensor.columns
    for part in parts[ExactString(tensor.name)] ?? [] where part.rows.overlaps(rows) {
      let first = part.rows.lowerBound
      let common = rows.clamped(to: part.rows)
      let factors = try unsafe part.update.factors(rowCount: part.rows.count) { (rows, values) throws(ConversionError) in
        try unsafe readStored(first + rows.lowerBound..<first + rows.upperBound, of: tensor, into: values)
      }
      let start = (common.lowerBound - rows.lowerBound) * columns
      unsafe part.update.apply(
        to: UnsafeMutableBufferPointer(rebasing: values[start..<start + common.count * columns]),
        rows: common.lowerBound - first..<common.upperBound - first, factors)
    }
    if let part = tokenParts[ExactString(tensor.name)] {
      for (index, row) in rows.enumerated() {
        guard let number = part.rows[row] else { continue }
        let target = index * columns..<(index + 1) * columns
        try unsafe part.tensor.read(number..<number + 1, into: UnsafeMutableBufferPointer(rebasing: values[target]))
      }
    }
  }

  /// Reads rows as they are before anything is added.
  private func readStored(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    if let whole = wholes[ExactString(tensor.name)] {
      // An extent of 1 may have moved, which moves no number.
      let first = rows.lowerBound * tensor.columns
      try unsafe whole.read(first / whole.columns..<(first + values.count) / whole.columns, into: values)
    } else {
      try unsafe base.read(rows, of: original(tensor), into: values)
    }
  }

  /// The base's tensor that one which is not the adapter's is read from.
  private func original(_ tensor: CheckpointTensor) -> CheckpointTensor {
    guard let head, head.name == ExactString(tensor.name) else { return tensor }
    return head.source
  }

  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    if wholes[ExactString(tensor.name)] == nil { base.prepare(rows, of: original(tensor)) }
  }

  func release(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    for part in parts[ExactString(tensor.name)] ?? []
    where rows.lowerBound < part.rows.upperBound && rows.upperBound >= part.rows.upperBound {
      part.update.forget()
    }
    if wholes[ExactString(tensor.name)] == nil { base.release(rows, of: original(tensor)) }
  }
}
