import Jamba
import JambaSystem

/// The model, alone or with an adapter, in Ollama's words.
struct OllamaModel {
  private let model: JambaModel
  private let name: String
  private let adapter: ServedAdapter?
  private let loaded: WallClock
  private let defaultMaxTokens: Int

  /// - Parameter loaded: when the model has been.
  init(_ model: JambaModel, _ options: ServerOptions, _ adapter: ServedAdapter?, loaded: WallClock) {
    self.model = model
    self.adapter = adapter
    name = options.modelName(with: adapter)
    defaultMaxTokens = options.defaultMaxTokens
    self.loaded = loaded
  }

  /// An entry of /api/tags.
  var listed: JSONObject {
    [
      "name": .string(name), "model": .string(name), "modified_at": .string(loaded.text),
      "size": .integer(model.file.byteCount), "digest": .string(digest), "details": details,
    ]
  }

  /// An entry of /api/ps: it stays as long as the server runs.
  var running: JSONObject {
    var entry = listed
    entry["modified_at"] = nil
    entry["expires_at"] = .string(WallClock(seconds: loaded.seconds + 100 * 365 * 86_400).text)
    entry["size_vram"] = .integer(0)
    entry["context_length"] = .integer(context)
    return entry
  }

  /// The answer of /api/show.
  var shown: JSONObject {
    [
      "modelfile": .string("FROM \(name)\n"),
      "parameters": .string("num_ctx \(context)\nnum_predict \(defaultMaxTokens)\ntemperature 1\ntop_p 1"),
      "template": .string(model.chatTemplate?.source ?? ""), "details": details, "model_info": .object(information),
      "capabilities": .array(capabilities.map { .string($0) }), "modified_at": .string(loaded.text),
    ]
  }

  private var context: Int { model.textLimit ?? model.configuration.maxPositionEmbeddings }

  private var capabilities: [String] {
    ["completion"] + (model.callsTools ? ["tools"] : []) + (model.thinksAloud ? ["thinking"] : [])
  }

  private var details: JSON {
    .object([
      "parent_model": .string(""), "format": .string("jamba"), "family": .string("jamba"),
      "families": .array([.string("jamba")]), "parameter_size": .string(parameterSize),
      "quantization_level": .string(quantization),
    ])
  }

  private var parameterSize: String {
    let count = Double(model.file.directory.parameterCount)
    let (unit, letter) = count >= 1e9 ? (1e9, "B") : count >= 1e6 ? (1e6, "M") : (1e3, "K")
    let tenths = Int((count / unit * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)\(letter)"
  }

  /// The type that most weights have.
  private var quantization: String {
    var counts: [String: Int] = [:]
    for entry in model.file.directory.entries where entry.type.isMatrix {
      counts[entry.type.name, default: 0] += entry.elementCount
    }
    return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key.uppercased() ?? ""
  }

  /// 64 digits, as clients expect them, that another file has others of; no sum of the whole file is taken.
  private var digest: String {
    let own = adapter.map {
      UInt64($0.applied.adapter.file.file.directoryChecksum) << 16 ^ UInt64($0.applied.scale.bitPattern) << 8
    } ?? 0
    var numbers = SplitMix64(seed: UInt64(model.file.directoryChecksum) << 32 ^ UInt64(model.file.byteCount) ^ own)
    return (0..<4).map { _ in
      let text = String(numbers.next(), radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
  }

  /// By the names of GGUF's keys.
  private var information: JSONObject {
    let c = model.configuration
    let numbers: [(String, Int)] = [
      ("general.parameter_count", model.file.directory.parameterCount), ("jamba.context_length", context),
      ("jamba.embedding_length", c.hiddenSize), ("jamba.block_count", c.numHiddenLayers),
      ("jamba.feed_forward_length", c.intermediateSize), ("jamba.vocab_size", c.vocabSize),
      ("jamba.attention.head_count", c.numAttentionHeads), ("jamba.attention.head_count_kv", c.numKeyValueHeads),
      ("jamba.expert_count", c.numExperts), ("jamba.expert_used_count", c.numExpertsPerTok),
      ("jamba.ssm.conv_kernel", c.mambaDConv), ("jamba.ssm.inner_size", c.innerSize),
      ("jamba.ssm.state_size", c.mambaDState), ("jamba.ssm.time_step_rank", c.mambaDtRank),
    ]
    var information: JSONObject = ["general.architecture": .string("jamba"), "general.basename": .string(name)]
    for (name, value) in numbers { information[name] = .integer(value) }
    // As short as a float32 is written.
    information["jamba.attention.layer_norm_rms_epsilon"] = .number(Double("\(c.rmsNormEps)") ?? 0)
    return information
  }
}
