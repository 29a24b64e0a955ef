/// The shape of a Jamba model, from a checkpoint's config.json and generation_config.json.
///
/// Names are the checkpoint's, in camel case. Keys that a file leaves out have the defaults of the configuration class
/// in transformers, because transformers leaves out what equals them.
public struct ModelConfiguration: Sendable, Equatable {
  public var vocabSize: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var numHiddenLayers: Int
  public var numAttentionHeads: Int
  public var numKeyValueHeads: Int
  public var headDim: Int
  public var attnLayerPeriod: Int
  public var attnLayerOffset: Int
  public var expertLayerPeriod: Int
  public var expertLayerOffset: Int
  public var numExperts: Int
  public var numExpertsPerTok: Int
  public var mambaDState: Int
  public var mambaDConv: Int
  public var mambaExpand: Int
  public var mambaDtRank: Int
  public var mambaConvBias: Bool
  public var mambaProjBias: Bool
  public var rmsNormEps: Float
  public var tieWordEmbeddings: Bool
  public var maxPositionEmbeddings: Int
  public var bosTokenID: Int?
  public var padTokenID: Int?
  /// Every id that ends a text: those of generation_config.json and of config.json.
  public var eosTokenIDs: [Int]

  /// Channels of the Mamba mixer (`d_inner`).
  public var innerSize: Int { mambaExpand * hiddenSize }

  public enum Mixer: Sendable { case mamba, attention }

  public func mixer(ofLayer layer: Int) -> Mixer {
    layer % attnLayerPeriod == attnLayerOffset ? .attention : .mamba
  }

  /// Experts of a layer's feed-forward part; 1 is a plain MLP.
  public func expertCount(ofLayer layer: Int) -> Int {
    layer % expertLayerPeriod == expertLayerOffset ? numExperts : 1
  }

  public func layers(with mixer: Mixer) -> [Int] {
    (0..<numHiddenLayers).filter { self.mixer(ofLayer: $0) == mixer }
  }
}

/// What is wrong with a config.json: a sentence.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  package init(_ description: String) { self.description = description }
}
