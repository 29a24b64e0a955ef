import ArgumentParser
import Jamba
import JambaFormat
import JambaSystem

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows what a .jamba or .jadapter file holds.")

  @Argument(help: "A .jamba or .jadapter file.")
  var model: String

  @Flag(help: "Print one JSON object, every tensor included.")
  var json = false

  func run() throws {
    let file = try JambaFile(path: model)
    if AdapterFile.isOne(file) {
      let adapter = try AdapterFile(path: model)
      return Output.write(json ? report(adapter).text() + "\n" : Inspect.table(summary(adapter)))
    }
    let configuration = try JambaModel.configuration(of: file)
    let provenance = try file.json(DocumentName.provenance)
    Output.write(json ? report(file, configuration, provenance).text() + "\n" : summary(file, configuration, provenance))
  }

  private func report(_ file: JambaFile, _ c: ModelConfiguration, _ provenance: JSON?) -> JSON {
    let directory = file.directory
    return .object([
      "path": .string(file.path),
      "file_bytes": .integer(file.byteCount),
      "parameters": .integer(directory.parameterCount),
      "bits_per_weight": .number(directory.bitsPerWeight),
      "bits_on_disk": .number(directory.bitsOnDisk),
      "config": .object([
        "vocab_size": .integer(c.vocabSize), "hidden_size": .integer(c.hiddenSize),
        "intermediate_size": .integer(c.intermediateSize), "num_hidden_layers": .integer(c.numHiddenLayers),
        "attention_layers": .array(c.layers(with: .attention).map { .integer($0) }),
        "num_attention_heads": .integer(c.numAttentionHeads), "num_key_value_heads": .integer(c.numKeyValueHeads),
        "num_experts": .integer(c.numExperts), "num_experts_per_tok": .integer(c.numExpertsPerTok),
        "mamba_d_state": .integer(c.mambaDState), "mamba_d_conv": .integer(c.mambaDConv),
        "mamba_dt_rank": .integer(c.mambaDtRank),
        "tie_word_embeddings": .bool(c.tieWordEmbeddings),
        "eos_token_id": .array(c.eosTokenIDs.map { .integer($0) }),
      ]),
      "provenance": provenance ?? .null,
      "tensors": .array(
        directory.entries.map { entry in
          .object([
            "name": .string(entry.name), "type": .string(entry.type.name),
            "shape": .array(entry.shape.map { .integer($0) }), "bytes": .integer(entry.byteCount),
            "packing": .string(directory.segments[entry.segment].packing == .raw ? "raw" : "zstd"),
          ])
        }),
    ])
  }

  private func summary(_ file: JambaFile, _ c: ModelConfiguration, _ provenance: JSON?) -> String {
    let directory = file.directory
    var lines: [(String, String)] = [
      ("file", "\(file.path), \(Terminal.size(file.byteCount))"),
      (
        "model",
        "\(directory.parameterCount) parameters, \(Terminal.decimal(directory.bitsPerWeight, 2)) bits per weight"
      ),
      (
        "layers",
        "\(c.numHiddenLayers), attention in \(c.layers(with: .attention).map(String.init).joined(separator: ", "))"
      ),
      ("width", "hidden \(c.hiddenSize), inner \(c.innerSize), intermediate \(c.intermediateSize)"),
      ("vocabulary", "\(c.vocabSize), ends at \(c.eosTokenIDs.map(String.init).joined(separator: ", "))"),
    ]
    if c.numExperts > 1 {
      lines.append(("experts", "\(c.numExperts), \(c.numExpertsPerTok) a token"))
    }
    for type in StorageType.allCases where type != .document {
      let entries = directory.entries.filter { $0.type == type }
      guard !entries.isEmpty else { continue }
      let values = entries.reduce(0) { $0 + $1.elementCount }
      let bytes = entries.reduce(0) { $0 + $1.byteCount }
      lines.append((type.name, "\(entries.count) tensors, \(values) values, \(Terminal.size(bytes))"))
    }
    let packed = directory.segments.filter { $0.packing == .zstd }
    if !packed.isEmpty {
      let stored = packed.reduce(0) { $0 + $1.storedByteCount }
      let bytes = packed.reduce(0) { $0 + $1.byteCount }
      lines.append(
        ("packed", "\(packed.count) segments, \(Terminal.size(bytes)) in \(Terminal.size(stored)) by zstd"))
    }
    let documents = directory.entries.filter { $0.type == .document }.map(\.name)
    lines.append(("documents", documents.joined(separator: ", ")))
    if let format = provenance?["format"]?.string {
      let files = provenance?["sources"]?.array ?? []
      let byteCount = files.reduce(0) { $0 + ($1["bytes"]?.integer ?? 0) }
      let quantization = provenance?["quantization"]?.string.map { " (\($0))" } ?? ""
      let name = files.count == 1 ? files[0]["file"]?.string ?? "" : "\(files.count) files"
      lines.append(("made from", "\(format)\(quantization), \(name), \(Terminal.size(byteCount))"))
    }
    for adapter in provenance?["adapters"]?.array ?? [] {
      let sum = String(adapter["crc32c"]?.integer ?? 0, radix: 16)
      lines.append(
        (
          "adapter",
          "\(adapter["adapter"]?.string ?? "") (\(adapter["kind"]?.string ?? "")), scale \(adapter["scale"]?.double ?? 1), "
            + "\(Terminal.size(adapter["bytes"]?.integer ?? 0)), CRC-32C \(String(repeating: "0", count: max(0, 8 - sum.count)) + sum)"
        ))
    }
    if let tool = provenance?["tool"]?.string { lines.append(("made by", tool)) }
    return Inspect.table(lines)
  }

  private func report(_ adapter: AdapterFile) -> JSON {
    .object([
      "path": .string(adapter.file.path), "file_bytes": .integer(adapter.file.byteCount), "kind": .string("adapter"),
      "matrices": .integer(adapter.targetCount), "rank": .integer(adapter.rank),
      "factor_bytes": .integer(adapter.byteCount),
      "source": .object([
        "name": .string(adapter.description.name), "kind": .string(adapter.description.kind),
        "bytes": .integer(adapter.description.byteCount), "crc32c": .integer(Int(adapter.description.checksum)),
      ]),
      "tensors": .array(
        adapter.file.directory.entries.filter { $0.type != .document }.map { entry in
          .object([
            "name": .string(entry.name), "type": .string(entry.type.name),
            "shape": .array(entry.shape.map { .integer($0) }), "bytes": .integer(entry.byteCount),
          ])
        }),
    ])
  }

  private func summary(_ adapter: AdapterFile) -> [(String, String)] {
    let c = adapter.configuration
    let factors = adapter.file.directory.entries.filter { $0.type != .document }
    let types = StorageType.allCases.filter { type in factors.contains { $0.type == type } }.map(\.name)
    let sum = String(adapter.description.checksum, radix: 16)
    return [
      ("file", "\(adapter.file.path), \(Terminal.size(adapter.file.byteCount))"),
      ("adapter", "\(adapter.targetCount) matrices changed, rank \(adapter.rank)"),
      ("factors", "\(types.joined(separator: ", ")), \(Terminal.size(adapter.byteCount)) in memory"),
      ("for", "\(c.numHiddenLayers) layers, hidden \(c.hiddenSize), vocabulary \(c.vocabSize)"),
      (
        "made from",
        "\(adapter.description.kind), \(adapter.description.name), \(Terminal.size(adapter.description.byteCount)), CRC-32C "
          + String(repeating: "0", count: max(0, 8 - sum.count)) + sum
      ),
      ("made by", adapter.description.tool),
    ]
  }

  private static func table(_ lines: [(String, String)]) -> String {
    let width = lines.map(\.0.count).max()! + 2
    return lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 + "\n" }.joined()
  }
}
