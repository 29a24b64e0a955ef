import JambaFormat
import JambaSystem

/// What a conversion made, and what it lost.
public struct ConversionSummary: Sendable {
  /// The tensors of one kind that are stored in one way.
  public struct TensorClass: Sendable {
    public let name: String
    public let type: StorageType
    public fileprivate(set) var tensorCount = 0
    public fileprivate(set) var valueCount = 0
    public fileprivate(set) var byteCount = 0
    fileprivate var error = 0.0
    fileprivate var power = 0.0

    public var bitsPerWeight: Double { 8 * Double(byteCount) / Double(max(valueCount, 1)) }
    /// ‖stored - source‖ / ‖source‖
    public var relativeError: Double { power > 0 ? (error / power).squareRoot() : 0 }
  }

  /// The numbers of a type that the checkpoint holds.
  public struct SourceType: Sendable {
    /// In the checkpoint's words, such as "BF16" or "Q4_K".
    public let name: String
    public let valueCount: Int
  }

  /// Such as "safetensors".
  public let sourceFormat: String
  /// The most frequent first.
  public let sourceTypes: [SourceType]
  /// What should be known of how the checkpoint was read: sentences without a full stop.
  public let notes: [String]
  public fileprivate(set) var classes: [TensorClass] = []
  public fileprivate(set) var sourceByteCount = 0
  /// Bytes of the file; set when it is complete.
  public internal(set) var fileByteCount = 0
  public var parameterCount: Int { classes.reduce(0) { $0 + $1.valueCount } }

  /// Bits of a stored weight over all matrices.
  public var bitsPerWeight: Double {
    let matrices = classes.filter(\.type.isMatrix)
    return 8 * Double(matrices.reduce(0) { $0 + $1.byteCount })
      / Double(max(matrices.reduce(0) { $0 + $1.valueCount }, 1))
  }

  /// Bits of a value in the file, as packed, over all tensors; set when it is complete.
  public internal(set) var bitsOnDisk = 0.0

  init(_ checkpoint: any Checkpoint, _ documents: [CheckpointDocument], mostly type: StorageType) {
    sourceFormat = checkpoint.origin.format
    var counts: [String: Int] = [:]
    for tensor in checkpoint.tensors { counts[tensor.type, default: 0] += tensor.shape.reduce(1, *) }
    sourceTypes = counts.map { SourceType(name: $0.key, valueCount: $0.value) }
      .sorted { ($1.valueCount, $0.name) < ($0.valueCount, $1.name) }
    let tokenizers: Set = [DocumentName.tokenizer, DocumentName.sentencePiece]
    notes =
      checkpoint.notes + [SecondQuantization.note(SourcePrecision(checkpoint), storedAs: type)].compactMap { $0 }
      + (documents.contains { tokenizers.contains($0.name) }
        ? ChatTemplateFiles(documents).notes : ["there is no tokenizer in the file, so that it works with token ids only; --tokenizer FOLDER gives it one"])
  }

  mutating func add(_ tensor: ConversionPlan<SourceTensor>.Tensor, error: Double, power: Double) {
    let name = tensor.specification.id.family
    var index = classes.firstIndex { $0.name == name && $0.type == tensor.type }
    if index == nil {
      classes.append(TensorClass(name: name, type: tensor.type))
      index = classes.count - 1
    }
    classes[index!].tensorCount += 1
    classes[index!].valueCount += tensor.specification.shape.reduce(1, *)
    classes[index!].byteCount += tensor.byteCount
    classes[index!].error += error
    classes[index!].power += power
    sourceByteCount += tensor.source.byteCount
  }
}
