import JambaFormat
import JambaSystem
import JambaText

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
    var notes = location.notes
    for name in [
      DocumentName.configuration, DocumentName.generationConfiguration, DocumentName.tokenizer,
      DocumentName.sentencePiece, DocumentName.tokenizerConfiguration, DocumentName.chatTemplate,
    ] {
      // As transformers does: a tokenizer.model counts where there is no tokenizer.json.
      if name == DocumentName.sentencePiece, documents.contains(where: { $0.name == DocumentName.tokenizer }) {
        continue
      }
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
    let settings = try json(DocumentName.tokenizerConfiguration)
    notes += try HuggingFaceFolder.checkTokenizer(
      json(DocumentName.tokenizer), bytes(DocumentName.sentencePiece), settings, path: path)
    if let settings, bytes(DocumentName.chatTemplate) == nil, let template = HuggingFaceFolder.template(in: settings) {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: Array(template.utf8)))
    }
    self.documents = documents
    self.notes = notes
  }

  /// Makes sure that the model could be talked to: a file whose tokenizer cannot be used opens for nothing.
  ///
  /// - Returns: notes on it.
  private static func checkTokenizer(
    _ json: JSON?, _ pieces: [UInt8]?, _ settings: JSON?, path: String
  ) throws(ConversionError) -> [String] {
    do {
      if let json {
        _ = try Tokenizer(json: json, configuration: settings)
      } else if let pieces {
        let model = try SentencePieceModel(pieces)
        _ = try Tokenizer(sentencePiece: model, configuration: settings)
        if model.hasDamagedScores {
          return [
            "the scores of all pieces in \(DocumentName.sentencePiece) are equal; the order of the pieces stands in for them"
          ]
        }
      }
      return []
    } catch {
      let name = json == nil ? DocumentName.sentencePiece : DocumentName.tokenizer
      throw .unusable(
        path: path, reason: "\(error); without \(name) the model can be converted, and used with token ids alone")
    }
  }

  /// The folder of a model whose head is not its embedding, whatever config.json says.
  func untied() -> HuggingFaceFolder {
    var folder = self
    folder.configuration.tieWordEmbeddings = false
    folder.documents = documents.map { document in
      guard document.name == DocumentName.configuration, let json = try? JSON.parse(python: document.bytes),
        var config = json.object
      else { return document }
      config["tie_word_embeddings"] = .bool(false)
      return CheckpointDocument(name: document.name, bytes: Array(JSON.object(config).text(.indented(2)).utf8))
    }
    return folder
  }

  /// The documents of a tokenizer: those of a folder, or a tokenizer.json alone.
  static func tokenizer(at path: String) throws(ConversionError) -> [CheckpointDocument] {
    let isFolder = FileSystem.isDirectory(path)
    var documents: [CheckpointDocument] = []
    func add(_ name: String, from file: String) throws(ConversionError) -> JSON? {
      guard let bytes = try contents(of: file) else { return nil }
      let json: JSON
      do { json = try JSON.parse(bytes) } catch { throw .damaged(path: file, reason: "\(error)") }
      documents.append(CheckpointDocument(name: name, bytes: bytes))
      return json
    }
    let pieces = isFolder ? path + "/" + DocumentName.sentencePiece : path
    if !isFolder || !FileSystem.exists(path + "/" + DocumentName.tokenizer), let bytes = try contents(of: pieces),
      let model = try? SentencePieceModel(bytes)
    {
      do { _ = try Tokenizer(sentencePiece: model, configuration: nil) } catch {
        throw .noTokenizer(path: path, reason: "\(error)")
      }
      documents.append(CheckpointDocument(name: DocumentName.sentencePiece, bytes: bytes))
    } else {
      let file = isFolder ? path + "/" + DocumentName.tokenizer : path
      guard let json = try add(DocumentName.tokenizer, from: file) else {
        throw .noTokenizer(
          path: path, reason: isFolder ? "it has no tokenizer.json and no usable tokenizer.model" : "there is no such file")
      }
      guard json["model"]?["vocab"] != nil else { throw .noTokenizer(path: path, reason: "it has no vocabulary") }
    }
    guard isFolder else { return documents }
    let settings = try add(DocumentName.tokenizerConfiguration, from: path + "/" + DocumentName.tokenizerConfiguration)
    if let template = try contents(of: path + "/" + DocumentName.chatTemplate) {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: template))
    } else if let template = settings.flatMap(template(in:)) {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: Array(template.utf8)))
    }
    return documents
  }

  /// tokenizer_config.json holds one template, or a list of named ones.
  private static func template(in settings: JSON) -> String? {
    switch settings["chat_template"] {
    case .string(let template): template
    case .array(let named): named.first { $0["name"]?.string == "default" }?["template"]?.string
    default: nil
    }
  }

  /// A whole file; nil when there is none.
  static func contents(of path: String) throws(ConversionError) -> [UInt8]? {
    guard FileSystem.exists(path) else { return nil }
    do { return try FileSystem.contents(of: path, limit: documentLimit) } catch { throw .system(path: path, error) }
  }

  /// Where checkpoints with these names have a tensor: alone, or among all experts of its layer.
  func places(of tensor: TensorSpecification) -> [TensorPlace] {
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
