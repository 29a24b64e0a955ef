import JambaFormat

/// One pass of the next tokens of some sequences through the layers: the verbs that layers are written in, each on the
/// workspace's rows, with the weights where they are now.
struct Pass {
  let engine: Engine
  let configuration: ModelConfiguration
  let workspace: Workspace
  let sequences: [SequenceRows]
  let observer: (any PassObserver)?
  /// nil where no sequence has one.
  let adapters: AdapterPass?
  /// Where the weights are that the verbs name.
  private var weights: WeightView
  /// The rows that activations of some tokens alone are of; nil where they are of all.
  private var tokens: IndexList?

  init(
    _ sequences: [SequenceRows], _ engine: Engine, _ configuration: ModelConfiguration, _ workspace: Workspace,
    _ weights: WeightView, adapters: AdapterPass? = nil, observer: (any PassObserver)? = nil
  ) {
    self.adapters = adapters
    self.engine = engine
    self.configuration = configuration
    self.workspace = workspace
    self.sequences = sequences
    self.weights = weights
    self.observer = observer
  }

  /// Tokens of all sequences.
  var count: Int { sequences.last?.rows.upperBound ?? 0 }

  /// The same pass with weights that are elsewhere.
  func with(_ weights: WeightView) -> Pass {
    var pass = self
    pass.weights = weights
    return pass
  }

  /// The same pass for some of its tokens, whose rows follow each other.
  func of(_ tokens: IndexList) -> Pass {
    var pass = self
    pass.tokens = tokens
    return pass
  }

  subscript(vector: Vector) -> Rows { weights[vector] }

  /// y = W x, with what adapters change of it; with `rows`, only for those rows of x, one after the other.
  func multiply(_ matrix: Matrix, _ x: Activations, rows: IndexList? = nil, into y: Activations) {
    multiply([(matrix, y)], x, rows: rows)
  }

  /// As `multiply`, for matrices that read the same input.
  func multiply(_ products: [(matrix: Matrix, y: Activations)], _ x: Activations, rows: IndexList? = nil) {
    for (matrix, y) in products { multiply(matrix, x, rows: rows, into: y.mutableValues) }
    adapters?.add(products.map { ($0.matrix.tensor, $0.y.mutableValues) }, of: x, rows: rows, tokens: rows ?? tokens)
  }

  /// The head's product. It may be the embedding as a matrix, and has adapters of its own even so.
  func multiply(head: Matrix, _ x: Activations, into y: MutableRows) {
    multiply(head, x, rows: nil, into: y)
    adapters?.add([(TensorID(.head), y)], of: x, rows: nil, tokens: nil)
  }

  private func multiply(_ matrix: Matrix, _ x: Activations, rows: IndexList?, into y: MutableRows) {
    engine.multiply(weights[matrix], x, rows: rows, into: y)
    observer?.didMultiply(MatrixInput(matrix, x, rows: rows, engine))
  }

  /// y = norm(x) * weight, the norm over each row's mean square.
  func normalize(_ x: Rows, by weight: Vector, into y: Activations) {
    engine.normalize(x, by: weights[weight], epsilon: configuration.rmsNormEps, into: y.mutableValues)
  }

  /// y += bias, where there is one.
  func add(_ bias: Vector?, to y: Activations) {
    if let bias { engine.add(weights[bias], to: y.mutableValues) }
  }

  /// Remembers sequences whose residual stream is no longer made of numbers. What is none stays so: one row of each is looked
  /// at, the last, or the first of a pass with guesses, which may be wrong.
  func checkNumbers(_ part: NumberFault.Part, layer: Int? = nil) {
    for sequence in sequences where sequence.state.fault == nil && !sequence.rows.isEmpty {
      let row = sequence.trace == nil ? sequence.rows.upperBound - 1 : sequence.rows.lowerBound
      if !engine.isFinite(row, of: workspace.residual.values) {
        sequence.state.fault = NumberFault(part: part, layer: layer)
      }
    }
  }

  /// The row of a matrix as float32.
  func decode(row: Int, of matrix: Matrix, into y: MutableRows) {
    engine.decode(row: row, of: weights[matrix, row: row], into: y)
  }
}

/// The tokens of one sequence in a pass.
struct SequenceRows {
  let tokens: ArraySlice<Int32>
  let state: SequenceState
  /// Keeps what `Network.replay` needs, in place of advancing the state.
  let trace: PassTrace?
  /// Their rows in the workspace.
  let rows: Range<Int>

  init(_ tokens: ArraySlice<Int32>, _ state: SequenceState, trace: PassTrace? = nil, firstRow: Int = 0) {
    self.tokens = tokens
    self.state = state
    self.trace = trace
    rows = firstRow..<firstRow + tokens.count
  }
}
