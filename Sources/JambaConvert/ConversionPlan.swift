import JambaFormat

/// What goes into the file, segment by segment. `Source` is where a tensor's numbers come from.
struct ConversionPlan<Source> {
  struct Tensor {
    let specification: TensorSpecification
    let type: StorageType
    /// As in `Recipe.Rule`.
    let step: Float
    let source: Source
    /// Within the segment.
    var offset = 0

    var byteCount: Int { type.byteCount(shape: specification.shape)! }
  }

  struct Segment {
    var tensors: [Tensor] = []
    var byteCount = 0
    /// Read for every token, so that it is not worth unpacking on the way.
    var isHot = true

    mutating func append(_ tensor: Tensor) {
      var tensor = tensor
      tensor.offset = (byteCount + 63) / 64 * 64
      byteCount = tensor.offset + tensor.byteCount
      tensors.append(tensor)
    }
  }

  private(set) var segments: [Segment] = []

  /// Tensors below this share a segment with their neighbours.
  private static var smallTensor: Int { 1 << 20 }

  init(_ configuration: ModelConfiguration, _ recipe: Recipe, source: (TensorSpecification) -> Source) {
    let tensors = ModelTensors(configuration)
    let recipe = recipe.resolved(for: tensors.all)
    func plan(_ specification: TensorSpecification) -> Tensor {
      let rule = recipe.rule(for: specification.name)
      let isVector = specification.kind == .vector
      return Tensor(
        specification: specification, type: isVector ? .vector : rule.type, step: rule.step,
        source: source(specification))
    }
    func add(_ specifications: [TensorSpecification]) {
      var small = Segment()
      for tensor in specifications.map(plan) {
        guard tensor.byteCount >= ConversionPlan.smallTensor else {
          small.append(tensor)
          continue
        }
        var own = Segment()
        own.append(tensor)
        // A row a token is read of embeddings that are not the head as well.
        own.isHot = tensor.specification.id.role != .embedding || configuration.tieWordEmbeddings
        segments.append(own)
      }
      if !small.tensors.isEmpty { segments.append(small) }
    }
    add(tensors.outer)
    for layer in 0..<configuration.numHiddenLayers {
      add(tensors.layer(layer))
      let experts = configuration.expertCount(ofLayer: layer)
      guard experts > 1 else { continue }
      for expert in 0..<experts {
        var segment = Segment()
        segment.isHot = false
        for specification in tensors.expert(expert, ofLayer: layer) { segment.append(plan(specification)) }
        segments.append(segment)
      }
    }
  }
}

extension ConversionPlan<SourceTensor> {
  var sourceByteCount: Int {
    segments.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.source.byteCount } }
  }

  /// What most weights are stored as.
  var mostFrequentType: StorageType {
    var counts: [StorageType: Int] = [:]
    for tensor in segments.flatMap(\.tensors) where tensor.type.isMatrix {
      counts[tensor.type, default: 0] += tensor.source.rows * tensor.source.columns
    }
    return counts.max { ($0.value, $1.key.name) < ($1.value, $0.key.name) }?.key ?? .f32
  }
}
