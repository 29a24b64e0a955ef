import JambaFormat
import JambaSystem

/// What became of an adapter.
public struct AdapterSummary: Sendable {
  /// Format and method, such as "PEFT LoRA".
  public let kind: String
  /// Matrices that it changes, and the largest rank.
  public let targetCount: Int
  public let rank: Int
  public let fileByteCount: Int
  /// Sentences without a full stop.
  public let notes: [String]
}

/// Writes an adapter of PEFT, MLX or GGUF as a .jadapter file, which a model applies while it computes.
///
/// - Parameters:
///   - base: the .jamba file of the model that it is for, whatever its types.
///   - type: how the factors are stored, one of `AdapterFactors.types`.
///   - tool: name and version of the program, for the file.
/// - Throws: `adapter` for what is none or does not fit the model, `notRunnable` for what can be merged only.
public func convertAdapter(
  _ path: String, base: String, to output: String, type: StorageType = .int8, tool: String
) throws(ConversionError) -> AdapterSummary {
  let model = try formatting { () throws(FormatError) in try JambaFile(path: base) }
  let configuration = try validConfiguration(of: model)
  let adapter = try openAdapter(path, for: configuration)
  let factors = try AdapterFactors(adapter, configuration)
  let fingerprint = try formatting { () throws(FormatError) in try model.fingerprint(configuration) }
  let config = try formatting { () throws(FormatError) in try model.document(DocumentName.configuration) }

  let writer = try formatting { () throws(FormatError) in
    try JambaFileWriter(path: output) { count, body in for index in 0..<count { body(index) } }
  }
  var inputs: [JSON] = []
  for input in factors.inputs { inputs.append(try factors.write(input, type, to: writer)) }
  let source = AdapterDescription(
    name: adapter.origin.name, kind: adapter.kind, byteCount: adapter.origin.byteCount, checksum: adapter.origin.checksum,
    tool: tool)
  let description = JSON.object([
    "version": .integer(AdapterFile.version), "base": .object(["fingerprint": .integer(Int(fingerprint))]),
    "source": source.json, "tool": .string(tool), "inputs": .array(inputs),
  ])
  let file = try formatting { () throws(FormatError) in
    try writer.addDocuments(
      [(DocumentName.adapter, Array(description.text().utf8)), (DocumentName.configuration, config ?? [])], packing: .zstd)
    try writer.finish()
    return try AdapterFile(path: output)
  }
  return AdapterSummary(
    kind: adapter.kind, targetCount: file.targetCount, rank: file.rank, fileByteCount: file.file.byteCount,
    notes: adapter.notes)
}

/// Checks every block of an adapter's file, and, with what it was made from, of every matrix that it changes
/// ‖change - source's‖ / ‖source's‖.
///
/// - Throws: `format` for a damaged file; `unusable` when a change differs by more than its type can explain.
public func verifyAdapter(_ path: String, against source: String?) throws(ConversionError) -> VerificationReport {
  let file = try formatting { () throws(FormatError) in
    let file = try AdapterFile(path: path)
    for entry in file.file.directory.entries { _ = try file.file.contents(of: entry) }
    return file
  }
  return VerificationReport(
    blockCount: file.file.directory.blocks.count, tensorCount: file.targetCount,
    tensors: try source.map { (source) throws(ConversionError) in try compare(file, with: source) } ?? [])
}

private func compare(_ file: AdapterFile, with source: String) throws(ConversionError) -> [VerificationReport.Tensor] {
  let path = file.file.path
  let factors = try AdapterFactors(openAdapter(source, for: file.configuration), file.configuration)
  let expected = factors.inputs.flatMap { input in input.targets.map { ($0.id, $0) } }
  guard Set(expected.map(\.0)) == Set(file.inputs.flatMap { $0.targets.map(\.id) }) else {
    throw .unusable(path: path, reason: "the matrices that it changes are not those of \(source)")
  }
  let targets = Dictionary(uniqueKeysWithValues: expected)
  var report: [VerificationReport.Tensor] = []
  for input in file.inputs {
    let a = StoredRows(input.a, of: file.file)
    let stored = try a.values(0..<a.rowCount)
    for target in input.targets {
      let found = try LowRankProduct(stored: stored, input, target, file.file)
      let error = found.relativeError(to: try factors.product(of: targets[target.id]!))
      guard error <= AdapterFactors.errorBound(input.a.type, target.b.type) else {
        throw .unusable(path: path, reason: "\(target.id.name) is not that of \(source), its relative error is \(error)")
      }
      report.append(.init(name: target.id.name, type: target.b.type, relativeError: error))
    }
  }
  return report.sorted { $0.relativeError > $1.relativeError }
}

func formatting<Result>(_ body: () throws(FormatError) -> Result) throws(ConversionError) -> Result {
  do { return try body() } catch { throw .format(error) }
}
