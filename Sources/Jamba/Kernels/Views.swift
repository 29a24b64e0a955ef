import CKernels

// Views that the forward pass is written in. Each is a pointer with its shape; the owners (the model's weights, a
// session's state, the workspace) outlive every call that takes one.

/// A weight matrix `[rows, columns]`, in strips.
@safe
struct Matrix: @unchecked Sendable {  // weights are never written
  /// The place of its tensor in the file's directory.
  let entry: Int
  let raw: jk_matrix

  var rows: Int { unsafe Int(raw.rows) }
  var columns: Int { unsafe Int(raw.columns) }

  /// Whether products with it read the int8 copy of the activations.
  var readsCodes: Bool { unsafe jk_has_codes(raw.type) }

  var storesFullPrecision: Bool { unsafe raw.type == JK_F32 }

  /// The same matrix in memory `byteCount` bytes further on.
  func moved(by byteCount: Int) -> Matrix {
    var moved = unsafe raw
    unsafe moved.strips += byteCount
    return unsafe Matrix(entry: entry, raw: moved)
  }
}

/// A float32 tensor of the model: a norm, a bias, `A`.
@safe
struct Vector: @unchecked Sendable {  // weights are never written
  let base: UnsafePointer<Float>
  let count: Int
}

/// Some columns of a batch of rows: element `[row][column]` is at `base[row * stride + column]`.
@safe
struct Columns {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  /// The same rows from a later column on.
  func dropping(_ columns: Int) -> Columns { unsafe Columns(base: base + columns, stride: stride) }

  func row(_ row: Int) -> Columns { unsafe Columns(base: base + row * stride, stride: stride) }

  subscript(row: Int, column: Int) -> Float {
    get { unsafe base[row * stride + column] }
    nonmutating set { unsafe base[row * stride + column] = newValue }
  }

  func copy(_ other: Columns, width: Int, rows: Int) {
    for row in 0..<rows { unsafe (base + row * stride).update(from: other.base + row * other.stride, count: width) }
  }

  func clear(rows: Int) { unsafe base.update(repeating: 0, count: rows * stride) }
}

/// Row numbers of a batch, for the tokens that go to one expert.
@safe
struct IndexList {
  let base: UnsafeMutablePointer<UInt32>
}

/// A weight per entry of an `IndexList`.
@safe
struct ScaleList {
  let base: UnsafeMutablePointer<Float>
}
