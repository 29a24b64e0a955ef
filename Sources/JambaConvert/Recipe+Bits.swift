import JambaFormat

extension Recipe {
  /// The recipe whose matrices take at most `bits` a weight on average, scales and padding included, and cost the least
  /// divergence that way: all begin in 2 bits, and then whichever step to more bits gains the most for its bytes is taken, one kind of
  /// matrix in one layer at a time.
  ///
  /// - Throws: `unusable` when 2 bits everywhere take more; as opening the checkpoint.
  public static func meeting(
    bits: Double, checkpoint path: String, adapters: [AdapterSource] = []
  ) throws(ConversionError) -> Recipe {
    try meeting(bits: bits, try openCheckpoint(path, adapters: adapters).configuration, path: path)
  }

  /// - Parameter path: where the configuration is from.
  package static func meeting(
    bits: Double, _ configuration: ModelConfiguration, path: String
  ) throws(ConversionError) -> Recipe {
    let tensors = ModelTensors(configuration).all.filter { $0.kind == .matrix }
    let weightCount = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let least = uniform(.int2)
    var byteCount = tensors.reduce(0) { $0 + least.rule(for: $1.name).type.byteCount(shape: $1.shape)! }
    let limit = bits * Double(weightCount) / 8
    guard Double(byteCount) <= limit else {
      let needed = (Double(byteCount) * 800 / Double(weightCount)).rounded(.up) / 100
      throw .unusable(path: path, reason: "its matrices take at least \(needed) bits a weight")
    }
    var types: [String: StorageType] = [:]
    for step in steps(groups(tensors), through: [.int2, .int3, .int4, .int6, .int8])
    where types[step.pattern, default: .int2] == step.from && Double(byteCount + step.byteCount) <= limit {
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
    for step in steps(groups, through: [.int4, .int6, .int8])
    where types[step.pattern, default: .int4] == step.from && step.worth * weightCount / 8 >= leastGain * inFourBits {
      types[step.pattern] = step.to
    }
    return types.sorted { $0.key < $1.key }.map { Rule(pattern: $0.key, type: $0.value) }
  }

  /// The divergence that 4 bits cost in one matrix, or in all of a layer's experts, in units of 0.000001.
  private struct Sensitivity {
    /// In the first layer, the last, and each of the others.
    let first: Double
    let between: Double
    let last: Double

    init(first: Double, between: Double, last: Double) {
      self.first = first
      self.between = between
      self.last = last
    }

    /// The same wherever it is.
    init(_ divergence: Double) { self.init(first: divergence, between: divergence, last: divergence) }
  }

  /// Measured on the demo model (tools/measure/sensitivity, docs/QUALITY.md). What an error does depends on its size beside the
  /// signal, not on how many weights a matrix has, and so other models are taken to be alike.
  ///
  /// - Returns: nil for what is not quantized.
  private static func sensitivity(of id: TensorID, isTied: Bool) -> Sensitivity? {
    switch id.role {
    case .head: Sensitivity(6170)
    // A tied embedding is the head as well.
    case .embedding: Sensitivity(isTied ? 6170 : 3570)
    case .inProjection: Sensitivity(first: 1550, between: 1270, last: 2870)
    case .outProjection: Sensitivity(first: 810, between: 760, last: 1160)
    case .parameterProjection: Sensitivity(first: 330, between: 120, last: 120)
    case .dtProjection: Sensitivity(first: 290, between: 130, last: 300)
    case .queryProjection, .keyProjection: Sensitivity(150)
    case .valueProjection, .attentionOutProjection: Sensitivity(520)
    case .gateProjection, .upProjection:
      id.expert == nil
        ? Sensitivity(first: 1200, between: 105, last: 105) : Sensitivity(first: 200, between: 200, last: 1130)
    case .downProjection:
      id.expert == nil
        ? Sensitivity(first: 3630, between: 160, last: 160) : Sensitivity(first: 390, between: 390, last: 1040)
    case .router: nil
    case .finalNorm, .inputNorm, .feedForwardNorm, .inBias, .convolution, .convolutionBias, .dtNorm, .bNorm, .cNorm,
      .dtBias, .a, .d, .outBias:
      nil
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

  /// All steps that may be taken from one of the types to a later one, those that are worth most first.
  private static func steps(
    _ groups: [String: (divergence: Double, tensors: [TensorSpecification])], through types: [StorageType]
  ) -> [Step] {
    var steps: [Step] = []
    for (pattern, group) in groups {
      func step(_ from: StorageType, _ to: StorageType) -> Step {
        let byteCount = group.tensors.reduce(0) {
          $0 + to.byteCount(shape: $1.shape)! - from.byteCount(shape: $1.shape)!
        }
        let gain = group.divergence * (from.traits.relativeNoise - to.traits.relativeNoise)
        return Step(pattern: pattern, from: from, to: to, byteCount: byteCount, worth: gain / Double(max(byteCount, 1)))
      }
      // Padding may make a later step the better one; then both are one.
      var way: [Step] = []
      for type in types.dropFirst() {
        var last = step(way.last?.to ?? types[0], type)
        while let before = way.last, before.worth <= last.worth {
          way.removeLast()
          last = step(before.from, type)
        }
        way.append(last)
      }
      steps += way
    }
    return steps.sorted { $0.worth != $1.worth ? $0.worth > $1.worth : $0.pattern < $1.pattern }
  }

  /// Matrices that are stored alike: those of a kind in a layer, by the pattern that names them, with what 4 bits cost there.
  static func groups(_ tensors: [TensorSpecification]) -> [String: (divergence: Double, tensors: [TensorSpecification])] {
    let isTied = !tensors.contains { $0.id.role == .head }
    let lastLayer = tensors.compactMap(\.id.layer).max()
    var groups: [String: (divergence: Double, tensors: [TensorSpecification])] = [:]
    for tensor in tensors {
      guard let kind = sensitivity(of: tensor.id, isTied: isTied) else { continue }
      let layer = tensor.id.layer
      let divergence = layer == lastLayer ? kind.last : layer == 0 ? kind.first : kind.between
      groups[tensor.id.kindPattern, default: (divergence, [])].tensors.append(tensor)
    }
    return groups
  }
}
