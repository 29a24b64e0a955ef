public import JambaFormat
import JambaSystem

/// An adapter in memory: what sessions of its model may compute with beside the model's weights. Immutable, shared by any
/// number of sessions; its memory counts against the model's limit as long as one of them, or the caller, holds it.
///
///     let adapter = try model.loadAdapter("support.jadapter")
///     let session = try model.makeSession(options: SessionOptions(adapters: [.init(adapter, scale: 0.8)]))
public final class Adapter: Sendable {
  /// What its file holds.
  public let file: AdapterFile
  /// By which texts of other adapters are told apart: what is in the file, in numbers.
  let identity: Identity
  private let memory: StateBuffer
  private let sessions: SessionMemory
  private let inputs: [TensorID: LowRankInput]
  /// Of the embedding, where that is changed.
  let embedding: LowRankInput?
  /// Columns of the products with its A.
  let widths: Set<Int>

  struct Identity: Sendable, Hashable {
    let byteCount: Int
    let checksum: UInt32
  }

  /// Reads the factors and checks them against their checksums.
  ///
  /// - Throws: `format`, `memoryLimitReached`.
  init(_ file: AdapterFile, _ sessions: SessionMemory) throws(JambaError) {
    self.sessions = sessions
    let memory = try sessions.makeBuffer(byteCount: file.byteCount, context: 0)
    self.memory = memory
    self.file = file
    identity = Identity(byteCount: file.file.byteCount, checksum: file.file.directoryChecksum)
    var position = 0
    func load(_ entry: Entry) throws(JambaError) -> MatrixView {
      let bytes: [UInt8]
      do { bytes = try file.file.contents(of: entry) } catch { throw .format(error) }
      let place = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[position..<position + bytes.count])
      unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0) }
      position += AdapterFile.aligned(bytes.count)
      return unsafe MatrixView(
        strips: UnsafeRawPointer(place.baseAddress!),
        MatrixLayout(entry.type, rows: entry.shape[0], columns: entry.shape[1]))
    }
    var inputs: [TensorID: LowRankInput] = [:]
    for input in file.inputs {
      let a = try load(input.a)
      var targets: [TensorID: LowRankInput.Target] = [:]
      for target in input.targets {
        targets[target.id] = .init(b: try load(target.b), firstColumn: target.rows.lowerBound - target.lead)
      }
      inputs[input.owner] = LowRankInput(a: a, targets: targets)
    }
    embedding = inputs.removeValue(forKey: TensorID(.embedding))
    self.inputs = inputs
    widths = file.widths
  }

  /// Whether it has been loaded for the model whose sessions have this memory.
  func belongs(to sessions: SessionMemory) -> Bool { self.sessions === sessions }

  /// The factors of the matrices that read the input of `owner`; nil where none of them is changed.
  subscript(owner: TensorID) -> LowRankInput? { inputs[owner] }
}

/// The factors of the matrices that read an input.
struct LowRankInput: Sendable {
  /// All A, one below the other.
  let a: MatrixView
  let targets: [TensorID: Target]

  struct Target: Sendable {
    let b: MatrixView
    /// The first column of A's product that B reads: a multiple of 32.
    let firstColumn: Int
  }
}

/// An adapter as a session applies it.
public struct AppliedAdapter: Sendable {
  public var adapter: Adapter
  /// What its changes are multiplied by, besides its own scale.
  public var scale: Float

  public init(_ adapter: Adapter, scale: Float = 1) {
    self.adapter = adapter
    self.scale = scale
  }
}

/// The adapters of a sequence, whose changes are added in their order: y = W x + s B (A x) + ...
struct AdapterStack: Sendable, Equatable {
  let adapters: [AppliedAdapter]
  /// By which texts that were read with other adapters, or at other scales, are told apart.
  let identity: [Identity]

  struct Identity: Sendable, Hashable {
    let adapter: Adapter.Identity
    let scale: UInt32
  }

  static let none = AdapterStack([])

  init(_ adapters: [AppliedAdapter]) {
    // What is multiplied by zero changes no bit, and costs nothing then.
    self.adapters = adapters.filter { $0.scale != 0 }
    identity = self.adapters.map { Identity(adapter: $0.adapter.identity, scale: $0.scale.bitPattern) }
  }

  var isEmpty: Bool { adapters.isEmpty }

  static func == (a: AdapterStack, b: AdapterStack) -> Bool { a.identity == b.identity }
}
