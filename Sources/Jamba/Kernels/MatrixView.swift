import CKernels
import JambaFormat

/// A weight matrix `[rows, columns]` in memory, in strips of eight rows.
///
/// Invariant: as for `Rows`. Sendable: weights are never written.
@safe
struct MatrixView: @unchecked Sendable {
  let raw: jk_matrix
  let type: StorageType

  var rows: Int { unsafe Int(raw.rows) }
  var columns: Int { unsafe Int(raw.columns) }

  init(strips: UnsafeRawPointer, type: StorageType, rows: Int, columns: Int) {
    unsafe raw = jk_matrix(strips: strips, type: type.kernelType, rows: UInt32(rows), columns: UInt32(columns))
    self.type = type
  }
}

extension StorageType {
  /// Whether products with such a matrix read the int8 copy of the activations.
  var readsCodes: Bool {
    switch self {
    case .int4, .int6, .int8: true
    case .f32, .bf16, .vector, .document: false
    }
  }

  fileprivate var kernelType: jk_type {
    switch self {
    case .f32: JK_F32
    case .bf16: JK_BF16
    case .int8: JK_I8
    case .int6: JK_I6
    case .int4: JK_NL4
    case .vector, .document: preconditionFailure("\(name) is no matrix")
    }
  }
}
