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
    for step in steps(groups(tensors))
    where types[step.pattern, default: .int4] == step.from && Double(byteCount + step.byteCount) <= limit {
      byteCount += step.byteCount
      types[step.pattern] = step.to
    }
    let rules = types.sorted { $0.key < $1.key }.map { Rule(pattern: $0.key, type: $0.value) }
    return Recipe(name: "\(bits) bits", rules: rules + least.rules)
  }

  /// For matrices of which a step to more bits gains at least `leastGain` as `Recipe.leastGain` has it.
  static func rules(gaining leastGain: Double, _ tensors: [TensorSpecification]) -> [Rule] {
    let matrices = tensors.filter { $0.kind == .matrix }
    let weightCount = Double(matrices.reduce(0) { $0 + $1.shape.reduce(1, *) })
    let groups = groups(matrices)
    let inFourBits = groups.values.reduce(0) { $0 + $1.divergence }
    var types: [String: StorageType] = [:]
    for step in steps(groups)
    where types[step.pattern, default: .int4] == step.from && step.worth * weightCount / 8 >= leastGain * inFourBits {
      types[step.pattern] = step.to
    }
    return types.sorted { $0.key < $1.key }.map { Rule(pattern: $0.key, type: $0.value) }
  }

  /// The divergence that 4 bits cost in one matrix, or in all of a layer's experts, in units of 0.000001.
  private struct Sensitivity {
    /// Of the tensor's name.
    let ending: String
    /// In the first layer, the last, and each of the others. Outside of layers the last one counts.
    let first: Double
    let between: Double
    let last: Double
  }

  /// Measured on the demo model (tools/measure-sensitivity, docs/QUALITY.md), the first whose ending fits. What an error does depends on
  /// its size beside the signal, not on how many weights a matrix has, and so other models are taken to be alike.
  private static let sensitivities = [
    Sensitivity(ending: ModelTensors.head, first: 0, between: 0, last: 6170),
    Sensitivity(ending: ModelTensors.embedding, first: 0, between: 0, last: 3570),
    Sensitivity(ending: "in_proj.weight", first: 1550, between: 1270, last: 2870),
    Sensitivity(ending: "out_proj.weight", first: 810, between: 760, last: 1160),
    Sensitivity(ending: "x_proj.weight", first: 330, between: 120, last: 120),
    Sensitivity(ending: "dt_proj.weight", first: 290, between: 130, last: 300),
    Sensitivity(ending: "q_proj.weight", first: 150, between: 150, last: 150),
    Sensitivity(ending: "k_proj.weight", first: 150, between: 150, last: 150),
    Sensitivity(ending: "v_proj.weight", first: 520, between: 520, last: 520),
    Sensitivity(ending: "o_proj.weight", first: 520, between: 520, last: 520),
    Sensitivity(ending: "feed_forward.gate_proj.weight", first: 1200, between: 105, last: 105),
    Sensitivity(ending: "feed_forward.up_proj.weight", first: 1200, between: 105, last: 105),
    Sensitivity(ending: "feed_forward.down_proj.weight", first: 3630, between: 160, last: 160),
    Sensitivity(ending: "gate_proj.weight", first: 200, between: 200, last: 1130),
    Sensitivity(ending: "up_proj.weight", first: 200, between: 200, last: 1130),
    Sensitivity(ending: "down_proj.weight", first: 390, between: 390, last: 1040),
  ]

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
  private static func steps(_ groups: [String: (divergence: Double, tensors: [TensorSpecification])]) -> [Step] {
    var steps: [Step] = []
    for (pattern, group) in groups {
      func step(_ from: StorageType, _ to: StorageType) -> Step {
        let byteCount = group.tensors.reduce(0) {
          $0 + to.byteCount(shape: $1.shape)! - from.byteCount(shape: $1.shape)!
        }
        let gain = group.divergence * (from.traits.relativeNoise - to.traits.relativeNoise)
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
    let lastLayer = tensors.compactMap { layer(of: $0.name) }.max()
    var groups: [String: (divergence: Double, tensors: [TensorSpecification])] = [:]
    for tensor in tensors {
      // A tied embedding is the head as well.
      let ending = tensor.name == ModelTensors.embedding && isTied ? ModelTensors.head : tensor.name
      guard let kind = sensitivities.first(where: { ending.hasSuffix($0.ending) }) else { continue }
      let layer = layer(of: tensor.name)
      let divergence = layer == lastLayer || layer == nil ? kind.last : layer == 0 ? kind.first : kind.between
      groups[pattern(of: tensor.name), default: (divergence, [])].tensors.append(tensor)
    }
    return groups
  }

  private static func layer(of name: String) -> Int? {
    let parts = name.split(separator: ".")
    return parts.count > 3 && parts[1] == "layers" ? Int(parts[2]) : nil
  }

  /// "model.layers.1.*.gate_proj.weight" for a layer's matrices of a kind, an expert layer's together.
  private static func pattern(of name: String) -> String {
    guard let layer = layer(of: name) else { return name }
    return "model.layers.\(layer).*.\(name.split(separator: ".").suffix(2).joined(separator: "."))"
  }
}
