import JambaFormat

extension Recipe {
  /// The recipe whose matrices take at most `bits` a weight on average, scales and padding included, and cost the least
  /// divergence that way: all begin in 4 bits, and then whichever step to more bits gains the most for its bytes is taken, one kind of
  /// matrix in one layer at a time.
  ///
  /// - Throws: `unusable` when 4 bits everywhere take more; as opening the checkpoint.
  public static func meeting(bits: Double, checkpoint path: String) throws(ConversionError) -> Recipe {
    let tensors = ModelTensors(try Checkpoint(path: path).configuration).all.filter { $0.kind == .matrix }
    let weightCount = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let least = uniform(.int4)
    var byteCount = tensors.reduce(0) { $0 + least.rule(for: $1.name).type.byteCount(shape: $1.shape)! }
    let limit = bits * Double(weightCount) / 8
    guard Double(byteCount) <= limit else {
      let needed = (Double(byteCount) * 800 / Double(weightCount)).rounded(.up) / 100
      throw .unusable(path: path, reason: "its matrices take at least \(needed) bits a weight")
    }
    var types: [String: StorageType] = [:]
    for step in steps(tensors)
    where types[step.pattern, default: .int4] == step.from && Double(byteCount + step.byteCount) <= limit {
      byteCount += step.byteCount
      types[step.pattern] = step.to
    }
    let rules = types.sorted { $0.key < $1.key }.map { Rule(pattern: $0.key, type: $0.value) }
    return Recipe(name: "\(bits) bits", rules: rules + least.rules)
  }

  /// The divergence that 4 bits cost in one matrix, or in an expert layer's all, in units of 0.000001, by how its name ends:
  /// measured on the demo model, a kind at a time, and divided by the layers that have it (docs/QUALITY.md).
  /// What an error does depends on its size beside the signal, not on how many weights a matrix has, and so other
  /// models are taken to be alike.
  private static let divergences: [(ending: String, inFourBits: Double)] = [
    (ModelTensors.head, 1622), (ModelTensors.embedding, 441), ("in_proj.weight", 100), ("out_proj.weight", 71),
    ("down_proj.weight", 57), ("gate_proj.weight", 25), ("up_proj.weight", 25), ("v_proj.weight", 21),
    ("o_proj.weight", 21), ("x_proj.weight", 15), ("dt_proj.weight", 14), ("q_proj.weight", 7), ("k_proj.weight", 7),
  ]

  /// Squared errors beside those of 4 bits: on normal weights 22, 32 and 44 dB lie between signal and error, and a head in
  /// 6 bits cost 0.09 times as much as in 4.
  private static func error(of type: StorageType) -> Double {
    switch type {
    case .int8: 0.006
    case .int6: 0.1
    default: 1
    }
  }

  /// From one type to another, for the matrices that a pattern names.
  private struct Step {
    let pattern: String
    let from: StorageType
    let to: StorageType
    let byteCount: Int
    /// Divergence avoided for a byte.
    let worth: Double
  }

  /// All steps that may be taken, those that are worth most first.
  private static func steps(_ tensors: [TensorSpecification]) -> [Step] {
    var steps: [Step] = []
    for (pattern, group) in groups(tensors) {
      func step(_ from: StorageType, _ to: StorageType) -> Step {
        let byteCount = group.tensors.reduce(0) {
          $0 + to.byteCount(shape: $1.shape)! - from.byteCount(shape: $1.shape)!
        }
        let gain = group.divergence * (error(of: from) - error(of: to))
        return Step(pattern: pattern, from: from, to: to, byteCount: byteCount, worth: gain / Double(max(byteCount, 1)))
      }
      // Padding may make the second step the better one; then both are one.
      let both = [step(.int4, .int6), step(.int6, .int8)]
      steps += both[0].worth > both[1].worth ? both : [step(.int4, .int8)]
    }
    return steps.sorted { $0.worth != $1.worth ? $0.worth > $1.worth : $0.pattern < $1.pattern }
  }

  /// Matrices that are stored alike: those of a kind in a layer, by the pattern that names them, with what 4 bits cost there.
  static func groups(_ tensors: [TensorSpecification]) -> [String: (divergence: Double, tensors: [TensorSpecification])] {
    let isTied = !tensors.contains { $0.name == ModelTensors.head }
    var groups: [String: (divergence: Double, tensors: [TensorSpecification])] = [:]
    for tensor in tensors {
      // A tied embedding is the head as well.
      let ending = tensor.name == ModelTensors.embedding && isTied ? ModelTensors.head : tensor.name
      guard let divergence = divergences.first(where: { ending.hasSuffix($0.ending) })?.inFourBits else { continue }
      groups[pattern(of: tensor.name), default: (divergence, [])].tensors.append(tensor)
    }
    return groups
  }

  /// "model.layers.1.*.gate_proj.weight" for a layer's matrices of a kind, an expert layer's together.
  private static func pattern(of name: String) -> String {
    let parts = name.split(separator: ".")
    guard parts.count > 3, parts[1] == "layers" else { return name }
    return "model.layers.\(parts[2]).*.\(parts.suffix(2).joined(separator: "."))"
  }
}
