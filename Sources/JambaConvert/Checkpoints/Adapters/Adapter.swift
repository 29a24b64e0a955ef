import JambaFormat
import JambaSystem

/// An adapter that shall be merged into a checkpoint's weights, and how strongly.
public struct AdapterSource: Sendable {
  /// A folder of PEFT or MLX, the safetensors file in one, or a GGUF file.
  public var path: String
  /// What the adapter's changes are multiplied by, besides its own scale. Whole tensors that it holds are taken as they are.
  public var scale: Double

  public init(path: String, scale: Double = 1) {
    self.path = path
    self.scale = scale
  }
}

/// What an adapter's files hold, whatever their format. A format is a function that makes one.
struct Adapter: Sendable {
  let path: String
  /// Format and method, such as "PEFT DoRA".
  let kind: String
  let pairs: [LowRankPair]
  let wholes: [WholeTensor]
  var tokenRows: [TokenRows] = []
  /// The names by which it knows the model's tensors.
  let names: TensorNames
  let origin: CheckpointOrigin.Adapter
  /// Sentences without a full stop.
  var notes: [String] = []

  /// Two factors whose product is added to a tensor.
  struct LowRankPair: Sendable {
    /// The adapter's name for what it changes, for errors.
    let module: String
    /// Tensors of the model that may be meant; shapes decide.
    let targets: [String]
    /// `[rows, rank]`
    let left: Factor
    /// `[rank, columns]`
    let right: Factor
    /// DoRA's lengths of the sum's rows, or columns.
    var magnitude: Magnitude?
    /// Whether it changes an embedding that is the head as well in both of its parts, as MLX does.
    var isForBothParts = false
    /// What the product is multiplied by.
    ///
    /// - Parameters: the target, and the rank.
    let scale: @Sendable (String, Int) throws(ConversionError) -> Double
  }

  struct Factor: Sendable {
    let tensor: AdapterTensor
    var isTransposed = false

    /// Extents, but for those of the experts where it has three dimensions.
    var rowCount: Int { isTransposed ? tensor.shape[tensor.shape.count - 1] : tensor.shape[tensor.shape.count - 2] }
    var columnCount: Int { isTransposed ? tensor.shape[tensor.shape.count - 2] : tensor.shape[tensor.shape.count - 1] }
  }

  struct Magnitude: Sendable {
    let tensor: AdapterTensor
    let axis: LowRankUpdate.Axis
  }

  /// Rows of single tokens that take the place of an embedding's.
  struct TokenRows: Sendable {
    let target: String
    let tokens: [Int]
    /// `[tokens, width]`
    let tensor: AdapterTensor
  }

  /// A tensor that takes the place of the model's.
  struct WholeTensor: Sendable {
    let target: String
    let tensor: AdapterTensor
    /// Whether it is what a pair is added to, so that it stays one matrix with what it is tied to.
    let isBase: Bool
  }
}

/// Opens an adapter for a model: what lies at the path says which format it is.
///
/// - Throws: `adapter` for what is none, or cannot be merged, with the reason.
func openAdapter(_ path: String, for configuration: ModelConfiguration) throws(ConversionError) -> Adapter {
  if GGUFCheckpoint.isOne(path) { return try .gguf(path, configuration) }
  if let cached = CheckpointLocation.cached(path, holding: AdapterFolder.configurationName) {
    return try AdapterFolder(cached).open(configuration)
  }
  var folder = path
  var name: String?
  if !FileSystem.isDirectory(path) {
    guard FileSystem.exists(path) else { throw .adapter(path: path, reason: "there is no such file or folder") }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    name = parts.last.map(String.init)
    folder = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/")
    if folder.isEmpty { folder = "/" }
    guard name?.hasSuffix(".safetensors") == true else {
      throw .adapter(
        path: path, reason: AdapterFolder.conversion(of: path) ?? "it is neither a safetensors file nor a GGUF file")
    }
  }
  return try AdapterFolder(folder, file: name).open(configuration)
}
