import JambaFormat
import JambaSystem

/// What PEFT's adapter_config.json says of an adapter of the method LoRA.
struct PEFTConfiguration: Sendable {
  /// The method, for reports.
  var kind: String { usesDoRA ? "PEFT DoRA" : "PEFT LoRA" }
  let usesDoRA: Bool
  /// What should be known of it.
  let notes: [String]

  private let path: String
  private let rank: Int
  private let alpha: Double
  /// Whether the scale is alpha by the root of the rank.
  private let isRankStabilized: Bool
  private let rankPatterns: [(pattern: ModulePattern, value: Double)]
  private let alphaPatterns: [(pattern: ModulePattern, value: Double)]
  private let targetParameters: [String]
  /// Tokens that have rows of their own, by the end of a module's name.
  private let tokens: [(module: String, tokens: [Int])]

  /// - Throws: `adapter` for another method, and for what changes more than the tensors that the file holds.
  init(_ json: JSON, path: String) throws(ConversionError) {
    func refuse(_ reason: String) -> ConversionError { .adapter(path: path, reason: reason) }
    let method = json["peft_type"]?.string ?? "none"
    guard method == "LORA" else {
      throw refuse("its method is \(method); adapters of LORA, with DoRA or without, are merged")
    }
    try PEFTConfiguration.checkInitialization(json["init_lora_weights"], path)
    let notes = try PEFTConfiguration.checkSettings(json, path)

    self.path = path
    self.notes = notes
    usesDoRA = json["use_dora"]?.bool ?? false
    isRankStabilized = json["use_rslora"]?.bool ?? false
    guard let rank = json["r"]?.integer, rank > 0, rank <= 1 << 24 else { throw refuse("its r is no rank") }
    self.rank = rank
    guard let alpha = json["lora_alpha"]?.double, alpha.isFinite else { throw refuse("its lora_alpha is no number") }
    self.alpha = alpha
    rankPatterns = try PEFTConfiguration.patterns("rank_pattern", json, path)
    alphaPatterns = try PEFTConfiguration.patterns("alpha_pattern", json, path)
    targetParameters = (json["target_parameters"]?.array ?? []).compactMap(\.string)
    tokens = try PEFTConfiguration.tokens(json["trainable_token_indices"], path)
  }

  /// The tokens whose rows a module's tensor holds; nil for one that the settings do not name.
  func tokens(of module: String) -> [Int]? {
    tokens.first { module == $0.module || module.hasSuffix("." + $0.module) }?.tokens
  }

  /// A list is of the embedding.
  private static func tokens(
    _ value: JSON?, _ path: String
  ) throws(ConversionError) -> [(module: String, tokens: [Int])] {
    guard let value, !value.isNull else { return [] }
    let members = value.object?.members.map { ($0.key, $0.value) } ?? [("embed_tokens", value)]
    var result: [(module: String, tokens: [Int])] = []
    for (module, list) in members {
      let tokens = list.array?.compactMap(\.integer) ?? []
      guard !tokens.isEmpty, tokens.count == list.array?.count, Set(tokens).count == tokens.count else {
        throw .adapter(path: path, reason: "its trainable_token_indices are no list of different tokens")
      }
      result.append((module, tokens))
    }
    return result
  }

  /// The scale of a module's product.
  ///
  /// - Parameters:
  ///   - module: as the adapter names it.
  ///   - target: the tensor that it changes.
  ///   - rank: that of its factors.
  /// - Throws: `adapter` when the configuration says another rank.
  func scale(of module: String, _ target: String, rank: Int) throws(ConversionError) -> Double {
    // PEFT matches the name of a module, or, of one that is a parameter, the parameter's.
    let isParameter = targetParameters.contains { target == $0 || target.hasSuffix("." + $0) }
    let name = isParameter ? target : module
    func value(_ patterns: [(pattern: ModulePattern, value: Double)]) -> Double? {
      patterns.first { $0.pattern.matches(name) }?.value
    }
    let expected = value(rankPatterns).flatMap { Int(exactly: $0) } ?? self.rank
    guard rank == expected else {
      throw .adapter(
        path: path, reason: "\(module) has rank \(rank) where \(AdapterFolder.configurationName) says \(expected)")
    }
    let alpha = value(alphaPatterns) ?? self.alpha
    return alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))
  }

  private static func patterns(
    _ key: String, _ json: JSON, _ path: String
  ) throws(ConversionError) -> [(pattern: ModulePattern, value: Double)] {
    guard let value = json[key], !value.isNull else { return [] }
    guard let object = value.object else { throw .adapter(path: path, reason: "its \(key) makes no sense") }
    var patterns: [(pattern: ModulePattern, value: Double)] = []
    for (text, value) in object.members {
      guard let number = value.double, number.isFinite else {
        throw .adapter(path: path, reason: "its \(key) has no number for \(text)")
      }
      do throws(ModulePattern.Fault) { patterns.append((try ModulePattern(text), number)) } catch {
        throw .adapter(path: path, reason: "its \(key) has the pattern \(text), which is not read: \(error.reason)")
      }
    }
    return patterns
  }

  /// Ways to begin that change the model's own weights as well, which the file does not hold.
  private static func checkInitialization(_ value: JSON?, _ path: String) throws(ConversionError) {
    guard let name = value?.string else { return }
    let isPlain = ["gaussian", "eva", "orthogonal", "mica", "true", "false"].contains(name.lowercased())
    guard isPlain else {
      throw .adapter(
        path: path,
        reason: "its init_lora_weights, \(name), changes weights of the model that it does not hold; save it with "
          + "path_initial_model_for_weight_conversion, which makes it a plain LoRA adapter, or merge it with peft")
    }
  }

  /// - Returns: notes on settings that are not known.
  private static func checkSettings(_ json: JSON, _ path: String) throws(ConversionError) -> [String] {
    func refuse(_ key: String, _ reason: String) -> ConversionError {
      .adapter(path: path, reason: "its \(key) is set: \(reason)")
    }
    for (key, reason) in refused where isSet(json[key]) { throw refuse(key, reason) }
    let bias = json["bias"]?.string ?? "none"
    guard ["none", "all", "lora_only"].contains(bias) else { throw refuse("bias", "\(bias) is not known") }
    var notes: [String] = []
    for (key, value) in json.object?.members.map({ ($0.key, $0.value) }) ?? []
    where isSet(value) && !known.contains(key) {
      guard !key.hasPrefix("use_"), !key.hasSuffix("_config") else { throw refuse(key, "what it does is not known") }
      notes.append("\(AdapterFolder.configurationName) of \(path) sets \(key), which is not known and left alone")
    }
    return notes
  }

  /// Whether a setting does anything.
  private static func isSet(_ value: JSON?) -> Bool {
    switch value {
    case nil, .null?, .bool(false)?: false
    case .array(let elements)?: !elements.isEmpty
    case .object(let object)?: object.count > 0
    case .string(let text)?: !text.isEmpty
    default: true
    }
  }

  private static let refused: [(String, String)] = [
    ("layer_replication", "it makes layers that the model does not have"),
    ("use_qalora", "its products are of groups of inputs"),
    ("alora_invocation_tokens", "it works behind certain tokens alone, so that it cannot be merged"),
    ("arrow_config", "it is one of several that a router chooses from"),
    ("use_bdlora", "its factors are in blocks"),
    ("kasa_config", "its product has a third factor"),
    ("lora_bias", "biases of products are not merged"),
    ("megatron_config", "its layers are those of another model"),
  ]

  /// Settings that are read, or that the merged weights do not depend on.
  private static let known: Set<String> = [
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying",
    "eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern",
    "layers_to_transform", "loftq_config", "lora_alpha", "lora_dropout", "lora_ga_config", "megatron_core",
    "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "r", "rank_pattern", "revision",
    "runtime_config", "target_modules", "target_parameters", "task_type", "trainable_token_indices", "use_dora", "use_rslora", "velora_config",
  ]
}
