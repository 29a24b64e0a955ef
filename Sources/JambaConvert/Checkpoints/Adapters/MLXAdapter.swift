import JambaFormat
import JambaSystem

/// An adapter of mlx-lm: adapters.safetensors with `MODULE.lora_a` and `MODULE.lora_b`, of DoRA `MODULE.m` as well, or with whole
/// tensors.
enum MLXAdapter {
  static func kind(_ config: JSON) -> String {
    switch method(config) {
    case "dora": "MLX DoRA"
    case "full": "MLX, whole tensors"
    default: "MLX LoRA"
    }
  }

  fileprivate static func method(_ config: JSON) -> String { config["fine_tune_type"]?.string ?? "lora" }

  fileprivate static let ends = ["lora_a", "lora_b", "m"]
}

extension Adapter {
  static func mlx(
    _ path: String, _ config: JSON, _ weights: SafetensorsFile, _ names: TensorNames, _ origin: CheckpointOrigin.Adapter
  ) throws(ConversionError) -> Adapter {
    func refuse(_ reason: String) -> ConversionError { .adapter(path: path, reason: reason) }
    let method = MLXAdapter.method(config)
    guard ["lora", "dora", "full"].contains(method) else {
      throw refuse("its fine_tune_type is \(method); lora, dora and full are merged")
    }
    var modules: [ExactString: [String: AdapterTensor]] = [:]
    var order: [String] = []
    var wholes: [WholeTensor] = []
    for entry in weights.tensors {
      let tensor = try AdapterTensor(entry, in: weights)
      let words = entry.name.split(separator: ".", omittingEmptySubsequences: false)
      guard method != "full", let end = words.last.map(String.init), MLXAdapter.ends.contains(end) else {
        guard method == "full" else { throw refuse("\(entry.name) is no part of an adapter") }
        wholes.append(WholeTensor(target: entry.name, tensor: tensor, isBase: false))
        continue
      }
      let module = words.dropLast().joined(separator: ".")
      if modules[ExactString(module)] == nil { order.append(module) }
      modules[ExactString(module), default: [:]][end] = tensor
    }
    guard method != "full" else {
      return Adapter(path: path, kind: MLXAdapter.kind(config), pairs: [], wholes: wholes, names: names, origin: origin)
    }
    guard let scale = config["lora_parameters"]?["scale"]?.double, scale.isFinite else {
      throw refuse("its lora_parameters have no scale")
    }
    var pairs: [LowRankPair] = []
    for module in order {
      let parts = modules[ExactString(module)] ?? [:]
      guard let a = parts["lora_a"], let b = parts["lora_b"] else {
        throw refuse("\(parts["lora_a"] == nil ? "lora_a" : "lora_b") of \(module) is missing")
      }
      guard (parts["m"] != nil) == (method == "dora") else {
        throw refuse("\(module) has \(method == "dora" ? "no m" : "an m"), but fine_tune_type is \(method)")
      }
      guard a.shape.count == b.shape.count, 2...3 ~= a.shape.count else {
        throw refuse("the factors of \(module) have shapes \(a.shape) and \(b.shape)")
      }
      let target = module + ".weight"
      let role = names.known(target).flatMap { names[$0]?.first?.id.role }
      // Those of experts are [experts, rank, inputs] and [experts, outputs, rank]. An embedding has one row of the first a token.
      let (left, right): (Factor, Factor) =
        if a.shape.count == 3 { (.init(tensor: b), .init(tensor: a)) } else if role == .embedding {
          (.init(tensor: a), .init(tensor: b))
        } else { (.init(tensor: b, isTransposed: true), .init(tensor: a, isTransposed: true)) }
      pairs.append(
        LowRankPair(
          module: module, targets: [target], left: left, right: right,
          magnitude: parts["m"].map { Magnitude(tensor: $0, axis: .rows) }, isForBothParts: true,
          scale: { (_, _) throws(ConversionError) in scale }))
    }
    return Adapter(path: path, kind: MLXAdapter.kind(config), pairs: pairs, wholes: [], names: names, origin: origin)
  }
}
