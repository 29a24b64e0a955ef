import JambaFormat
import JambaSystem

/// A folder in Hugging Face layout, but for the weights: configuration, tokenizer and templates.
struct HuggingFaceFolder: Sendable {
  let path: String
  private(set) var configuration: ModelConfiguration
  private(set) var documents: [CheckpointDocument]
  /// What config.json says of quantized weights.
  let quantization: QuantizationSettings?
  let notes: [String]

  private static let documentLimit = 256 << 20

  init(_ location: CheckpointLocation) throws(ConversionError) {
    path = location.path
    var documents: [CheckpointDocument] = []
    for name in [DocumentName.configuration, DocumentName.generationConfiguration] {
      if let bytes = try HuggingFaceFolder.contents(of: path + "/" + name) {
        documents.append(CheckpointDocument(name: name, bytes: bytes))
      }
    }
    func bytes(_ name: String) -> [UInt8]? { documents.first { $0.name == name }?.bytes }
    func json(_ name: String) throws(ConversionError) -> JSON? {
      guard let bytes = bytes(name) else { return nil }
      do { return try JSON.parse(python: bytes) } catch {
        throw .damaged(path: location.path + "/" + name, reason: "\(error)")
      }
    }
    guard let config = try json(DocumentName.configuration) else {
      throw .unusable(path: path, reason: "there is no config.json")
    }
    let generation = try json(DocumentName.generationConfiguration)
    do { configuration = try ModelConfiguration(config, generation: generation) } catch {
      throw .configuration(path: path, error)
    }
    quantization = QuantizationSettings(config: config)
    let tokenizer = try HuggingFaceFolder.tokenizer(in: path)
    self.documents = documents + tokenizer.documents
    notes = location.notes + tokenizer.notes
  }

  /// The folder's tokenizer. A file whose tokenizer cannot be used would open for nothing.
  private static func tokenizer(in path: String) throws(ConversionError) -> TokenizerFolder {
    do { return try TokenizerFolder(path) } catch {
      guard case .noTokenizer(_, let reason) = error else { throw error }
      let name =
        FileSystem.exists(path + "/" + DocumentName.tokenizer) ? DocumentName.tokenizer : DocumentName.sentencePiece
      throw .unusable(
        path: path, reason: "\(reason); without \(name) the model can be converted, and used with token ids alone")
    }
  }

  /// The folder of a model whose head is not its embedding, whatever config.json says.
  func untied() -> HuggingFaceFolder {
    var folder = self
    folder.configuration.tieWordEmbeddings = false
    folder.documents = documents.map(\.untied)
    return folder
  }

  /// A whole file; nil when there is none.
  static func contents(of path: String) throws(ConversionError) -> [UInt8]? {
    guard FileSystem.exists(path) else { return nil }
    do { return try FileSystem.contents(of: path, limit: documentLimit) } catch { throw .system(path: path, error) }
  }

  /// Where checkpoints with these names have a tensor: alone, or among all experts of its layer.
  func places(of tensor: TensorSpecification) -> [TensorPlace] {
    HuggingFaceFolder.places(of: tensor, in: configuration)
  }

  static func places(of tensor: TensorSpecification, in configuration: ModelConfiguration) -> [TensorPlace] {
    let (id, traits) = (tensor.id, tensor.id.role.traits)
    let shape = traits.sourceShape(in: configuration)
    let content: TensorPlace.Content =
      switch traits.source {
      case .same: .same
      case .transposed: .transposed
      case .logarithm: .transposedLogarithm
      }
    let isOnly = id.layer.map { configuration.expertCount(ofLayer: $0) == 1 } ?? false
    var places = id.checkpointNames(isOnly: isOnly).map {
      TensorPlace(name: $0, shape: shape, rows: 0..<shape.dropLast().reduce(1, *), content: content)
    }
    if id.role == .embedding, configuration.tieWordEmbeddings {
      // Tools that save shared weights once may keep the head's name.
      places += TensorID(.head).checkpointNames(isOnly: false).map {
        TensorPlace(name: $0, shape: shape, rows: 0..<shape[0])
      }
    }
    if let expert = id.expert, let fused = traits.fused {
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      places += id.stackedNames.map {
        TensorPlace(
          name: $0, shape: [configuration.numExperts, rows, columns], rows: expert * rows..<(expert + 1) * rows)
      }
      let first = (expert * fused.count + fused.part) * rows
      places += id.fusedNames.map {
        TensorPlace(
          name: $0, shape: [configuration.numExperts, fused.count * rows, columns], rows: first..<first + rows)
      }
    }
    return places
  }
}

extension CheckpointDocument {
  /// The same, where config.json says that the head is not the embedding.
  var untied: CheckpointDocument {
    guard name == DocumentName.configuration, let json = try? JSON.parse(python: bytes), var config = json.object
    else { return self }
    config["tie_word_embeddings"] = .bool(false)
    return CheckpointDocument(name: name, bytes: Array(JSON.object(config).text(.indented(2)).utf8))
  }
}
