import CKernels
public import JambaFormat
import JambaSystem

/// How to convert.
public struct ConversionOptions: Sendable {
  /// Nil: one that keeps what the checkpoint still has. 8 bits stay int8, 4 to 7 become int6, and anything else is `balanced`.
  public var recipe: Recipe?
  /// What comes before the recipe's own rules.
  public var rules: [Recipe.Rule]
  public var packing: JambaFileWriter.Packing
  public var threads: Int
  /// What `jamba calibrate` wrote about the model's inputs; errors count by it, and weights make up for each other's.
  public var importance: String?
  /// Where the tokenizer comes from instead of the checkpoint: a folder with tokenizer.json, or such a file.
  public var tokenizer: String?
  /// What is merged into the checkpoint's weights, in this order.
  public var adapters: [AdapterSource]
  /// Keep progress when interrupted, and continue where an interrupted conversion of the same kind stopped.
  public var resumes: Bool

  public init(
    recipe: Recipe? = nil, rules: [Recipe.Rule] = [], packing: JambaFileWriter.Packing = .automatic, threads: Int = 1,
    importance: String? = nil, tokenizer: String? = nil, adapters: [AdapterSource] = [], resumes: Bool = false
  ) {
    self.adapters = adapters
    self.recipe = recipe
    self.rules = rules
    self.packing = packing
    self.threads = threads
    self.importance = importance
    self.tokenizer = tokenizer
    self.resumes = resumes
  }
}

/// Converts a checkpoint, a Hugging Face folder or a GGUF file, to a .jamba file, a few rows at a time: memory does not grow with the checkpoint.
///
/// - Parameters:
///   - tool: name and version of the program, for the file's provenance.
///   - progress: called with source bytes done and in all; false cancels.
public func convert(
  checkpoint path: String, to output: String, options: ConversionOptions, tool: String,
  progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> ConversionSummary {
  let checkpoint = try openCheckpoint(path, adapters: options.adapters)
  return try convert(checkpoint, to: output, options: options, tool: tool, progress: progress)
}

/// As `convert(checkpoint:)`, for a checkpoint that is open.
package func convert(
  _ checkpoint: any Checkpoint, to output: String, options: ConversionOptions, tool: String,
  progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> ConversionSummary {
  let tensors = ModelTensors(checkpoint.configuration)
  let recipe = (options.recipe ?? .keeping(checkpoint)).preceded(by: options.rules).resolved(for: tensors.all)
  if let rule = recipe.uselessRule(among: tensors.all) {
    throw .unusable(path: checkpoint.path, reason: "none of its matrices fits \(rule.pattern)")
  }
  let sources = try SourceTensors(checkpoint)
  let plan = ConversionPlan(checkpoint.configuration, recipe) { sources[$0.id] }
  let pool = try WorkerPool(threads: options.threads)
  let importance = try options.importance.map { (path) throws(ConversionError) in try Importance(path: path) }
  let documents = try documents(checkpoint, tokenizer: options.tokenizer)
  let provenance = provenance(checkpoint, documents, recipe, options.packing, importance, tool)
  let writer: JambaFileWriter
  do {
    writer = try JambaFileWriter(
      path: output, identity: options.resumes ? identity(provenance, checkpoint) : nil,
      parallel: { pool.forEach($0, $1) })
  } catch { throw .format(error) }

  let encoder = try TensorEncoder(writer, pool)
  var summary = ConversionSummary(checkpoint, documents, mostly: plan.mostFrequentType)
  let total = plan.sourceByteCount
  var done = 0
  for segment in plan.segments {
    if writer.contains(segment.tensors[0].specification.name) {
      // Written by an earlier run; its errors are not known any more.
      for tensor in segment.tensors { done += tensor.source.byteCount }
      continue
    }
    let packing = options.packing == .automatic && segment.isHot ? .raw : options.packing
    writer.beginSegment(byteCount: segment.byteCount, packing: packing)
    for tensor in segment.tensors {
      let before = done
      let moments =
        try !tensor.type.traits.hasCodes
        ? nil
        : importance?.moments(of: tensor.specification, in: tensors)
      let (error, power) = try encoder.encode(tensor, moments) { progress(before + $0, total) }
      summary.add(tensor, error: error, power: power)
      done += tensor.source.byteCount
    }
    do {
      try writer.endSegment(
        entries: segment.tensors.map { ($0.specification.name, $0.type, $0.specification.shape, $0.offset) })
    } catch { throw .format(error) }
  }
  do {
    try writer.addDocuments(
      documents.map { ($0.name, $0.bytes) } + [(DocumentName.provenance, Array(provenance.text().utf8))],
      packing: options.packing == .raw ? .raw : .zstd)
    try writer.finish()
    let file = try JambaFile(path: output)
    summary.fileByteCount = file.byteCount
    summary.bitsOnDisk = file.directory.bitsOnDisk
  } catch { throw .format(error) }
  return summary
}

/// The checkpoint's documents, with those of another tokenizer in their place.
func documents(
  _ checkpoint: any Checkpoint, tokenizer path: String?
) throws(ConversionError) -> [CheckpointDocument] {
  guard let path else { return checkpoint.documents }
  let others = try TokenizerFolder.documents(at: path)
  // Whichever kind the checkpoint's own is of.
  let replaced = Set(others.map(\.name)).union([
    DocumentName.tokenizer, DocumentName.sentencePiece, DocumentName.tokenizerConfiguration,
  ])
  return checkpoint.documents.filter { !replaced.contains($0.name) } + others
}

/// What an interrupted conversion must agree with to be continued: besides the provenance, which knows no more of weights
/// than where they are, when their files were written.
private func identity(_ provenance: JSON, _ checkpoint: any Checkpoint) -> String {
  provenance.text() + checkpoint.origin.files.map { " \($0.modificationTime ?? 0)" }.joined()
}

/// What the file was made from: also what an interrupted conversion must agree with to be continued.
private func provenance(
  _ checkpoint: any Checkpoint, _ documents: [CheckpointDocument], _ recipe: Recipe,
  _ packing: JambaFileWriter.Packing, _ importance: Importance?, _ tool: String
) -> JSON {
  let packing =
    switch packing {
    case .raw: "raw"
    case .zstd: "zstd"
    case .automatic: "auto"
    }
  var provenance: JSONObject = [
    "tool": .string(tool),
    "recipe": .string(recipe.name),
    "rules": .array(
      recipe.rules.map { rule in
        .object([
          "tensors": .string(rule.pattern), "type": .string(rule.type.name), "step": .number(Double(rule.step)),
        ])
      }),
    "pack": .string(packing),
    "importance_crc32c": importance.map { .integer(Int($0.checksum)) } ?? .null,
    "format": .string(checkpoint.origin.format),
    "quantization": checkpoint.origin.quantization.map { .string($0) } ?? .null,
    "sources": .array(
      checkpoint.origin.files.map { file in
        .object([
          "file": .string(file.name), "bytes": .integer(file.byteCount),
          "header_crc32c": .integer(Int(file.headerChecksum)),
        ])
      }),
    "documents": .array(
      documents.map { document in
        .object([
          "file": .string(document.name), "crc32c": .integer(Int(checksum(of: document.bytes))),
        ])
      }),
  ]
  let adapters = checkpoint.origin.adapters
  if !adapters.isEmpty {
    provenance["adapters"] = .array(
      adapters.map { adapter in
        .object([
          "adapter": .string(adapter.name), "kind": .string(adapter.kind), "scale": .number(adapter.scale),
          "bytes": .integer(adapter.byteCount), "crc32c": .integer(Int(adapter.checksum)),
          "settings_crc32c": adapter.settingsChecksum.map { .integer(Int($0)) } ?? .null,
        ])
      })
  }
  return .object(provenance)
}
