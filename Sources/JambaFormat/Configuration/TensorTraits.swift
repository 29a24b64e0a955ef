/// All that is known of a tensor by its role.
package struct TensorTraits: Sendable {
  /// The last parts of its name in a .jamba file, such as "in_proj.weight".
  package let name: String
  package let place: Place
  package let kind: TensorSpecification.Kind
  /// Extents in a .jamba file, outermost first: those of a matrix are rows and columns.
  package let axes: [TensorAxis]
  package let condition: Condition
  /// What a checkpoint holds instead.
  package let source: Source
  /// The last parts of the name that older tools gave it.
  package let formerName: String?
  /// Where checkpoints with the experts of a layer in one tensor have it.
  package let fused: FusedExperts?
  /// The type in which every recipe stores it, as what it decides must not move with rounding; nil where the recipe
  /// decides.
  package let leastPrecision: StorageType?
  /// The matrix whose input is this one's as well.
  package let inputOf: TensorRole?
  /// What the converter's report counts it with.
  package let family: String

  /// The part of the model that has it, which is the first parts of its name.
  package enum Place: Sendable {
    /// No part: the name stands alone.
    case outside
    case model
    case layer
    case mamba
    case attention
    /// A feed-forward part that is dense, or an expert of one that is not.
    case feedForward
    /// A feed-forward part of several experts.
    case mixture

    package var isInLayer: Bool { self != .outside && self != .model }
  }

  /// Which models have it.
  package enum Condition: Sendable {
    case always, isUntied, hasProjectionBias, hasConvolutionBias

    package func holds(for c: ModelConfiguration) -> Bool {
      switch self {
      case .always: true
      case .isUntied: !c.tieWordEmbeddings
      case .hasProjectionBias: c.mambaProjBias
      case .hasConvolutionBias: c.mambaConvBias
      }
    }
  }

  /// How a checkpoint holds what becomes `[rows, columns]` in the file.
  package enum Source: Sendable {
    /// As the file does.
    case same
    /// `[columns, middle, rows]`.
    case transposed(inTheMiddle: TensorAxis)
    /// `[columns, rows]`, under another name: of A = -exp(A_log).
    case logarithm(named: String)
  }

  /// A slice of a tensor that holds all experts of a layer, `[experts, count x rows, columns]`.
  package struct FusedExperts: Sendable {
    package let name: String
    /// The number of the slice among `count` in an expert's rows.
    package let part: Int
    package let count: Int
  }

  static func matrix(
    _ name: String, in place: Place, _ rows: TensorAxis, _ columns: TensorAxis, family: String,
    if condition: Condition = .always, leastPrecision: StorageType? = nil, inputOf: TensorRole? = nil,
    fused: FusedExperts? = nil
  ) -> TensorTraits {
    TensorTraits(
      name: name, place: place, kind: .matrix, axes: [rows, columns], condition: condition, source: .same,
      formerName: nil, fused: fused, leastPrecision: leastPrecision, inputOf: inputOf, family: family)
  }

  static func vector(
    _ name: String, in place: Place, _ axes: TensorAxis..., if condition: Condition = .always,
    from source: Source = .same, once formerName: String? = nil
  ) -> TensorTraits {
    TensorTraits(
      name: name, place: place, kind: .vector, axes: axes, condition: condition, source: source,
      formerName: formerName, fused: nil, leastPrecision: nil, inputOf: nil, family: "norms, biases, scan")
  }

  package func shape(in c: ModelConfiguration) -> [Int] { axes.map { $0.extent(in: c) } }

  /// The shape that a checkpoint has it in.
  package func sourceShape(in c: ModelConfiguration) -> [Int] {
    let axes: [TensorAxis] =
      switch source {
      case .same: axes
      case .transposed(let middle): [axes[1], middle, axes[0]]
      case .logarithm: [axes[1], axes[0]]
      }
    return axes.map { $0.extent(in: c) }
  }
}

/// What the extent of a dimension is.
package enum TensorAxis: Sendable {
  case one
  case vocabulary, hidden, intermediate, experts
  /// Channels of the Mamba mixer; twice of them, x and z; and what `x_proj` makes of them: dt, B and C.
  case inner, twiceInner, parameters
  case taps, state, dtRank
  /// All heads of a token's queries, and of its keys or values.
  case queries, keys

  package func extent(in c: ModelConfiguration) -> Int {
    switch self {
    case .one: 1
    case .vocabulary: c.vocabSize
    case .hidden: c.hiddenSize
    case .intermediate: c.intermediateSize
    case .experts: c.numExperts
    case .inner: c.innerSize
    case .twiceInner: 2 * c.innerSize
    case .parameters: c.mambaDtRank + 2 * c.mambaDState
    case .taps: c.mambaDConv
    case .state: c.mambaDState
    case .dtRank: c.mambaDtRank
    case .queries: c.numAttentionHeads * c.headDim
    case .keys: c.numKeyValueHeads * c.headDim
    }
  }
}
