// Views that kernels read and write. A view is a pointer with its extents: taking a part of one is checked, and so are
// the extents of every operation's arguments. Invariant: the owner (the model's weights, a sequence's state, the
// workspace) outlives every pass that takes a view of it, and views do not outlive the pass.

/// Rows of float32 to read: `[count, width]`, row r, column c at `base[r * stride + c]`.
@safe
struct Rows: @unchecked Sendable {  // nobody writes through it
  let base: UnsafePointer<Float>
  let count: Int
  let width: Int
  let stride: Int

  init(base: UnsafePointer<Float>, count: Int, width: Int, stride: Int) {
    precondition(count >= 0 && width >= 0 && stride >= width, "rows of impossible extents")
    unsafe self.base = base
    self.count = count
    self.width = width
    self.stride = stride
  }

  func rows(_ range: Range<Int>) -> Rows {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count)")
    return unsafe Rows(base: base + range.lowerBound * stride, count: range.count, width: width, stride: stride)
  }

  func columns(_ range: Range<Int>) -> Rows {
    precondition(range.lowerBound >= 0 && range.upperBound <= width, "columns \(range) of \(width)")
    return unsafe Rows(base: base + range.lowerBound, count: count, width: range.count, stride: stride)
  }

  subscript(row: Int, column: Int) -> Float {
    precondition(0..<count ~= row && 0..<width ~= column, "element outside of the rows")
    return unsafe base[row * stride + column]
  }

  func withRow<Result>(_ row: Int, _ body: (Span<Float>) -> Result) -> Result {
    precondition(0..<count ~= row, "row \(row) of \(count)")
    return body(unsafe Span(_unsafeStart: base + row * stride, count: width))
  }
}

/// Rows of float32 to write: `[count, width]`, with `padding` columns behind them that kernels fill with zeros.
@safe
struct MutableRows {
  let base: UnsafeMutablePointer<Float>
  let count: Int
  let width: Int
  let stride: Int
  let padding: Int

  init(base: UnsafeMutablePointer<Float>, count: Int, width: Int, stride: Int, padding: Int = 0) {
    precondition(count >= 0 && width >= 0 && stride >= width + padding, "rows of impossible extents")
    unsafe self.base = base
    self.count = count
    self.width = width
    self.stride = stride
    self.padding = padding
  }

  var values: Rows { unsafe Rows(base: base, count: count, width: width, stride: stride) }

  func rows(_ range: Range<Int>) -> MutableRows {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count)")
    return unsafe MutableRows(
      base: base + range.lowerBound * stride, count: range.count, width: width, stride: stride, padding: padding)
  }

  subscript(row: Int, column: Int) -> Float {
    get { values[row, column] }
    nonmutating set {
      precondition(0..<count ~= row && 0..<width ~= column, "element outside of the rows")
      unsafe base[row * stride + column] = newValue
    }
  }

  func copy(_ other: Rows) {
    precondition(other.count == count && other.width == width, "rows of other extents")
    for row in 0..<count { unsafe (base + row * stride).update(from: other.base + row * other.stride, count: width) }
  }

  func clear() {
    for row in 0..<count { unsafe (base + row * stride).update(repeating: 0, count: width + padding) }
  }

  /// Traps unless a kernel may write `columns` columns a row, which are the rows' own, rounded up.
  func require(_ columns: Int, roundedUpTo multiple: Int) {
    precondition(
      columns == width && (columns + multiple - 1) / multiple * multiple <= width + padding, "\(columns) columns into \(width)")
  }
}

/// Numbers of rows of a batch, distinct and all below `end`: the tokens that go to one expert.
@safe
struct IndexList {
  let base: UnsafePointer<UInt32>
  let count: Int
  let end: Int

  subscript(index: Int) -> Int {
    precondition(0..<count ~= index, "entry \(index) of \(count)")
    return unsafe Int(base[index])
  }

  func part(_ range: Range<Int>) -> IndexList {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "entries \(range) of \(count)")
    return unsafe IndexList(base: base + range.lowerBound, count: range.count, end: end)
  }
}

/// A weight per entry of an `IndexList`.
@safe
struct ScaleList {
  let base: UnsafePointer<Float>
  let count: Int
}
