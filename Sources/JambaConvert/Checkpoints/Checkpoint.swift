import JambaFormat
import JambaSystem

/// A model as it is published: what conversion reads. An implementation is a format.
///
/// Whoever converts asks for numbers as float32, some rows at a time, and never sees how they are stored. A new format is a
/// file of its own with an implementation, and a line in `openCheckpoint`.
package protocol Checkpoint: Sendable {
  /// Where it lies.
  var path: String { get }
  var configuration: ModelConfiguration { get }
  /// config.json, the tokenizer, templates: what the .jamba file shall hold, by `DocumentName`.
  var documents: [CheckpointDocument] { get }
  var origin: CheckpointOrigin { get }
  /// What whoever converts should know of how it was read: sentences without a full stop.
  var notes: [String] { get }

  /// Every tensor, twice when two files have it.
  ///
  /// Companions, such as the scales of quantized weights, belong to the tensor that they serve and are not listed. One that
  /// serves none is, so that it is reported as left over.
  var tensors: [CheckpointTensor] { get }

  /// Where a tensor of the model may be found, the likeliest place first.
  func places(of tensor: TensorSpecification) -> [TensorPlace]

  /// Whether a tensor that is no part of the model may be left alone.
  func isSuperfluous(_ name: String) -> Bool

  /// Writes the numbers of some rows, `[rows.count, columns]`, in memory that does not grow with the tensor. Called by
  /// several threads at the same time.
  ///
  /// - Parameter tensor: one of `tensors`, without a fault.
  /// - Throws: `system` when a file cannot be read. Numbers that are not finite are no error here.
  func read(
    _ rows: Range<Int>, of tensor: CheckpointTensor, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError)

  /// Asks the system to read rows ahead.
  func prepare(_ rows: Range<Int>, of tensor: CheckpointTensor)

  /// Says that rows will not be read again, so that a large conversion does not push everything else out of memory.
  func release(_ rows: Range<Int>, of tensor: CheckpointTensor)
}

extension Checkpoint {
  package var notes: [String] { [] }
}

/// Opens what lies at a path, whose content says what it is, or what the Hugging Face cache holds under a model's name.
///
/// - Throws: `unusable` for what no implementation reads.
///
/// - Parameter adapters: are merged into it, in this order.
package func openCheckpoint(
  _ path: String, adapters: [AdapterSource] = []
) throws(ConversionError) -> any Checkpoint {
  let checkpoint: any Checkpoint
  var adapters = adapters
  if let base = try AdapterFolder.base(ofCheckpoint: path) {
    checkpoint = base
    adapters.insert(AdapterSource(path: path), at: 0)
  } else {
    checkpoint = try openBase(path)
  }
  if let own = try AdapterFolder.own(of: checkpoint, besides: adapters) { adapters.insert(own, at: 0) }
  return try merged(adapters, into: checkpoint)
}

/// A checkpoint whose weights are what adapters, one after another, make of the base's.
package func merged(_ adapters: [AdapterSource], into base: any Checkpoint) throws(ConversionError) -> any Checkpoint {
  var checkpoint = base
  for (index, adapter) in adapters.enumerated() {
    checkpoint = try AdaptedCheckpoint(checkpoint, adapter, number: index + 1)
  }
  return checkpoint
}

/// Whether a path is that of a checkpoint rather than of a .jamba file: a GGUF file, a folder, or the name of one in the cache.
package func isCheckpoint(_ path: String) -> Bool {
  if GGUFCheckpoint.isOne(path) { return true }
  return !path.hasSuffix(".jamba") && (try? RandomAccessFile(path: path)) == nil
}

/// As `openCheckpoint`, without adapters.
func openBase(_ path: String) throws(ConversionError) -> any Checkpoint {
  if GGUFCheckpoint.isOne(path) { return try GGUFCheckpoint(path) }
  let location = try CheckpointLocation(path)
  let folder = try HuggingFaceFolder(location)
  return try SafetensorsCheckpoint(folder)
}

package struct CheckpointDocument: Sendable {
  package let name: String
  package let bytes: [UInt8]

  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// What a checkpoint's weights are and which files they were read from, for the provenance of what is made of them.
package struct CheckpointOrigin: Sendable {
  package struct File: Sendable {
    package let name: String
    package let byteCount: Int
    /// CRC-32C of what names its tensors and says where they are.
    package let headerChecksum: UInt32
    /// When it was last changed, in nanoseconds of the system's clock; nil where that does not matter.
    package let modificationTime: Int?

    package init(name: String, byteCount: Int, headerChecksum: UInt32, modificationTime: Int? = nil) {
      self.modificationTime = modificationTime
      self.name = name
      self.byteCount = byteCount
      self.headerChecksum = headerChecksum
    }
  }

  /// Such as "safetensors".
  package let format: String
  /// How the weights are quantized; nil for those that are not.
  package let quantization: String?
  package let files: [File]
  /// What is merged into the weights, in that order.
  package var adapters: [Adapter] = []

  package struct Adapter: Sendable {
    /// The last part of its path.
    package let name: String
    /// Format and method, such as "PEFT DoRA".
    package let kind: String
    package let byteCount: Int
    /// CRC-32C of the file with its tensors, and of its settings where they are in another.
    package let checksum: UInt32
    package let settingsChecksum: UInt32?
    /// What its changes were multiplied by.
    package var scale = 1.0
  }

  package init(format: String, quantization: String?, files: [File]) {
    self.format = format
    self.quantization = quantization
    self.files = files
  }
}

/// A tensor that a checkpoint holds.
package struct CheckpointTensor: Sendable {
  package let name: String
  /// The type of its numbers in the checkpoint's words, such as "BF16".
  package let type: String
  /// Extents of its numbers, outermost first, however they are packed.
  package let shape: [Int]
  /// As stored, companions included.
  package let byteCount: Int
  /// Why its numbers cannot be read: what follows its name in a sentence.
  package let fault: String?

  package init(name: String, type: String, shape: [Int], byteCount: Int, fault: String? = nil) {
    self.name = name
    self.type = type
    self.shape = shape
    self.byteCount = byteCount
    self.fault = fault
  }

  package var columns: Int { shape.last ?? 1 }
  /// Rows of all dimensions but the last.
  package var rowCount: Int { shape.dropLast().reduce(1, *) }
}

/// Where a checkpoint may hold a tensor of the model.
package struct TensorPlace: Sendable {
  /// What is there, for what the .jamba file stores as `[rows, columns]`.
  package enum Content: Sendable {
    case same
    /// `[columns, rows]`
    case transposed
    /// `[columns, rows]` of the logarithm of the negative.
    case transposedLogarithm
  }

  package let name: String
  /// The shape that the tensor of this name has to have.
  package let shape: [Int]
  package let rows: Range<Int>
  package let content: Content

  package init(name: String, shape: [Int], rows: Range<Int>, content: Content = .same) {
    self.name = name
    self.shape = shape
    self.rows = rows
    self.content = content
  }
}
