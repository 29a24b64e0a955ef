import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport

extension FuzzTarget {
  /// A .safetensors file beside a sound config.json.
  static let safetensors = FuzzTarget(
    "safetensors", dictionary: tensorWords, shortCount: 9000,
    fixtures: {
      let embedding = TensorFile.Tensor(type: "BF16", shape: [4, 8], bytes: Array(0..<64))
      var file = TensorFile()
      file.tensors = [
        "model.embed_tokens.weight": embedding,
        "model.layers.0.input_layernorm.weight": .init(type: "F32", shape: [8], bytes: Array(0..<32)),
      ]
      let path = Scratch.path("seed.safetensors")
      try file.save(to: path)
      return [try bytes(of: path), try bytes(of: Fixtures.adapter("tokens") + "/adapter_model.safetensors")]
    },
    run: { bytes in
      readFolder(configurationText, bytes)
    })

  /// Quantized weights: config.json, the header's JSON, and the tensors' bytes, with a zero byte between them. The length
  /// before the header is always right.
  static let packedCheckpoint = FuzzTarget(
    "packed", dictionary: tensorWords + quantizationWords, shortCount: 3600,
    fixtures: {
      try ["awq", "gptq", "bnb", "nf4", "fp4", "fp8", "int", "mlx", "mlx-float"].map { name in
        let folder = Fixtures.packed(name)
        return try bytes(of: folder + "/config.json") + [0] + cut(bytes(of: folder + "/model.safetensors"))
      }
    },
    run: { bytes in
      let parts = parts(bytes, 3)
      readFolder(parts[0], joined(parts[1], parts[2]))
    })

  static let gguf = FuzzTarget(
    "gguf",
    dictionary: [
      "GGUF", "general.architecture", "general.alignment", "general.type", "jamba", "jamba.block_count",
      "tokenizer.ggml.tokens", "tokenizer.ggml.model", "token_embd.weight", "split.count", "split.no", "adapter",
    ],
    shortCount: 3600,
    fixtures: {
      [try bytes(of: Fixtures.gguf("types.gguf")), Array(try bytes(of: Fixtures.gguf("odd-F16.gguf")))]
    },
    run: { bytes in
      let path = Scratch.write(bytes, "input.gguf")
      if let file = try? GGUFFile(path: path) {
        require(file.tensors.count < bytes.count, "more tensors than bytes")
        // Of every type, whatever the model.
        for tensor in file.tensors.prefix(100) { readFirstRow(tensor, of: file) }
      }
      if let checkpoint = try? openCheckpoint(path) { readRows(checkpoint) }
    })

  /// An adapter of PEFT or MLX, as `packedCheckpoint` has its parts, merged into a small checkpoint.
  static let peftAdapter = FuzzTarget(
    "adapter",
    dictionary: tensorWords + [
      "\"peft_type\"", "\"LORA\"", "\"r\"", "\"lora_alpha\"", "\"use_dora\": true", "\"use_rslora\": true",
      "\"rank_pattern\"",
      "\"alpha_pattern\"", "\"target_modules\"", "\"modules_to_save\"", "\"layers_to_transform\"",
      "\"fan_in_fan_out\": true",
      "\"fine_tune_type\"", "\"lora_parameters\"", ".lora_A.weight", ".lora_B.weight", "base_model.model.", ".*",
      "(a|b)+",
    ], shortCount: 1200,
    fixtures: {
      try [
        ("lora-layers", "adapter_model"), ("saved-biases", "adapter_model"), ("tokens-tied", "adapter_model"),
        ("tokens", "adapter_model"), ("dora-odd", "adapter_model"), ("mlx-lora", "adapters"),
      ].map { folder, file in
        let folder = Fixtures.adapter(folder)
        return try bytes(of: folder + "/adapter_config.json") + [0] + cut(bytes(of: folder + "/\(file).safetensors"))
      }
    },
    run: { bytes in
      let parts = parts(bytes, 3)
      let folder = Scratch.folder("adapter")
      Scratch.write(parts[0], "adapter/adapter_config.json")
      for name in ["adapter_model", "adapters"] {
        Scratch.write(joined(parts[1], parts[2]), "adapter/\(name).safetensors")
      }
      merge(folder, into: [bases["odd"]!, bases["dense"]!])
    })

  static let ggufAdapter = FuzzTarget(
    "gguf-adapter", dictionary: ["adapter", "lora", "adapter.lora.alpha", ".lora_a", ".lora_b", "token_embd.weight"],
    shortCount: 1200,
    fixtures: { [try bytes(of: Fixtures.adapter("lora-embedding.gguf"))] },
    run: { bytes in
      merge(Scratch.write(bytes, "adapter.gguf"), into: [bases["long"]!])
    })

  /// config.json, and generation_config.json behind a zero byte.
  static let configuration = FuzzTarget(
    "config",
    dictionary: [
      "\"num_hidden_layers\": ", "\"hidden_size\": ", "\"num_experts\": ", "\"eos_token_id\": [1, 2]", "null", "NaN",
      "\"attn_layer_period\": ", "\"mamba_dt_rank\": \"auto\"", "1e999", "-Infinity",
    ],
    fixtures: {
      let folder = Fixtures.checkpoint("moe")
      return [try bytes(of: folder + "/config.json") + [0] + bytes(of: folder + "/generation_config.json")]
    },
    run: { bytes in
      let parts = parts(bytes, 2)
      guard let config = try? JSON.parse(python: parts[0]) else { return }
      let generation = try? JSON.parse(python: parts[1])
      guard let configuration = try? ModelConfiguration(config, generation: generation) else { return }
      let tensors = ModelTensors(configuration)
      for layer in [0, configuration.numHiddenLayers - 1] {
        _ = configuration.mixer(ofLayer: layer)
        require(tensors.layer(layer).allSatisfy { $0.shape.allSatisfy { $0 > 0 } }, "a tensor has no extent")
      }
    })

  private static let tensorWords = [
    "\"dtype\":\"F32\"", "\"shape\":[]", "\"data_offsets\":[0,0]", "\"__metadata__\":{}", "BF16", "F16", "F64", "I32",
    "U8",
    "F8_E4M3", "model.embed_tokens.weight", "model.layers.0.mamba.in_proj.weight", "lm_head.weight", "[0]",
    "[1,1,1,1,1]",
  ]
  private static let quantizationWords = [
    "\"quantization_config\"", "\"quant_method\"", "\"bits\"", "\"group_size\"", "\"desc_act\": true", "gptq", "awq",
    "mlx",
    "bitsandbytes", "compressed-tensors", "\"num_bits\"", "\"strategy\"", "\"symmetric\"", "fp8", ".qweight", ".qzeros",
    ".scales",
    ".g_idx", ".weight_scale", ".weight_packed", ".absmax", ".quant_map", ".weight_zero_point",
  ]

  private static let configurationText: [UInt8] = {
    (try? bytes(of: Fixtures.checkpoint("odd") + "/config.json")) ?? []
  }()

  private static func readFolder(_ config: [UInt8], _ tensors: [UInt8]) {
    let folder = Scratch.folder("checkpoint")
    Scratch.write(config, "checkpoint/config.json")
    Scratch.write(tensors, "checkpoint/model.safetensors")
    if let checkpoint = try? openCheckpoint(folder) { readRows(checkpoint) }
  }

  private static func merge(_ adapter: String, into bases: [any Checkpoint]) {
    for base in bases {
      // Of so many tensors some are changed by any adapter.
      if let checkpoint = try? merged([AdapterSource(path: adapter, scale: 0.5)], into: base) {
        readRows(checkpoint, 40)
      }
    }
  }

  /// Sound checkpoints, opened once: that takes longer than all that an adapter does.
  private static let bases: [String: any Checkpoint] = {
    do {
      return try Dictionary(
        uniqueKeysWithValues: ["odd", "dense", "long"].map { ($0, try openCheckpoint(Fixtures.checkpoint($0))) })
    } catch { fatalError("no checkpoints: \(error)") }
  }()

  /// The first and the last row of tensors.
  private static func readRows(_ checkpoint: any Checkpoint, _ limit: Int = 200) {
    for tensor in checkpoint.tensors.prefix(limit) where tensor.fault == nil && 1...1 << 16 ~= tensor.columns {
      for row in Set([0, tensor.rowCount - 1]) where row >= 0 && row < tensor.rowCount {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: tensor.columns) { values in
          _ = try? checkpoint.read(row..<row + 1, of: tensor, into: values)
        }
      }
    }
  }

  private static func readFirstRow(_ tensor: GGUFFile.Tensor, of file: GGUFFile) {
    guard let type = tensor.type, !tensor.range.isEmpty, let columns = tensor.shape.last, columns <= 1 << 16 else {
      return
    }
    let byteCount = tensor.range.count / tensor.shape.dropLast().reduce(1, *)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
      _ = try? type.read(tensor.range.prefix(byteCount), of: file.file, into: values)
    }
  }

  /// A .safetensors file as header and contents with a zero byte between them.
  private static func cut(_ file: [UInt8]) -> [UInt8] {
    let length = Fields(bytes: file).number(at: 0, 8) ?? 0
    return file[8..<8 + length] + [0] + file[(8 + length)...]
  }

  private static func joined(_ header: [UInt8], _ contents: [UInt8]) -> [UInt8] {
    var fields = Fields(bytes: [UInt8](repeating: 0, count: 8))
    fields.set(header.count, at: 0, 8)
    return fields.bytes + header + contents
  }
}
