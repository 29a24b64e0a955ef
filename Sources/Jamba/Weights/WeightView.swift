/// Weights in memory: the decoded bytes of all segments that stay, or of those of a leased unit. Looking a tensor up has
/// its bytes checked, if they have not been (`ResidentWeights.address`).
///
/// Invariant: the view of a lease is not used after the lease.
@safe
struct WeightView {
  @safe
  private enum Place {
    case resident(ResidentWeights)
    case slot(WeightUnit, UnsafeRawPointer)
  }

  private let place: Place

  init(_ weights: ResidentWeights) { place = .resident(weights) }

  /// - Parameter base: the unit's memory.
  init(_ unit: WeightUnit, at base: UnsafeRawPointer) { unsafe place = .slot(unit, base) }

  private func address(ofSegment segment: Int, using bytes: Range<Int>) -> UnsafeRawPointer {
    switch place {
    case .resident(let weights): return unsafe weights.address(ofSegment: segment, using: bytes)
    case .slot(let unit, let base):
      guard let part = unit.parts.first(where: { $0.segment == segment }) else {
        preconditionFailure("the segment is not the unit's")
      }
      return unsafe base + part.offset
    }
  }

  private func view(of matrix: Matrix, using bytes: Range<Int>) -> MatrixView {
    unsafe MatrixView(strips: address(ofSegment: matrix.segment, using: bytes) + matrix.offset, matrix.layout)
  }

  subscript(matrix: Matrix) -> MatrixView { view(of: matrix, using: matrix.bytes) }

  /// A matrix of which only this row may be looked at.
  subscript(matrix: Matrix, row row: Int) -> MatrixView { view(of: matrix, using: matrix.bytes(ofRow: row)) }

  subscript(vector: Vector) -> Rows {
    unsafe Rows(
      base: (address(ofSegment: vector.segment, using: vector.bytes) + vector.offset).assumingMemoryBound(to: Float.self),
      count: vector.rows, width: vector.width, stride: vector.width)
  }
}
