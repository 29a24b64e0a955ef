import JambaSystem

/// An adapter that a model applies while it computes: a file of its own (docs/ADAPTERS.md) in the container of .jamba files.
///
/// Beside adapter.json it holds the configuration of its base, and of every matrix W that it changes the factors of
/// W + B A: of matrices that read the same input the rows of all A in one matrix, so that one product makes what their B read.
/// The adapter's own scale is in B.
public struct AdapterFile: Sendable {
  public let file: JambaFile
  /// Of the base that it was made for.
  public let configuration: ModelConfiguration
  /// `JambaFile.fingerprint` of that base.
  package let baseFingerprint: UInt32
  public let description: AdapterDescription
  package let inputs: [Input]

  /// The A of matrices that read the same input: `[rows, columns]`; of an embedding, whose input is a token, `[vocab, rank]`.
  package struct Input: Sendable {
    package let owner: TensorID
    package let a: Entry
    package let targets: [Target]
  }

  /// The B of a matrix.
  package struct Target: Sendable {
    package let id: TensorID
    /// The rows of A that are its own.
    package let rows: Range<Int>
    /// `[rows of W, lead + rank]`: its first `lead` columns are zero, so that what it reads of A's product begins at a multiple
    /// of 32.
    package let b: Entry
    package var lead: Int { rows.lowerBound % AdapterFile.group }
  }

  /// Columns of activations that share a scale.
  package static let group = 32
  /// The largest rank that is run: beyond, a merge costs less.
  package static let rankLimit = 1024

  package static func aName(_ owner: TensorID) -> String { owner.name + ".lora_a" }
  package static func bName(_ target: TensorID) -> String { target.name + ".lora_b" }

  /// Whether a file is an adapter, and no model.
  public static func isOne(_ file: JambaFile) -> Bool { file.entry(named: DocumentName.adapter) != nil }

  /// - Throws: `notAdapter`, `damagedAdapter`, and as `JambaFile`.
  public init(path: String) throws(FormatError) {
    let file: JambaFile
    do { file = try JambaFile(path: path) } catch {
      if case .notJamba = error { throw .notAdapter(path: path) }
      throw error
    }
    try self.init(file)
  }

  package init(_ file: JambaFile) throws(FormatError) {
    let path = file.path
    func damaged(_ reason: String) -> FormatError { .damagedAdapter(path: path, reason: reason) }
    guard let json = try file.json(DocumentName.adapter) else { throw .notAdapter(path: path) }
    guard let version = json["version"]?.integer else { throw damaged("adapter.json has no version") }
    guard version == AdapterFile.version else { throw damaged("its version is \(version), and only 1 is read") }
    let configuration: ModelConfiguration
    do { configuration = try file.configuration().get() } catch let error as ConfigurationError {
      throw damaged("its base: \(error)")
    } catch let error as FormatError { throw error } catch { throw damaged("its base has no configuration") }
    guard let fingerprint = json["base"]?["fingerprint"]?.integer.flatMap({ UInt32(exactly: $0) }) else {
      throw damaged("adapter.json does not name its base")
    }
    guard let description = AdapterDescription(json) else { throw damaged("adapter.json does not say what it was made from") }
    self.file = file
    self.configuration = configuration
    baseFingerprint = fingerprint
    self.description = description
    inputs = try AdapterFile.inputs(json, file, configuration)
  }

  package static let version = 1

  private static func inputs(
    _ json: JSON, _ file: JambaFile, _ configuration: ModelConfiguration
  ) throws(FormatError) -> [Input] {
    func damaged(_ reason: String) -> FormatError { .damagedAdapter(path: file.path, reason: reason) }
    var untied = configuration
    untied.tieWordEmbeddings = false
    var known: [ExactString: TensorSpecification] = [:]
    for tensor in ModelTensors(untied).all where tensor.kind == .matrix { known[ExactString(tensor.name)] = tensor }

    var (inputs, seen, entryCount): ([Input], Set<TensorID>, Int) = ([], [], 0)
    for item in json["inputs"]?.array ?? [] {
      guard let name = item["input"]?.string, let owner = known[ExactString(name)], owner.id.inputOwner == owner.id else {
        throw damaged("an input is of no matrix of the model")
      }
      let isEmbedding = owner.id.role == .embedding
      let aName = aName(owner.id)
      guard let a = file.entry(named: aName), a.type.isMatrix, a.shape.count == 2 else { throw damaged("\(aName) is missing") }
      let (count, width) = isEmbedding ? (a.shape[1], a.shape[0]) : (a.shape[0], a.shape[1])
      guard width == owner.shape[isEmbedding ? 0 : 1] else {
        throw damaged("\(aName) has shape \(a.shape), which does not fit \(owner.name)")
      }
      entryCount += 1
      var targets: [Target] = []
      for part in item["targets"]?.array ?? [] {
        guard let name = part["tensor"]?.string, let target = known[ExactString(name)],
          target.id.inputOwner == owner.id, seen.insert(target.id).inserted
        else { throw damaged("what \(aName) is for is no matrix of the model, or is named twice") }
        let bName = bName(target.id)
        guard let first = part["first"]?.integer, let rank = part["rank"]?.integer, 1...rankLimit ~= rank,
          0...count ~= first, rank <= count - first, !isEmbedding || (first == 0 && rank == count)
        else { throw damaged("the rank of \(target.name) makes no sense") }
        guard let b = file.entry(named: bName), b.type.isMatrix,
          b.shape == [isEmbedding ? target.shape[1] : target.shape[0], first % group + rank]
        else { throw damaged("\(bName) is missing or does not fit \(target.name)") }
        targets.append(Target(id: target.id, rows: first..<first + rank, b: b))
        entryCount += 1
      }
      guard !targets.isEmpty, count <= targets.count * (rankLimit + group) else {
        throw damaged("\(aName) is for no matrix")
      }
      inputs.append(Input(owner: owner.id, a: a, targets: targets))
    }
    guard !inputs.isEmpty, Set(inputs.map(\.owner)).count == inputs.count,
      file.directory.entries.count(where: { $0.type != .document }) == entryCount
    else { throw damaged("its tensors are not those that adapter.json names") }
    return inputs
  }

  /// Matrices of the model that it changes.
  public var targetCount: Int { inputs.reduce(0) { $0 + $1.targets.count } }

  /// The largest rank among them.
  public var rank: Int { inputs.flatMap(\.targets).reduce(0) { max($0, $1.rows.count) } }

  /// Bytes of its factors.
  public var byteCount: Int {
    inputs.reduce(0) { sum, input in
      sum + AdapterFile.aligned(input.a.byteCount) + input.targets.reduce(0) { $0 + AdapterFile.aligned($1.b.byteCount) }
    }
  }

  /// Columns of the products with its A.
  package var widths: Set<Int> { Set(inputs.map { $0.owner.role == .embedding ? $0.a.shape[1] : $0.a.shape[0] }) }

  /// Where the next factor may begin.
  package static func aligned(_ byteCount: Int) -> Int { (byteCount + 63) / 64 * 64 }

  /// What of a base differs from the one that it was made for, as a sentence's end; nil for that one.
  package func misfit(_ base: JambaFile, _ c: ModelConfiguration) throws(FormatError) -> String? {
    if let shape = configuration.shapeDifference(from: c) { return "it is for a model of another shape: \(shape)" }
    return try base.fingerprint(c) == baseFingerprint
      ? nil : "it is for other weights of the same shape; make it anew with jamba adapter --base \(base.path)"
  }
}

/// What an adapter was made from.
public struct AdapterDescription: Sendable, Equatable {
  /// The source's name, its format and method, such as "PEFT LoRA", bytes and checksum.
  public var name: String
  public var kind: String
  public var byteCount: Int
  public var checksum: UInt32
  /// The program that made it.
  public var tool: String

  package init(name: String, kind: String, byteCount: Int, checksum: UInt32, tool: String) {
    self.name = name
    self.kind = kind
    self.byteCount = byteCount
    self.checksum = checksum
    self.tool = tool
  }

  fileprivate init?(_ json: JSON) {
    guard let source = json["source"], let name = source["name"]?.string, let kind = source["kind"]?.string,
      let byteCount = source["bytes"]?.integer, byteCount >= 0,
      let checksum = source["crc32c"]?.integer.flatMap({ UInt32(exactly: $0) }), let tool = json["tool"]?.string
    else { return nil }
    self.init(name: name, kind: kind, byteCount: byteCount, checksum: checksum, tool: tool)
  }

  package var json: JSON {
    .object([
      "name": .string(name), "kind": .string(kind), "bytes": .integer(byteCount), "crc32c": .integer(Int(checksum)),
    ])
  }
}

extension JambaFile {
  /// A number that files of the same model share, however their matrices are quantized: the checksum of the norms, of D and
  /// of dt's bias, which every file keeps in float32.
  package func fingerprint(_ configuration: ModelConfiguration) throws(FormatError) -> UInt32 {
    var sum: UInt32 = 0
    for tensor in ModelTensors(configuration).all {
      switch tensor.id.role {
      case .finalNorm, .inputNorm, .feedForwardNorm, .dtNorm, .bNorm, .cNorm, .d, .dtBias: break
      default: continue
      }
      guard let entry = entry(named: tensor.name), entry.type == .vector else {
        throw .invalidModel(path: path, reason: "\(tensor.name) is missing")
      }
      let bytes = try contents(of: entry)
      sum = unsafe bytes.withUnsafeBytes { unsafe checksum(of: $0, after: sum) }
    }
    return sum
  }
}

extension ModelConfiguration {
  /// The first number in which what two models compute differs, as "NAME is A, not B"; nil where none does. How texts end is
  /// no part of it.
  package func shapeDifference(from other: ModelConfiguration) -> String? {
    let numbers: [(String, KeyPath<ModelConfiguration, Int>)] = [
      ("hidden_size", \.hiddenSize), ("num_hidden_layers", \.numHiddenLayers), ("vocab_size", \.vocabSize),
      ("intermediate_size", \.intermediateSize), ("num_attention_heads", \.numAttentionHeads),
      ("num_key_value_heads", \.numKeyValueHeads), ("head_dim", \.headDim), ("attn_layer_period", \.attnLayerPeriod),
      ("attn_layer_offset", \.attnLayerOffset), ("expert_layer_period", \.expertLayerPeriod),
      ("expert_layer_offset", \.expertLayerOffset), ("num_experts", \.numExperts),
      ("num_experts_per_tok", \.numExpertsPerTok), ("mamba_d_state", \.mambaDState), ("mamba_d_conv", \.mambaDConv),
      ("mamba_expand", \.mambaExpand), ("mamba_dt_rank", \.mambaDtRank),
    ]
    for (name, path) in numbers where self[keyPath: path] != other[keyPath: path] {
      return "\(name) is \(self[keyPath: path]) there, and \(other[keyPath: path]) here"
    }
    guard tieWordEmbeddings == other.tieWordEmbeddings else { return "head and embedding are one matrix in one of them only" }
    return mambaConvBias == other.mambaConvBias && mambaProjBias == other.mambaProjBias ? nil : "one of them has biases more"
  }
}
