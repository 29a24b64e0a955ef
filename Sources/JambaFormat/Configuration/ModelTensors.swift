/// A tensor of the model as a .jamba file stores it.
public struct TensorSpecification: Sendable, Equatable {
  public enum Kind: Sendable {
    /// A weight matrix `[outputs, inputs]`, quantized by the recipe.
    case matrix
    /// Numbers that stay float32: norms, biases, convolution, `A`, `D`.
    case vector
  }

  public let name: String
  public let kind: Kind
  public let shape: [Int]
}

/// The tensors of a model, under the checkpoint's names except where the content is another:
/// `mamba.A` is `-exp(A_log)` and it and `mamba.conv1d.weight` are transposed, so that a channel is a lane.
public struct ModelTensors: Sendable {
  public let configuration: ModelConfiguration

  public init(_ configuration: ModelConfiguration) { self.configuration = configuration }

  public static let embedding = "model.embed_tokens.weight"
  public static let finalNorm = "model.final_layernorm.weight"
  public static let head = "lm_head.weight"

  public static func layerPrefix(_ layer: Int) -> String { "model.layers.\(layer)." }

  /// Whether a tensor belongs to one expert of a mixture.
  public static func isExpert(_ name: String) -> Bool { name.contains(".feed_forward.experts.") }

  /// The name under which the moments of a matrix's input are kept: matrices that read the same input share those of the
  /// first.
  package static func inputName(of matrix: String) -> String {
    for (ending, first) in [("up_proj.weight", "gate"), ("k_proj.weight", "q"), ("v_proj.weight", "q")]
    where matrix.hasSuffix("." + ending) {
      return matrix.dropLast(ending.count) + first + "_proj.weight"
    }
    return matrix
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
    feedForward(prefix: ModelTensors.layerPrefix(layer) + "feed_forward.experts.\(expert).")
  }

  private func feedForward(prefix: String) -> [TensorSpecification] {
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
    return [
      .init(name: prefix + "gate_proj.weight", kind: .matrix, shape: [intermediate, hidden]),
      .init(name: prefix + "up_proj.weight", kind: .matrix, shape: [intermediate, hidden]),
      .init(name: prefix + "down_proj.weight", kind: .matrix, shape: [hidden, intermediate]),
    ]
  }

  /// All tensors of a layer but the experts'.
  public func layer(_ layer: Int) -> [TensorSpecification] {
    let c = configuration
    let prefix = ModelTensors.layerPrefix(layer)
    var tensors: [TensorSpecification] = [
      .init(name: prefix + "input_layernorm.weight", kind: .vector, shape: [c.hiddenSize]),
      .init(name: prefix + "pre_ff_layernorm.weight", kind: .vector, shape: [c.hiddenSize]),
    ]
    func vector(_ name: String, _ shape: Int...) {
      tensors.append(.init(name: prefix + name, kind: .vector, shape: shape))
    }
    func matrix(_ name: String, _ rows: Int, _ columns: Int) {
      tensors.append(.init(name: prefix + name, kind: .matrix, shape: [rows, columns]))
    }
    switch c.mixer(ofLayer: layer) {
    case .mamba:
      matrix("mamba.in_proj.weight", 2 * c.innerSize, c.hiddenSize)
      if c.mambaProjBias { vector("mamba.in_proj.bias", 2 * c.innerSize) }
      vector("mamba.conv1d.weight", c.mambaDConv, c.innerSize)
      if c.mambaConvBias { vector("mamba.conv1d.bias", c.innerSize) }
      matrix("mamba.x_proj.weight", c.mambaDtRank + 2 * c.mambaDState, c.innerSize)
      vector("mamba.dt_layernorm.weight", c.mambaDtRank)
      vector("mamba.b_layernorm.weight", c.mambaDState)
      vector("mamba.c_layernorm.weight", c.mambaDState)
      matrix("mamba.dt_proj.weight", c.innerSize, c.mambaDtRank)
      vector("mamba.dt_proj.bias", c.innerSize)
      vector("mamba.A", c.mambaDState, c.innerSize)
      vector("mamba.D", c.innerSize)
      matrix("mamba.out_proj.weight", c.hiddenSize, c.innerSize)
      if c.mambaProjBias { vector("mamba.out_proj.bias", c.hiddenSize) }
    case .attention:
      matrix("self_attn.q_proj.weight", c.numAttentionHeads * c.headDim, c.hiddenSize)
      matrix("self_attn.k_proj.weight", c.numKeyValueHeads * c.headDim, c.hiddenSize)
      matrix("self_attn.v_proj.weight", c.numKeyValueHeads * c.headDim, c.hiddenSize)
      matrix("self_attn.o_proj.weight", c.hiddenSize, c.numAttentionHeads * c.headDim)
    }
    if c.expertCount(ofLayer: layer) > 1 {
      matrix("feed_forward.router.weight", c.numExperts, c.hiddenSize)
    } else {
      tensors += feedForward(prefix: prefix + "feed_forward.")
    }
    return tensors
  }

  /// The tensors of no layer.
  public var outer: [TensorSpecification] {
    let c = configuration
    var tensors: [TensorSpecification] = [
      .init(name: ModelTensors.embedding, kind: .matrix, shape: [c.vocabSize, c.hiddenSize]),
      .init(name: ModelTensors.finalNorm, kind: .vector, shape: [c.hiddenSize]),
    ]
    if !c.tieWordEmbeddings {
      tensors.append(.init(name: ModelTensors.head, kind: .matrix, shape: [c.vocabSize, c.hiddenSize]))
    }
    return tensors
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
  public static let tokenizerConfiguration = "tokenizer_config.json"
  public static let chatTemplate = "chat_template.jinja"
  /// What the file was made from, by which recipe and program.
  public static let provenance = "provenance.json"
}
