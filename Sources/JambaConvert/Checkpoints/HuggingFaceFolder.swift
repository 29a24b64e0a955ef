import JambaFormat
import JambaSystem

/// A folder in Hugging Face layout, but for the weights: configuration, tokenizer and templates.
struct HuggingFaceFolder: Sendable {
  let path: String
  let configuration: ModelConfiguration
  let documents: [CheckpointDocument]
  /// What config.json says of quantized weights.
  let quantization: JSON?

  private static let documentLimit = 256 << 20

  init(_ path: String) throws(ConversionError) {
    self.path = path
    var documents: [CheckpointDocument] = []
    for name in [
      DocumentName.configuration, DocumentName.generationConfiguration, DocumentName.tokenizer,
      DocumentName.tokenizerConfiguration, DocumentName.chatTemplate,
    ] {
      if let bytes = try HuggingFaceFolder.contents(of: path + "/" + name) {
        documents.append(CheckpointDocument(name: name, bytes: bytes))
      }
    }
    func json(_ name: String) throws(ConversionError) -> JSON? {
      guard let document = documents.first(where: { $0.name == name }) else { return nil }
      do { return try JSON.parse(document.bytes) } catch {
        throw .damaged(path: path + "/" + name, reason: "\(error)")
      }
    }
    guard let config = try json(DocumentName.configuration) else {
      throw .unusable(path: path, reason: "there is no config.json")
    }
    let generation = try json(DocumentName.generationConfiguration)
    do { configuration = try ModelConfiguration(config, generation: generation) } catch {
      throw .configuration(path: path, error)
    }
    quantization = config["quantization_config"].flatMap { $0.isNull ? nil : $0 }
    _ = try json(DocumentName.tokenizer)
    if let settings = try json(DocumentName.tokenizerConfiguration),
      !documents.contains(where: { $0.name == DocumentName.chatTemplate }),
      let template = HuggingFaceFolder.template(in: settings)
    {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: Array(template.utf8)))
    }
    self.documents = documents
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
    if let expert = id.expert, let fused = traits.fused {
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      let first = (expert * fused.count + fused.part) * rows
      places += id.fusedNames.map {
        TensorPlace(
          name: $0, shape: [configuration.numExperts, fused.count * rows, columns], rows: first..<first + rows)
      }
    }
    return places
  }
}
