import JambaFormat
import JambaSystem

/// Who watches a pass, to measure: layers know nothing of it. Called on the thread that computes, in the order of the pass.
package protocol PassObserver: AnyObject {
  /// Layer `layer` is about to begin; after the last one once more, with the number of layers.
  ///
  /// - Parameter residual: the residual stream, `[tokens, hidden]`.
  func layerBegins(_ layer: Int, residual: ResidualStream)

  /// A matrix has been multiplied with its input. The head counts as multiplied with all tokens, whether or not their
  /// logits are wanted.
  func didMultiply(_ matrix: MatrixInput)

  /// The router of a layer has chosen experts.
  ///
  /// - Parameter experts: by token, ascending.
  func routerChose(_ experts: [[Int]], layer: Int)
}

extension PassObserver {
  package func layerBegins(_ layer: Int, residual: ResidualStream) {}
  package func didMultiply(_ matrix: MatrixInput) {}
  package func routerChose(_ experts: [[Int]], layer: Int) {}
}

/// The residual stream as an observer sees it. Good for the call only.
package struct ResidualStream {
  let rows: Rows

  /// A copy, `[tokens * hidden]`.
  package func copy() -> [Float] { (0..<rows.count).flatMap { row in (0..<rows.width).map { rows[row, $0] } } }
}

/// A matrix and what it was multiplied with, as an observer sees them. Good for the call only.
package struct MatrixInput {
  package let tensor: TensorID
  private let input: Activations
  private let rows: IndexList?
  private let engine: Engine

  init(_ matrix: Matrix, _ input: Activations, rows: IndexList?, _ engine: Engine) {
    tensor = matrix.tensor
    self.input = input
    self.rows = rows
    self.engine = engine
  }

  /// Tokens, and values of each.
  package var tokenCount: Int { rows?.count ?? input.count }
  package var columns: Int { input.width }

  /// Adds the products of every two columns of a block, summed over the tokens, to `sums`, floats `[blocks][size][size]`.
  package func addMoments(blockSize: Int, to sums: AlignedBuffer) {
    engine.addMoments(of: input, rows: rows, blockSize: blockSize, to: sums)
  }
}
