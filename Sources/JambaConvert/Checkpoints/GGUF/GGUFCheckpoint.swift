import JambaFormat
import JambaSystem

/// A model in GGUF, llama.cpp's format: one file, or one in parts.
package struct GGUFCheckpoint: Checkpoint {
  package let path: String
  package let configuration: ModelConfiguration
  package let documents: [CheckpointDocument]
  package let notes: [String]
  package let tensors: [CheckpointTensor]
  /// The tokenizer as the file describes it.
  package let vocabulary: GGUFVocabulary?
  private let parts: GGUFParts
  private let stored: [ExactString: (file: Int, tensor: GGUFFile.Tensor)]
  /// The tensor that is the embedding and the head of a tied model.
  private let sharedMatrix: String

  /// Whether a file begins as GGUF does.
  static func isOne(_ path: String) -> Bool {
    guard let file = try? RandomAccessFile(path: path), file.byteCount >= GGUFFile.magic.count else { return false }
    return (try? file.bytes(0..<GGUFFile.magic.count)) == GGUFFile.magic
  }

  package init(_ path: String) throws(ConversionError) {
    self.path = path
    let parts = try GGUFParts(path: path)
    self.parts = parts
    var stored: [ExactString: (file: Int, tensor: GGUFFile.Tensor)] = [:]
    for place in parts.tensors { stored[ExactString(place.tensor.name)] = place }
    self.stored = stored
    tensors = parts.tensors.map { _, tensor in
      CheckpointTensor(
        name: tensor.name, type: GGUFType.name(ofNumber: tensor.typeNumber),
        shape: GGUFCheckpoint.normalized(tensor.shape), byteCount: tensor.range.count,
        fault: tensor.type == nil
          ? "has type \(GGUFType.name(ofNumber: tensor.typeNumber)), which is not read" : nil)
    }

    let embedding = stored[ExactString(GGUFNames.embedding)]
    let head = stored[ExactString(GGUFNames.head)]
    var (isTied, shared) = (head == nil, GGUFNames.embedding)
    if let embedding, let head, let type = embedding.tensor.type, let headType = head.tensor.type,
      try GGUFTie.areOne(
        (parts.files[embedding.file], embedding.tensor, type), (parts.files[head.file], head.tensor, headType))
    {
      isTied = true
      // Most files store the head more finely.
      if headType.bitsPerWeight > type.bitsPerWeight { shared = GGUFNames.head }
    }
    sharedMatrix = shared

    vocabulary = try GGUFVocabulary(parts)
    let texts = try GGUFConfiguration(parts, vocabulary, isTied: isTied)
    do { configuration = try ModelConfiguration(texts.config, generation: texts.generation) } catch {
      throw .configuration(path: path, error)
    }
    let tokenizer = vocabulary?.documents ?? (documents: [], notes: [])
    documents = GGUFCheckpoint.documents(parts, texts, tokenizer.documents)
    notes = tokenizer.notes
  }

  /// What the .jamba file holds besides tensors.
  private static func documents(
    _ parts: GGUFParts, _ texts: GGUFConfiguration, _ tokenizer: [CheckpointDocument]
  ) -> [CheckpointDocument] {
    let templates = ChatTemplateFiles(parts)
    var documents = [
      CheckpointDocument(name: DocumentName.configuration, bytes: Array(texts.config.text().utf8)),
      CheckpointDocument(name: DocumentName.generationConfiguration, bytes: Array(texts.generation.text().utf8)),
    ]
    if let template = templates.standard {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: Array(template.utf8)))
    }
    return documents
      + tokenizer.map { document in
        guard document.name == DocumentName.tokenizerConfiguration, let json = try? JSON.parse(document.bytes),
          let settings = templates.settings(json), settings != json
        else { return document }
        return CheckpointDocument(name: document.name, bytes: Array(settings.text().utf8))
      }
  }

  package var origin: CheckpointOrigin {
    var counts: [String: Int] = [:]
    for (_, tensor) in parts.tensors {
      if let type = tensor.type, !type.isFloat { counts[type.name, default: 0] += tensor.shape.reduce(1, *) }
    }
    let types = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    return CheckpointOrigin(
      format: "gguf", quantization: types.isEmpty ? nil : types.joined(separator: ", "),
      files: parts.files.map {
        CheckpointOrigin.File(
          name: $0.file.name, byteCount: $0.file.byteCount, headerChecksum: $0.headerChecksum,
          modificationTime: $0.file.modificationTime)
      })
  }

  package func places(of tensor: TensorSpecification) -> [TensorPlace] {
    let place = GGUFNames.place(of: tensor, in: configuration)
    let isShared = tensor.id.role == .embedding && configuration.tieWordEmbeddings
    return [
      TensorPlace(
        name: isShared ? sharedMatrix : place.name, shape: GGUFCheckpoint.normalized(place.shape), rows: place.rows,
        content: place.content)
    ]
  }

  /// Writers leave out outermost extents of 1, or do not.
  private static func normalized(_ shape: [Int]) -> [Int] {
    let rest = Array(shape.drop { $0 == 1 })
    return rest.isEmpty ? [1] : rest
  }

  package func isSuperfluous(_ name: String) -> Bool {
    configuration.tieWordEmbeddings && (name == GGUFNames.embedding || name == GGUFNames.head)
  }

  package func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    precondition(values.count == rows.count * tensor.columns, "the rows need another size")
    let (file, type, range) = place(rows, of: tensor)
    try unsafe type.read(range, of: file.file, into: values)
  }

  package func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    let (file, _, range) = place(rows, of: tensor)
    file.file.prepare(range)
  }

  package func release(_ rows: Range<Int>, of tensor: CheckpointTensor) {
    let (file, _, range) = place(rows, of: tensor)
    file.file.forget(range)
  }

  /// The bytes of some rows.
  private func place(_ rows: Range<Int>, of tensor: CheckpointTensor) -> (GGUFFile, GGUFType, Range<Int>) {
    guard let place = stored[ExactString(tensor.name)], let type = place.tensor.type else {
      preconditionFailure("\(tensor.name) is not a tensor of this checkpoint that can be read")
    }
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rowCount, "\(tensor.name) has no such rows")
    return (parts.files[place.file], type, place.tensor.range(of: rows, type))
  }
}
