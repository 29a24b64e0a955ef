import JambaConvert
import JambaFormat
import JambaSystem
import Synchronization
import TestSupport
import Testing

/// What a format may do behind `Checkpoint`: other names, companions, numbers that are not stored as they are used.
@Suite struct CheckpointTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func convert(_ checkpoint: any Checkpoint, _ name: String, recipe: Recipe = .uniform(.f32)) throws -> String {
    let path = folder.file(name)
    _ = try JambaConvert.convert(
      checkpoint, to: path, options: ConversionOptions(recipe: recipe, packing: .raw, threads: 2), tool: "test",
      progress: { _, _ in true })
    return path
  }

  /// Names, types and contents of all tensors.
  func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try JambaFile(path: path)
    var all: [String: [UInt8]] = [:]
    for entry in file.directory.entries where entry.type != .document {
      all["\(entry.name) \(entry.type)"] = try file.contents(of: entry)
    }
    return all
  }

  @Test(arguments: [Recipe.uniform(.f32), .small]) func scaledNumbersGiveTheSameTensors(recipe: Recipe) throws {
    let plain = try openCheckpoint(Fixtures.checkpoint("odd"))
    let scaled = try ScaledCheckpoint(plain, TensorFile.checkpoint(Fixtures.checkpoint("odd")))
    let path = try convert(scaled, "scaled.jamba", recipe: recipe)
    #expect(try tensors(path) == tensors(convert(plain, "plain.jamba", recipe: recipe)))
    let report = try verify(path, with: scaled, threads: 2) { _, _ in true }
    #expect(report.tensors.count == report.tensorCount)
    let provenance = try #require(try JambaFile(path: path).json(DocumentName.provenance))
    #expect(provenance["format"]?.string == "test" && provenance["quantization"]?.string == "scaled")
    // All that was read is given back.
    #expect(scaled.released.withLock { $0 }.count == scaled.tensors.count)
  }

  @Test func whatAFormatCannotReadIsNamed() throws {
    let plain = try openCheckpoint(Fixtures.checkpoint("odd"))
    var scaled = try ScaledCheckpoint(plain, TensorFile.checkpoint(Fixtures.checkpoint("odd")))
    // A scale whose weights are not there, and weights whose scale is not.
    scaled.tensors.append(CheckpointTensor(name: "t.scale", type: "F32", shape: [4], byteCount: 16))
    let weights = scaled.tensors[0]
    scaled.tensors[0] = CheckpointTensor(
      name: weights.name, type: weights.type, shape: weights.shape, byteCount: 0, fault: "has no scale")
    let error = try #require(#expect(throws: ConversionError.self) { try convert(scaled, "m.jamba") })
    #expect(error.description.contains("t.scale is not part of the model"))
    #expect(error.description.contains("\(weights.name) has no scale"))
  }

  /// A file that cannot be read any more, met by a thread amid a tensor.
  @Test func aFailureToReadEndsTheConversion() throws {
    let plain = try openCheckpoint(Fixtures.checkpoint("odd"))
    var scaled = try ScaledCheckpoint(plain, TensorFile.checkpoint(Fixtures.checkpoint("odd")))
    for name in ["in_proj.weight", "layers.0.mamba.D", "dt_layernorm.weight"] {
      scaled.unreadable = name
      let error = try #require(#expect(throws: ConversionError.self) { try convert(scaled, "m.jamba") })
      guard case .system = error else {
        Issue.record("\(error)")
        continue
      }
      #expect(!FileSystem.exists(folder.file("m.jamba")) && !FileSystem.exists(folder.file("m.jamba.partial")))
    }
  }

  /// A tensor of more rows than are compared at a time.
  @Test func verificationReadsAllRows() throws {
    let text = #"""
      {"model_type": "jamba", "vocab_size": 70000, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 1,
       "num_attention_heads": 2, "num_key_value_heads": 1, "num_experts": 1, "num_experts_per_tok": 1,
       "attn_layer_period": 1, "attn_layer_offset": 0, "expert_layer_period": 1, "expert_layer_offset": 0,
       "tie_word_embeddings": true}
      """#
    var numbers = try NumberedCheckpoint(ModelConfiguration(JSON.parse(text)), config: Array(text.utf8))
    let path = try convert(numbers, "m.jamba", recipe: .uniform(.f32))
    let report = try verify(path, with: numbers, threads: 2) { _, _ in true }
    #expect(report.tensors.allSatisfy { $0.relativeError == 0 })
    for row in [0, 32767, 32768, 69999] {
      numbers.changedRow = row
      let error = try #require(
        #expect(throws: ConversionError.self) { try verify(path, with: numbers, threads: 2) { _, _ in true } })
      #expect(error.description.contains("embed_tokens"))
    }
  }
}

/// The weights of another checkpoint under names of its own. Matrices are kept divided by a power of two for each row, in
/// a companion.
private struct ScaledCheckpoint: Checkpoint {
  let plain: any Checkpoint
  var tensors: [CheckpointTensor] = []
  /// Part of the name of tensors that cannot be read.
  var unreadable: String?
  let released = Released()
  private var values: [String: [Float]] = [:]
  private var scales: [String: [Float]] = [:]

  final class Released: Sendable {
    private let names = Mutex<Set<String>>([])
    func insert(_ name: String) { names.withLock { _ = $0.insert(name) } }
    func withLock<Value>(_ body: (Set<String>) -> Value) -> Value where Value: Sendable { names.withLock { body($0) } }
  }

  init(_ plain: any Checkpoint, _ file: TensorFile) throws {
    self.plain = plain
    for tensor in plain.tensors {
      let name = "t." + tensor.name
      let floats = file.floats(tensor.name)
      let scales = (0..<tensor.rowCount).map { Float(sign: .plus, exponent: $0 % 13 - 6, significand: 1) }
      self.scales[name] = scales
      values[name] = floats.indices.map { floats[$0] / scales[$0 / tensor.columns] }
      tensors.append(
        CheckpointTensor(
          name: name, type: "scaled", shape: tensor.shape, byteCount: 4 * (floats.count + scales.count)))
    }
  }

  var path: String { "scaled" }
  var configuration: ModelConfiguration { plain.configuration }
  var documents: [CheckpointDocument] { plain.documents }
  var origin: CheckpointOrigin { CheckpointOrigin(format: "test", quantization: "scaled", files: []) }

  func places(of tensor: TensorSpecification) -> [TensorPlace] {
    plain.places(of: tensor).map {
      TensorPlace(name: "t." + $0.name, shape: $0.shape, rows: $0.rows, content: $0.content)
    }
  }

  func isSuperfluous(_ name: String) -> Bool { false }

  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    if let unreadable, tensor.name.contains(unreadable) { throw .system(path: path, SystemError(code: 5)) }
    let stored = self.values[tensor.name]![rows.lowerBound * tensor.columns..<rows.upperBound * tensor.columns]
    for (index, value) in stored.enumerated() {
      values[index] = value * scales[tensor.name]![rows.lowerBound + index / tensor.columns]
    }
  }

  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {}
  func release(_ rows: Range<Int>, of tensor: CheckpointTensor) { released.insert(tensor.name) }
}

/// A model of any shape whose numbers follow from their places.
private struct NumberedCheckpoint: Checkpoint {
  let path = "numbers"
  let configuration: ModelConfiguration
  let documents: [CheckpointDocument]
  let tensors: [CheckpointTensor]
  /// A row of the embedding that is another than it was.
  var changedRow: Int?

  init(_ configuration: ModelConfiguration, config: [UInt8]) {
    self.configuration = configuration
    documents = [CheckpointDocument(name: DocumentName.configuration, bytes: config)]
    tensors = ModelTensors(configuration).all.map {
      CheckpointTensor(name: $0.name, type: "F32", shape: $0.shape, byteCount: 4 * $0.shape.reduce(1, *))
    }
  }

  var origin: CheckpointOrigin { CheckpointOrigin(format: "test", quantization: nil, files: []) }

  func places(of tensor: TensorSpecification) -> [TensorPlace] {
    [TensorPlace(name: tensor.name, shape: tensor.shape, rows: 0..<tensor.shape.dropLast().reduce(1, *))]
  }

  func isSuperfluous(_ name: String) -> Bool { false }

  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    for row in rows {
      let isChanged = row == changedRow && tensor.name.contains("embed_tokens")
      for column in 0..<tensor.columns {
        values[(row - rows.lowerBound) * tensor.columns + column] =
          Float(row) + Float(column) / 64 + (isChanged ? 1 : 0)
      }
    }
  }

  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor) {}
  func release(_ rows: Range<Int>, of tensor: CheckpointTensor) {}
}
