import JambaFormat

/// All tensors of a checkpoint whose numbers are held in several, and the sentences on those that cannot be read.
struct PackedFamilies {
  /// Weights, by the name that they have in a checkpoint of floats.
  struct Weights {
    let name: String
    let codes: StoredTensor
    let layout: Result<any PackedLayout, Clause>
  }

  /// Why numbers cannot be read: what follows the tensor's name in a sentence.
  struct Clause: Error {
    let text: String
  }

  let weights: [Weights]
  /// Names of the tensors that are parts of others, and those that are of no use here.
  let companions: Set<ExactString>
  let notes: [String]

  /// Those that know their codes by a name come before those that take any of a type.
  private static var families: [[any PackedFamily.Type]] {
    [
      [
        BitsAndBytes4.self, BitsAndBytes8.self, MLXWeights.self, TransposedWeights.self, PackedIntegers.self,
        PackedFloats.self,
      ],
      [ScaledWeights.self],
    ]
  }

  init(_ shards: SafetensorsShards, _ settings: QuantizationSettings?) throws(ConversionError) {
    let search = PackedSearch(shards: shards, settings: settings)
    var weights: [Weights] = []
    var companions: Set<ExactString> = []
    for families in PackedFamilies.families {
      for codes in shards.tensors where !companions.contains(ExactString(codes.name)) {
        guard let found = families.lazy.compactMap({ $0.init(codes, in: search) }).first else { continue }
        let layout: Result<any PackedLayout, Clause>
        do throws(PackedFault) {
          layout = .success(try found.layout())
        } catch {
          switch error {
          case .clause(let text): layout = .failure(Clause(text: text))
          case .conversion(let error): throw error
          }
        }
        let parts = [codes] + found.companions
        // What is in two files is listed twice, as other tensors are.
        let count = parts.contains { shards.isInTwoFiles($0.name) } ? 2 : 1
        weights += (0..<count).map { _ in Weights(name: found.name, codes: codes, layout: layout) }
        companions.formUnion(parts.map { ExactString($0.name) })
      }
    }
    self.weights = weights
    let ofInputs = PackedFamilies.namesOfInputs(weights, shards)
    let ofCache = PackedFamilies.namesOfCache(shards)
    self.companions = companions.union(ofInputs).union(ofCache)
    var notes: [String] = []
    if let settings, weights.isEmpty {
      notes.append("config.json says that weights are quantized (\(settings.method)), but all are floats, and read as such")
    }
    if !ofCache.isEmpty || settings?.quantizesCache == true {
      notes.append(
        "the checkpoint asks for keys and values in eight bits, which is not done: they are kept as with other models")
    }
    self.notes = notes
  }

  /// What a module's inputs and outputs are rounded by in other runtimes. Here they are not.
  private static func namesOfInputs(_ weights: [Weights], _ shards: SafetensorsShards) -> Set<ExactString> {
    let ends = [
      "input_scale", "input_scale_inv", "input_zero_point", "input_global_scale", "input_scale_ub",
      "input_activation_scale",
      "activation_scale", "output_scale", "output_zero_point",
    ]
    var names: Set<ExactString> = []
    for weights in weights where weights.name.hasSuffix(".weight") {
      let module = weights.name.dropLast("weight".count)
      for end in ends where shards[module + end] != nil { names.insert(ExactString(module + end)) }
    }
    return names
  }

  private static func namesOfCache(_ shards: SafetensorsShards) -> Set<ExactString> {
    let ends = ["k_scale", "v_scale", "q_scale", "prob_scale", "k_zero_point", "v_zero_point"]
    let places = ["k_proj.output_scale", "v_proj.output_scale"]
    return Set(
      shards.tensors.map(\.name).filter { name in
        name.contains(".self_attn.")
          && (ends.contains { name.hasSuffix("." + $0) } || places.contains { name.hasSuffix(".self_attn." + $0) })
      }.map { ExactString($0) })
  }

  /// - Throws: where codes are no matrix, or nothing.
  static func check(_ codes: StoredTensor) throws(PackedFault) {
    guard codes.shape.count >= 2, codes.shape.count <= 3, codes.count > 0 else {
      throw .clause("has shape \(codes.shape), which no quantized matrix has")
    }
  }

  static func misfit(_ codes: StoredTensor, _ other: StoredTensor) -> PackedFault {
    .clause(
      "has codes of shape \(codes.shape), which \(other.name) of type \(other.type) and shape \(other.shape) does not fit"
    )
  }

  static func wrongType(_ other: StoredTensor) -> PackedFault {
    .clause("goes with \(other.name), whose type \(other.type) is not read there")
  }

  /// A shape that a tensor holds.
  static func extents(_ tensor: StoredTensor, count: Int) throws(PackedFault) -> [Int] {
    guard ["I64", "I32"].contains(tensor.type), tensor.shape == [count] else { throw wrongType(tensor) }
    let extents: [Int]
    do throws(ConversionError) { extents = try tensor.integers() } catch { throw .conversion(error) }
    guard extents.allSatisfy({ $0 > 0 }) else { throw .clause("has a shape that makes no sense in \(tensor.name)") }
    return extents
  }
}
