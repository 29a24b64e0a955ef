import JambaFormat
import JambaSystem

/// config.json and generation_config.json, written from the keys of a GGUF file and from which tensors it has.
///
/// GGUF says of each layer what it is where config.json gives periods, so periods that fit are looked for.
struct GGUFConfiguration {
  let config: JSON
  let generation: JSON

  /// - Throws: `unusable` for another architecture, a key that is missing, or layers without a period.
  init(
    _ parts: GGUFParts, _ vocabulary: GGUFVocabulary?, isTied: Bool
  ) throws(ConversionError) {
    let path = parts.files[0].file.path
    func unusable(_ reason: String) -> ConversionError { .unusable(path: path, reason: reason) }
    func integer(_ name: String, in range: ClosedRange<Int>) throws(ConversionError) -> Int {
      guard let value = parts["jamba." + name] else { throw unusable("its key jamba.\(name) is missing") }
      guard let integer = value.integer, range.contains(integer) else {
        throw unusable("its key jamba.\(name) is not a whole number within \(range)")
      }
      return integer
    }
    try GGUFConfiguration.checkKind(parts)

    let layerCount = try integer("block_count", in: 1...4096)
    let hiddenSize = try integer("embedding_length", in: 1...1 << 17)
    let innerSize = try integer("ssm.inner_size", in: 1...1 << 21)
    guard innerSize % hiddenSize == 0 else {
      throw unusable("its jamba.ssm.inner_size, \(innerSize), is no multiple of its width, \(hiddenSize)")
    }
    let headCount = try integer("attention.head_count", in: 1...4096)
    guard let epsilon = parts["jamba.attention.layer_norm_rms_epsilon"]?.number else {
      throw unusable("its key jamba.attention.layer_norm_rms_epsilon is missing or no number")
    }

    let keyValueHeads = try GGUFConfiguration.keyValueHeads(parts, layerCount: layerCount)
    let counts = Set(keyValueHeads).subtracting([0])
    guard counts.count <= 1 else {
      throw unusable("its attention layers have different numbers of key-value heads, \(counts.sorted())")
    }
    let attention = try period(of: keyValueHeads.map { $0 > 0 }, "attention", path)

    let names = Set(parts.tensors.map { ExactString($0.tensor.name) })
    func holds(_ role: TensorRole, _ layer: Int) -> Bool {
      names.contains(ExactString(GGUFNames.name(role, layer: layer)))
    }
    let expertCount = parts["jamba.expert_count"] == nil ? 0 : try integer("expert_count", in: 0...1024)
    // Those of the configuration class, for a model without experts.
    var experts = (period: 2, offset: 1)
    if expertCount > 1 {
      experts = try period(of: (0..<layerCount).map { holds(.router, $0) }, "mixture-of-experts", path)
    }
    let mamba = keyValueHeads.firstIndex(of: 0)

    var config: JSONObject = [
      "architectures": .array([.string("JambaForCausalLM")]),
      "model_type": .string("jamba"),
      "hidden_act": .string("silu"),
      "vocab_size": .integer(try GGUFConfiguration.vocabularySize(parts, vocabulary)),
      "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(try integer("feed_forward_length", in: 1...1 << 20)),
      "num_hidden_layers": .integer(layerCount),
      "num_attention_heads": .integer(headCount),
      "num_key_value_heads": .integer(counts.first ?? headCount),
      "attn_layer_period": .integer(attention.period),
      "attn_layer_offset": .integer(attention.offset),
      "expert_layer_period": .integer(experts.period),
      "expert_layer_offset": .integer(experts.offset),
      "num_experts": .integer(max(expertCount, 1)),
      "num_experts_per_tok": .integer(expertCount > 1 ? try integer("expert_used_count", in: 1...expertCount) : 1),
      "mamba_d_state": .integer(try integer("ssm.state_size", in: 1...128)),
      "mamba_d_conv": .integer(try integer("ssm.conv_kernel", in: 1...32)),
      "mamba_expand": .integer(innerSize / hiddenSize),
      "mamba_dt_rank": .integer(try integer("ssm.time_step_rank", in: 1...1 << 17)),
      "mamba_conv_bias": .bool(mamba.map { holds(.convolutionBias, $0) } ?? true),
      "mamba_proj_bias": .bool(mamba.map { holds(.inBias, $0) } ?? false),
      "rms_norm_eps": .number(Double("\(Float(epsilon))") ?? epsilon),
      "tie_word_embeddings": .bool(isTied),
    ]
    if parts["jamba.context_length"] != nil {
      config["max_position_embeddings"] = .integer(try integer("context_length", in: 1...1 << 30))
    }
    if parts["jamba.attention.key_length"] != nil {
      config["head_dim"] = .integer(try integer("attention.key_length", in: 1...512))
    }
    var generation: JSONObject = [:]
    if let vocabulary {
      for (name, id) in [
        ("bos_token_id", vocabulary.bos), ("eos_token_id", vocabulary.eos), ("pad_token_id", vocabulary.padding),
      ] {
        if let id { config[name] = .integer(id) }
      }
      if let bos = vocabulary.bos { generation["bos_token_id"] = .integer(bos) }
      generation["eos_token_id"] = .array(vocabulary.ends.map { .integer($0) })
    }
    self.config = .object(config)
    self.generation = .object(generation)
  }

  private static func checkKind(_ parts: GGUFParts) throws(ConversionError) {
    let path = parts.files[0].file.path
    let type = parts["general.type"]?.text ?? "model"
    guard type == "model" else {
      let hint = type == "adapter" ? "; give its base, and this file with --adapter" : ""
      throw .unusable(path: path, reason: "it is a GGUF file of type \(type), not a model\(hint)")
    }
    guard let architecture = parts["general.architecture"]?.text else {
      throw .unusable(path: path, reason: "its key general.architecture is missing")
    }
    guard architecture == "jamba" else {
      throw .unusable(path: path, reason: "it is a \(architecture) model; only \"jamba\" can be converted")
    }
  }

  /// Key-value heads of each layer, none in a Mamba layer.
  private static func keyValueHeads(_ parts: GGUFParts, layerCount: Int) throws(ConversionError) -> [Int] {
    let value = parts["jamba.attention.head_count_kv"]
    let heads = value?.integer.map { [Int](repeating: $0, count: layerCount) } ?? value?.integers ?? []
    guard heads.count == layerCount, heads.allSatisfy({ 0...4096 ~= $0 }) else {
      throw .unusable(
        path: parts.files[0].file.path,
        reason:
          "its key jamba.attention.head_count_kv does not say how many key-value heads each of \(layerCount) layers has"
      )
    }
    return heads
  }

  /// The number of tokens, or in a file without any that of the embedding's rows.
  private static func vocabularySize(
    _ parts: GGUFParts, _ vocabulary: GGUFVocabulary?
  ) throws(ConversionError) -> Int {
    if let vocabulary { return vocabulary.tokens.count }
    guard let embedding = parts.tensors.first(where: { $0.tensor.name == GGUFNames.embedding }) else {
      throw .unusable(path: parts.files[0].file.path, reason: "it has neither tokens nor \(GGUFNames.embedding)")
    }
    return embedding.tensor.shape[0]
  }
}

/// A period and an offset by which layers are those that are marked. Of several, one whose period divides the number of layers, as
/// published models have it, and else the shortest.
private func period(
  of isMarked: [Bool], _ noun: String, _ path: String
) throws(ConversionError) -> (period: Int, offset: Int) {
  let count = isMarked.count
  guard let offset = isMarked.firstIndex(of: true) else { return (count + 1, count) }
  let fitting = (offset + 1...count).filter { period in
    isMarked.indices.allSatisfy { ($0 % period == offset) == isMarked[$0] }
  }
  guard let period = fitting.first(where: { count % $0 == 0 }) ?? fitting.first else {
    let layers = isMarked.indices.filter { isMarked[$0] }.map(String.init).joined(separator: ", ")
    throw .unusable(path: path, reason: "its \(noun) layers, \(layers), are at no equal distances")
  }
  return (period, offset)
}
