import JambaSystem

/// What config.json says of quantized weights. Tensors say most of it themselves; this says what they do not.
struct QuantizationSettings: Sendable {
  private let json: JSON
  private let isMLX: Bool

  /// - Returns: nil where it says nothing of any.
  init?(config: JSON) {
    func settings(_ name: String) -> JSON? { config[name].flatMap { $0.isNull ? nil : $0 } }
    if let json = settings("quantization_config") ?? settings("compression_config"),
      json["quant_method"] != nil || settings("quantization") == nil
    {
      self.json = json
      // mlx-lm writes the same under both names.
      isMLX = json["quant_method"] == nil && json["group_size"] != nil && json["bits"] != nil
    } else if let json = settings("quantization") {
      self.json = json
      isMLX = true
    } else {
      return nil
    }
  }

  /// The tool or method that made the weights.
  var method: String { isMLX ? "mlx" : json["quant_method"]?.string ?? "" }

  private static let methods: Set = [
    "awq", "bitsandbytes", "compressed-tensors", "fbgemm_fp8", "fp8", "gptq", "mlx", "modelopt",
  ]
  private static let compressedFormats: Set = [
    "dense", "float-quantized", "int-quantized", "mixed-precision", "mxfp4-pack-quantized", "mxfp6-pack-quantized",
    "mxfp8-quantized", "naive-quantized", "nvfp4-pack-quantized", "pack-quantized",
  ]

  /// Why weights of this kind are not read, whatever their tensors look like: a clause.
  var refusal: String? {
    guard QuantizationSettings.methods.contains(method) else {
      return method.isEmpty ? "quantization_config names no quant_method" : "quant_method \(method) is not read"
    }
    switch method {
    case "compressed-tensors":
      if let format = json["format"]?.string, !QuantizationSettings.compressedFormats.contains(format) {
        return "format \(format) of compressed-tensors is not read"
      }
      if let format = json["sparsity_config"]?["format"]?.string, format != "dense" {
        return "sparse weights (\(format)) are not read"
      }
      if let transforms = json["transform_config"], !transforms.isNull, transforms.object?.count != 0 {
        return "transform_config asks for rotations of the inputs, which are not done"
      }
    case "gptq":
      let format = json["checkpoint_format"]?.string ?? json["format"]?.string ?? "gptq"
      if !["gptq", "gptq_v2"].contains(format) { return "checkpoint_format \(format) of GPTQ is not read" }
      if json["is_marlin_format"]?.bool == true { return "checkpoint_format marlin of GPTQ is not read" }
    case "awq":
      let version = (json["version"]?.string ?? json["format"]?.string ?? "gemm").lowercased()
      if version != "gemm" { return "version \(version) of AWQ is not read, only gemm" }
    default: break
    }
    return nil
  }

  /// Rows and columns of a block that shares a scale.
  var block: (rows: Int, columns: Int)? {
    let shapes =
      [json["weight_block_size"]]
      + (json["config_groups"]?.object.map { $0.members.map { $0.value["weights"]?["block_structure"] } } ?? [])
    for shape in shapes {
      let extents = shape?.array?.compactMap(\.integer) ?? []
      if extents.count == 2, extents.allSatisfy({ $0 > 0 && $0 <= 1 << 30 }) { return (extents[0], extents[1]) }
    }
    return nil
  }

  /// Bits of the codes, where one number stands for all groups of layers.
  var bits: Int? {
    if let bits = json["bits"]?.integer ?? json["w_bit"]?.integer { return bits }
    let all = json["config_groups"]?.object.map {
      Set($0.members.compactMap { $0.value["weights"]?["num_bits"]?.integer })
    }
    return all?.count == 1 ? all?.first : nil
  }

  /// Columns that share a scale; -1 for all.
  var groupSize: Int? { json["group_size"]?.integer ?? json["q_group_size"]?.integer }

  /// Whether GPTQ's zero points are stored as they are, and not less one.
  var hasPlainZeroPoints: Bool { (json["checkpoint_format"]?.string ?? json["format"]?.string) == "gptq_v2" }

  /// Whether keys and values are to be stored in eight bits.
  var quantizesCache: Bool {
    if let scheme = json["kv_cache_scheme"], !scheme.isNull { return true }
    return json["kv_cache_quant_algo"]?.string != nil
  }

  /// How MLX has quantized a module.
  struct Mode {
    let name: String
    let bits: Int?
    let groupSize: Int?
  }

  /// - Parameter path: the module's, as in the names of its tensors.
  func mode(of path: String) -> Mode? {
    guard isMLX else { return nil }
    let own = json[path].flatMap { $0.object == nil ? nil : $0 }
    let name = own?["mode"]?.string ?? (own == nil ? json["mode"]?.string : nil) ?? "affine"
    let defaults = ["affine": (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)]
    let settings = own ?? json
    return Mode(
      name: name, bits: settings["bits"]?.integer ?? defaults[name]?.1,
      groupSize: settings["group_size"]?.integer ?? defaults[name]?.0)
  }
}
