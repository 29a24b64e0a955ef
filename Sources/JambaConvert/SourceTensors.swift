import JambaFormat
import JambaSystem

/// Finds the source of every tensor of the model among the names that checkpoints use.
struct SourceTensors {
  let checkpoint: Checkpoint
  private var faults: [String] = []
  private var used: Set<ExactString> = []
  private var owners: [ExactString: SafetensorsFile] = [:]
  private(set) var sources: [String: SourceTensor] = [:]

  /// - Throws: `tensors`, naming all that are missing, left over or misshapen.
  init(_ checkpoint: Checkpoint) throws(ConversionError) {
    self.checkpoint = checkpoint
    for file in checkpoint.files {
      for name in file.names {
        if owners.updateValue(file, forKey: ExactString(name)) != nil { faults.append("\(name) is in two files") }
      }
    }
    let c = checkpoint.configuration
    let tensors = ModelTensors(c)
    for specification in tensors.outer { find(specification, layer: nil) }
    for layer in 0..<c.numHiddenLayers {
      for specification in tensors.layer(layer) { find(specification, layer: layer) }
      let count = c.expertCount(ofLayer: layer)
      guard count > 1 else { continue }
      for expert in 0..<count {
        for specification in tensors.expert(expert, ofLayer: layer) {
          find(specification, layer: layer, expert: expert)
        }
      }
    }
    for name in owners.keys.map(\.text).sorted() where !used.contains(ExactString(name)) && !isSuperfluous(name) {
      faults.append("\(name) is not part of the model")
    }
    if !faults.isEmpty { throw .tensors(path: checkpoint.path, faults: faults) }
  }

  /// Tensors that checkpoints carry and nobody needs: a head beside tied embeddings (transformers uses the embeddings),
  /// and rotary frequencies that some tools write for every attention layer.
  private func isSuperfluous(_ name: String) -> Bool {
    (checkpoint.configuration.tieWordEmbeddings && name.hasSuffix("lm_head.weight"))
      || name.hasSuffix("rotary_emb.inv_freq")
  }

  private mutating func find(_ specification: TensorSpecification, layer: Int?, expert: Int? = nil) {
    for name in spellings(of: specification.name, layer: layer) {
      guard let file = owners[ExactString(name)], let tensor = file[name] else { continue }
      take(specification, tensor, file, name, rows: nil)
      return
    }
    if let expert, let layer, findFused(specification, layer: layer, expert: expert) { return }
    faults.append("\(specification.name) is missing")
  }

  /// The names a tensor may have: this project's first, then the spellings of older tools.
  private func spellings(of name: String, layer: Int?) -> [String] {
    var names = [name]
    func add(_ old: String, _ new: String) {
      names += names.compactMap { $0.replacingFirst(old, with: new) }
    }
    if name.hasSuffix("mamba.A") { names = [name + "_log"] }
    add(".feed_forward.", ".moe.")
    add(".pre_ff_layernorm.", ".pre_moe_layernorm.")
    add(".b_layernorm.", ".B_layernorm.")
    add(".c_layernorm.", ".C_layernorm.")
    if let layer, checkpoint.configuration.expertCount(ofLayer: layer) == 1 {
      add(".feed_forward.", ".feed_forward.experts.0.")
      add(".moe.", ".moe.experts.0.")
    }
    names += names.compactMap { $0.hasPrefix("model.") ? String($0.dropFirst("model.".count)) : nil }
    return names
  }

  /// Fused experts: gate_up_proj [experts, 2 intermediate, hidden], gate first, and down_proj [experts, hidden,
  /// intermediate].
  private mutating func findFused(_ specification: TensorSpecification, layer: Int, expert: Int) -> Bool {
    let prefix = ModelTensors.layerPrefix(layer) + "feed_forward.experts."
    let isDown = specification.name.hasSuffix("down_proj.weight")
    for name in spellings(of: prefix + (isDown ? "down_proj" : "gate_up_proj"), layer: nil) {
      guard let file = owners[ExactString(name)], let tensor = file[name] else { continue }
      let (rows, columns) = (specification.shape[0], specification.shape[1])
      let rowsPerExpert = isDown ? rows : 2 * rows
      guard tensor.shape == [checkpoint.configuration.numExperts, rowsPerExpert, columns] else {
        faults.append(
          "\(name) has shape \(tensor.shape), expected \([checkpoint.configuration.numExperts, rowsPerExpert, columns])")
        used.insert(ExactString(name))
        return true
      }
      let first = expert * rowsPerExpert + (specification.name.hasSuffix("up_proj.weight") ? rows : 0)
      take(specification, tensor, file, name, rows: first..<first + rows)
      return true
    }
    return false
  }

  private mutating func take(
    _ specification: TensorSpecification, _ tensor: SafetensorsFile.Tensor, _ file: SafetensorsFile, _ name: String,
    rows slice: Range<Int>?
  ) {
    used.insert(ExactString(name))
    guard let type = SourceTensor.ElementType(rawValue: tensor.type) else {
      faults.append("\(name) has type \(tensor.type), which cannot be converted (BF16, F16 and F32 can)")
      return
    }
    let shape = specification.shape
    var stored = shape
    var transformation = SourceTensor.Transformation.none
    if specification.name.hasSuffix("mamba.A") {
      (stored, transformation) = ([shape[1], shape[0]], .negatedExponential)
    } else if specification.name.hasSuffix("conv1d.weight") {
      (stored, transformation) = ([shape[1], 1, shape[0]], .transposed)
    }
    if slice == nil && tensor.shape != stored {
      faults.append("\(name) has shape \(tensor.shape), expected \(stored)")
      return
    }
    let columns = stored.last!
    let rows = slice ?? 0..<(stored.dropLast().reduce(1, *))
    sources[specification.name] = SourceTensor(
      file: file, type: type, offset: tensor.range.lowerBound + rows.lowerBound * columns * type.byteCount,
      rows: rows.count, columns: columns, transformation: transformation)
  }
}

extension String {
  /// The string with one occurrence replaced; nil when there is none.
  fileprivate func replacingFirst(_ old: String, with new: String) -> String? {
    let (text, pattern) = (Array(utf8), Array(old.utf8))
    guard text.count >= pattern.count else { return nil }
    for start in 0...text.count - pattern.count where text[start...].starts(with: pattern) {
      return String(decoding: text[..<start] + Array(new.utf8) + text[(start + pattern.count)...], as: UTF8.self)
    }
    return nil
  }
}
