import JambaFormat
import JambaSystem

extension Adapter {
  /// An adapter of PEFT: `base_model.model.MODULE.lora_A.weight` and its like.
  static func peft(
    _ path: String, _ settings: PEFTConfiguration, _ weights: SafetensorsFile, _ names: TensorNames,
    _ origin: CheckpointOrigin.Adapter
  ) throws(ConversionError) -> Adapter {
    var groups: [ExactString: PEFTGroup] = [:]
    var order: [ExactString] = []
    var wholes: [WholeTensor] = []
    var rows: [TokenRows] = []
    for entry in weights.tensors {
      let name = PEFTName(entry.name)
      let tensor = try AdapterTensor(entry, in: weights)
      // What a saved module stood beside while it was trained.
      if name.isOriginal { continue }
      if let module = name.tokenModule {
        guard let tokens = settings.tokens(of: module) else {
          throw .adapter(path: path, reason: "\(entry.name) is of tokens that trainable_token_indices does not name")
        }
        rows.append(TokenRows(target: module + ".weight", tokens: tokens, tensor: tensor))
        continue
      }
      guard let part = name.part else {
        wholes.append(WholeTensor(target: name.path, tensor: tensor, isBase: name.isBase))
        continue
      }
      let key = ExactString(name.path)
      if groups[key] == nil { order.append(key) }
      guard groups[key, default: PEFTGroup()].parts.updateValue(tensor, forKey: part) == nil else {
        throw .adapter(path: path, reason: "it holds \(part.rawValue) of \(name.path) twice")
      }
    }
    var pairs: [LowRankPair] = []
    for key in order {
      guard let group = groups[key] else { continue }
      pairs.append(try group.pair(of: key.text, settings, names, path))
    }
    return Adapter(
      path: path, kind: settings.kind, pairs: pairs, wholes: wholes, tokenRows: rows, names: names, origin: origin, notes: settings.notes
    )
  }
}

/// A name in PEFT's file, taken apart.
private struct PEFTName {
  enum Part: String {
    case a = "lora_A"
    case b = "lora_B"
    case embeddingA = "lora_embedding_A"
    case embeddingB = "lora_embedding_B"
    case magnitude = "lora_magnitude_vector"
  }

  /// The module, as it is nested in wraps; of a whole tensor the tensor's name in the model.
  let path: String
  /// nil for a whole tensor.
  let part: Part?
  /// Whether a whole tensor is what a product is added to.
  let isBase: Bool
  /// Whether a whole tensor is what another one has taken the place of.
  let isOriginal: Bool
  /// The module whose rows of single tokens it is; nil for everything else.
  let tokenModule: String?

  init(_ name: String) {
    let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let tokenEnd = words.lastIndex(of: "trainable_tokens_delta")
    tokenModule = tokenEnd.map { words[..<$0].filter { $0 != "token_adapter" }.joined(separator: ".") }
    if let index = words.lastIndex(where: { Part(rawValue: $0) != nil }) {
      let end = words[(index + 1)...]
      // The name that an adapter has in memory may stand before the end. A bias is none of the factors.
      if end.last != "bias" && end.count <= 2 && (end.count < 2 || end.last == "weight") {
        part = Part(rawValue: words[index])
        path = words[..<index].joined(separator: ".")
        (isBase, isOriginal) = (false, false)
        return
      }
    }
    part = nil
    isBase = words.contains("base_layer")
    isOriginal = words.contains("original_module")
    var kept: [String] = []
    var isAfterWrap = false
    for word in words where word != "base_layer" {
      // "modules_to_save", and behind it an adapter's name.
      if word == "modules_to_save" {
        isAfterWrap = true
      } else if isAfterWrap, word != "weight", word != "bias" {
        isAfterWrap = false
      } else {
        kept.append(word)
      }
    }
    path = kept.joined(separator: ".")
  }
}

/// The tensors of a module.
private struct PEFTGroup {
  var parts: [PEFTName.Part: AdapterTensor] = [:]

  func pair(
    of module: String, _ settings: PEFTConfiguration, _ names: TensorNames, _ path: String
  ) throws(ConversionError) -> Adapter.LowRankPair {
    func refuse(_ reason: String) -> ConversionError { .adapter(path: path, reason: reason) }
    let isEmbedding = parts[.embeddingA] != nil || parts[.embeddingB] != nil
    guard !isEmbedding || (parts[.a] == nil && parts[.b] == nil) else {
      throw refuse("\(module) has factors of an embedding and of a product")
    }
    let (aPart, bPart): (PEFTName.Part, PEFTName.Part) = isEmbedding ? (.embeddingA, .embeddingB) : (.a, .b)
    guard let a = parts[aPart], let b = parts[bPart] else {
      let missing = parts[aPart] == nil ? aPart : bPart
      throw refuse("\(missing.rawValue) of \(module) is missing")
    }
    guard a.shape.count == 2, b.shape.count == 2 else {
      throw refuse("the factors of \(module) have shapes \(a.shape) and \(b.shape)")
    }
    let magnitude = parts[.magnitude]
    guard (magnitude != nil) == settings.usesDoRA else {
      throw refuse(
        settings.usesDoRA
          ? "\(PEFTName.Part.magnitude.rawValue) of \(module) is missing"
          : "\(module) has a \(PEFTName.Part.magnitude.rawValue), but use_dora is not set")
    }
    // Parameters of a module that is wrapped for each lie at the module, and say by their shape which they are.
    let plain = module.split(separator: ".", omittingEmptySubsequences: false).filter { $0 != "base_layer" }
      .joined(separator: ".")
    return Adapter.LowRankPair(
      module: plain,
      targets: [plain + ".weight", plain + ".gate_up_proj", plain + ".down_proj"],
      left: isEmbedding ? .init(tensor: a, isTransposed: true) : .init(tensor: b),
      right: isEmbedding ? .init(tensor: b, isTransposed: true) : .init(tensor: a),
      magnitude: magnitude.map { Adapter.Magnitude(tensor: $0, axis: isEmbedding ? .columns : .rows) },
      scale: { (target, rank) throws(ConversionError) in
        let known = target.hasSuffix(".weight") ? String(target.dropLast(".weight".count)) : target
        return try settings.scale(of: known, target, rank: rank)
      })
  }
}
