/// A tensor of the model as a .jamba file stores it.
public struct TensorSpecification: Sendable, Equatable {
  public enum Kind: Sendable {
    /// A weight matrix `[outputs, inputs]`, quantized by the recipe.
    case matrix
    /// Numbers that stay float32: norms, biases, convolution, `A`, `D`.
    case vector
  }

  package let id: TensorID
  public let name: String
  public let kind: Kind
  public let shape: [Int]

  package init(_ id: TensorID, in configuration: ModelConfiguration) {
    let traits = id.role.traits
    self.id = id
    name = id.name
    kind = traits.kind
    shape = traits.shape(in: configuration)
  }
}

/// The tensors of a model, under the checkpoint's names except where the content is another:
/// `mamba.A` is `-exp(A_log)` and it and `mamba.conv1d.weight` are transposed, so that a channel is a lane.
public struct ModelTensors: Sendable {
  public let configuration: ModelConfiguration

  public init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  /// The tensor under whose name the moments of a matrix's input are kept; nil for those that have none: vectors, matrices
  /// that are never quantized, and an embedding whose rows are looked up.
  package func momentsOwner(of id: TensorID) -> TensorID? {
    let traits = id.role.traits
    guard traits.kind == .matrix, traits.leastPrecision == nil else { return nil }
    return id.role == .embedding && !configuration.tieWordEmbeddings ? nil : id.inputOwner
  }

  /// How many columns a block of moments may have: multiples of 64.
  package static let momentBlocks = 64...512

  /// Blocks as equal as may be, of at most `limit` columns.
  package static func momentBlock(columns: Int, limit: Int) -> Int {
    let count = (columns + limit - 1) / limit
    return ((columns + count - 1) / count + 63) / 64 * 64
  }

  /// The three matrices of expert `expert` of a layer, in the order of its segment.
  public func expert(_ expert: Int, ofLayer layer: Int) -> [TensorSpecification] {
    TensorRole.allCases.filter { $0.traits.place == .feedForward }
      .map { TensorSpecification(TensorID($0, layer: layer, expert: expert), in: configuration) }
  }

  /// All tensors of a layer but the experts'.
  public func layer(_ layer: Int) -> [TensorSpecification] {
    let (mixer, isMixture) = (configuration.mixer(ofLayer: layer), configuration.expertCount(ofLayer: layer) > 1)
    return specifications(layer: layer) { place in
      switch place {
      case .outside, .model: false
      case .layer: true
      case .mamba: mixer == .mamba
      case .attention: mixer == .attention
      case .feedForward: !isMixture
      case .mixture: isMixture
      }
    }
  }

  /// The tensors of no layer.
  public var outer: [TensorSpecification] { specifications(layer: nil) { !$0.isInLayer } }

  private func specifications(
    layer: Int?, where isThere: (TensorTraits.Place) -> Bool
  ) -> [TensorSpecification] {
    TensorRole.allCases.filter { isThere($0.traits.place) && $0.traits.condition.holds(for: configuration) }
      .map { TensorSpecification(TensorID($0, layer: layer), in: configuration) }
  }

  /// Every tensor of the model.
  public var all: [TensorSpecification] {
    var tensors = outer
    for layer in 0..<configuration.numHiddenLayers {
      tensors += self.layer(layer)
      let experts = configuration.expertCount(ofLayer: layer)
      if experts > 1 { for expert in 0..<experts { tensors += self.expert(expert, ofLayer: layer) } }
    }
    return tensors
  }
}

/// Names of the documents in a .jamba file.
public enum DocumentName {
  public static let configuration = "config.json"
  public static let generationConfiguration = "generation_config.json"
  public static let tokenizer = "tokenizer.json"
  /// The tokenizer of a model that has a SentencePiece file instead of tokenizer.json.
  public static let sentencePiece = "tokenizer.model"
  public static let tokenizerConfiguration = "tokenizer_config.json"
  public static let chatTemplate = "chat_template.jinja"
  /// What the file was made from, by which recipe and program.
  public static let provenance = "provenance.json"
  /// What an adapter's file holds, which has no weights of a model.
  public static let adapter = "adapter.json"
}
