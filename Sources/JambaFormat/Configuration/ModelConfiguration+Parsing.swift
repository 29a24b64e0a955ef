import JambaSystem

extension ModelConfiguration {
  /// Experts of all layers: a config.json of a few bytes must not ask for millions of tensors. Jamba Large has 1152.
  private static let maximumExpertCount = 1 << 16

  /// Reads config.json and, where there is one, generation_config.json.
  ///
  /// - Throws: `ConfigurationError` for another architecture, a missing or absurd value, or a feature that the
  ///   runtime lacks.
  public init(_ config: JSON, generation: JSON? = nil) throws(ConfigurationError) {
    guard config.object != nil else { throw ConfigurationError("config.json is not a JSON object") }
    if let type = config["model_type"], !type.isNull, type.string != "jamba" {
      throw ConfigurationError("config.json describes a \(type.text()) model; only \"jamba\" can be converted")
    }
    guard config["model_type"]?.isNull == false || config["mamba_d_state"] != nil else {
      throw ConfigurationError("config.json does not say \"model_type\": \"jamba\"")
    }

    func integer(_ keys: String..., or standard: Int? = nil, in range: ClosedRange<Int>) throws(ConfigurationError)
      -> Int
    {
      let key = keys.first { config[$0].map { !$0.isNull } ?? false }
      guard let value = key.map({ config[$0]!.integer }) ?? standard else {
        throw ConfigurationError("config.json: \(keys[0]) is missing or not a whole number")
      }
      guard range.contains(value) else {
        throw ConfigurationError("config.json: \(keys[0]) is \(value), which is not within \(range)")
      }
      return value
    }
    func flag(_ key: String, or standard: Bool) throws(ConfigurationError) -> Bool {
      guard let value = config[key], !value.isNull else { return standard }
      guard let bool = value.bool else { throw ConfigurationError("config.json: \(key) is neither true nor false") }
      return bool
    }

    if let activation = config["hidden_act"], !activation.isNull {
      // Two names of one function.
      guard ["silu", "swish"].contains(activation.string) else {
        throw ConfigurationError("config.json: hidden_act \(activation.text()) is not supported, only \"silu\"")
      }
    }

    vocabSize = try integer("vocab_size", or: 65536, in: 1...1 << 24)
    hiddenSize = try integer("hidden_size", or: 4096, in: 1...1 << 17)
    intermediateSize = try integer("intermediate_size", or: 14336, in: 1...1 << 20)
    numHiddenLayers = try integer("num_hidden_layers", or: 32, in: 1...4096)
    numAttentionHeads = try integer("num_attention_heads", or: 32, in: 1...4096)
    numKeyValueHeads =
      config["num_key_value_heads"].map { $0.isNull } ?? false
      ? numAttentionHeads : try integer("num_key_value_heads", or: 8, in: 1...4096)
    headDim = try integer("head_dim", or: hiddenSize / numAttentionHeads, in: 1...512)
    attnLayerPeriod = try integer("attn_layer_period", or: 8, in: 1...4096)
    attnLayerOffset = try integer("attn_layer_offset", or: 4, in: 0...4095)
    expertLayerPeriod = try integer("expert_layer_period", or: 2, in: 1...4096)
    expertLayerOffset = try integer("expert_layer_offset", or: 1, in: 0...4095)
    numExperts = try integer("num_experts", "num_local_experts", or: 16, in: 1...1024)
    numExpertsPerTok = try integer("num_experts_per_tok", or: 2, in: 1...1024)
    mambaDState = try integer("mamba_d_state", or: 16, in: 1...128)
    mambaDConv = try integer("mamba_d_conv", or: 4, in: 1...32)
    mambaExpand = try integer("mamba_expand", or: 2, in: 1...16)
    mambaDtRank =
      config["mamba_dt_rank"]?.string == "auto"
      ? (hiddenSize + 15) / 16 : try integer("mamba_dt_rank", or: (hiddenSize + 15) / 16, in: 1...1 << 17)
    mambaConvBias = try flag("mamba_conv_bias", or: true)
    mambaProjBias = try flag("mamba_proj_bias", or: false)
    tieWordEmbeddings = try flag("tie_word_embeddings", or: false)
    maxPositionEmbeddings = try integer("max_position_embeddings", "n_ctx", or: 262144, in: 1...1 << 30)

    let epsilon = config["rms_norm_eps"] ?? .null
    rmsNormEps = Float(epsilon.isNull ? 1e-6 : epsilon.double ?? .nan)
    guard rmsNormEps > 0, rmsNormEps < 1 else {
      throw ConfigurationError("config.json: rms_norm_eps is \(epsilon.text()), which is not between 0 and 1")
    }

    let ids = 0...vocabSize - 1
    func tokens(_ value: JSON?) -> [Int] {
      (value?.array ?? value.map { [$0] } ?? []).compactMap(\.integer).filter(ids.contains)
    }
    bosTokenID = tokens(config["bos_token_id"]).first ?? tokens(generation?["bos_token_id"]).first
    padTokenID = tokens(config["pad_token_id"]).first
    eosTokenIDs = []
    for id in tokens(generation?["eos_token_id"]) + tokens(config["eos_token_id"]) where !eosTokenIDs.contains(id) {
      eosTokenIDs.append(id)
    }

    guard attnLayerOffset < attnLayerPeriod, expertLayerOffset < expertLayerPeriod else {
      throw ConfigurationError("config.json: a layer offset is not smaller than its period")
    }
    guard numAttentionHeads % numKeyValueHeads == 0 else {
      throw ConfigurationError(
        "config.json: \(numAttentionHeads) attention heads cannot share \(numKeyValueHeads) key-value heads")
    }
    guard numHiddenLayers * numExperts <= ModelConfiguration.maximumExpertCount else {
      throw ConfigurationError(
        "config.json: \(numHiddenLayers) layers of \(numExperts) experts are more than any model has")
    }
    guard numExpertsPerTok <= max(numExperts, 1) || numExperts == 1 else {
      throw ConfigurationError("config.json: \(numExpertsPerTok) experts a token of only \(numExperts)")
    }
  }
}
