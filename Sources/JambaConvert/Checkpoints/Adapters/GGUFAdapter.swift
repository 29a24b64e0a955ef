import JambaFormat
import JambaSystem

extension Adapter {
  /// An adapter in GGUF: `NAME.lora_a` and `NAME.lora_b`, where NAME is llama.cpp's name of a tensor.
  static func gguf(_ path: String, _ configuration: ModelConfiguration) throws(ConversionError) -> Adapter {
    func refuse(_ reason: String) -> ConversionError { .adapter(path: path, reason: reason) }
    let file = try GGUFFile(path: path)
    let type = file["general.type"]?.text ?? "model"
    guard type == "adapter" else { throw refuse("it is a GGUF file of type \(type), not an adapter") }
    let architecture = file["general.architecture"]?.text ?? "no"
    guard architecture == "jamba" else { throw refuse("it is for a \(architecture) model; only \"jamba\" is read") }
    let method = file["adapter.type"]?.text ?? "none"
    guard method == "lora" else { throw refuse("its method is \(method); only \"lora\" is merged") }
    guard file["adapter.alora.invocation_tokens"] == nil else {
      throw refuse("it works behind certain tokens alone, so that it cannot be merged")
    }
    guard let alpha = (file["adapter.lora.alpha"] ?? .number(0)).number, alpha.isFinite else {
      throw refuse("its key adapter.lora.alpha is no number")
    }
    let names = TensorNames(configuration) { [GGUFNames.place(of: $0, in: $1)] }
    var factors: [ExactString: [String: AdapterTensor]] = [:]
    var order: [String] = []
    for entry in file.tensors {
      guard let end = [".lora_a", ".lora_b"].first(where: { entry.name.hasSuffix($0) }) else {
        throw refuse("\(entry.name) is no part of an adapter")
      }
      let name = String(entry.name.dropLast(end.count))
      if factors[ExactString(name)] == nil { order.append(name) }
      factors[ExactString(name), default: [:]][end] = try AdapterTensor(entry, in: file)
    }
    guard !order.isEmpty else { throw refuse("it holds no tensors") }
    var pairs: [LowRankPair] = []
    for name in order {
      let parts = factors[ExactString(name)] ?? [:]
      guard let a = parts[".lora_a"], let b = parts[".lora_b"] else {
        throw refuse("\(name)\(parts[".lora_a"] == nil ? ".lora_a" : ".lora_b") is missing")
      }
      guard 2...3 ~= max(a.shape.count, b.shape.count), a.shape.count > 1, b.shape.count > 1 else {
        throw refuse("the factors of \(name) have shapes \(a.shape) and \(b.shape)")
      }
      // The embedding's are [tokens, rank] and [width, rank].
      let isEmbedding = name == GGUFNames.embedding
      pairs.append(
        LowRankPair(
          module: name, targets: [name], left: .init(tensor: isEmbedding ? a : b),
          right: .init(tensor: isEmbedding ? b : a, isTransposed: isEmbedding),
          // As llama.cpp has it: the rank is that of the second factor, and without an alpha there is no scale.
          scale: { (_, rank) throws(ConversionError) in alpha == 0 ? 1 : alpha / Double(rank) }))
    }
    return Adapter(
      path: path, kind: "GGUF LoRA", pairs: pairs, wholes: [], names: names,
      origin: CheckpointOrigin.Adapter(
        name: file.file.name, kind: "GGUF LoRA", byteCount: file.file.byteCount,
        checksum: try file.file.checksum(ofFirst: file.file.byteCount), settingsChecksum: nil))
  }
}
