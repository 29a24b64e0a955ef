import CKernels
import JambaFormat

/// How a weight matrix `[rows, columns]` lies in memory: in strips of eight rows, as its type has them.
struct MatrixLayout: Sendable {
  let rows: Int
  let columns: Int
  /// Whether products with it read the int8 copy of the activations.
  let readsCodes: Bool
  fileprivate let type: jk_type

  var stripCount: Int { (rows + StorageType.stripRows - 1) / StorageType.stripRows }

  init(_ type: StorageType, rows: Int, columns: Int) {
    self.type = type.kernelType
    self.rows = rows
    self.columns = columns
    readsCodes = type.traits.hasCodes
  }
}

/// A weight matrix in memory.
///
/// Invariant: as for `Rows`. Sendable: weights are never written.
@safe
struct MatrixView: @unchecked Sendable {
  let raw: jk_matrix
  let readsCodes: Bool

  var rows: Int { unsafe Int(raw.rows) }
  var columns: Int { unsafe Int(raw.columns) }

  init(strips: UnsafeRawPointer, _ layout: MatrixLayout) {
    unsafe raw = jk_matrix(
      strips: strips, type: layout.type, rows: UInt32(layout.rows), columns: UInt32(layout.columns))
    readsCodes = layout.readsCodes
  }
}
