import JambaFormat

/// The state of one Mamba layer, carried from token to token, float32.
struct MambaState {
  /// The scan's state, `[state, inner]`.
  let scan: MutableRows
  /// The convolution's last inputs, `[taps - 1, inner]`, the oldest first.
  let convolution: MutableRows

  /// - Parameter base: `byteCount` bytes.
  init(_ base: UnsafeMutableRawPointer, _ c: ModelConfiguration) {
    let floats = unsafe base.assumingMemoryBound(to: Float.self)
    scan = unsafe MutableRows(base: floats, count: c.mambaDState, width: c.innerSize, stride: c.innerSize)
    convolution = unsafe MutableRows(
      base: floats + c.mambaDState * c.innerSize, count: c.mambaDConv - 1, width: c.innerSize, stride: c.innerSize)
  }

  static func byteCount(_ c: ModelConfiguration) -> Int { 4 * (c.mambaDState + c.mambaDConv - 1) * c.innerSize }
}

/// A Mamba layer's part of a `PassTrace`, float32: the inputs that advance its state.
struct MambaTrace {
  /// The convolution's inputs, `[tokens, inner]`.
  let x: MutableRows
  /// dt_proj's output, `[tokens, inner]`.
  let dt: MutableRows
  /// `[tokens, state]`
  let b: MutableRows

  /// - Parameter base: `byteCount` bytes.
  init(_ base: UnsafeMutableRawPointer, _ c: ModelConfiguration, capacity: Int) {
    let floats = unsafe base.assumingMemoryBound(to: Float.self)
    x = unsafe MutableRows(base: floats, count: capacity, width: c.innerSize, stride: c.innerSize)
    dt = unsafe MutableRows(
      base: floats + capacity * c.innerSize, count: capacity, width: c.innerSize, stride: c.innerSize)
    b = unsafe MutableRows(
      base: floats + 2 * capacity * c.innerSize, count: capacity, width: c.mambaDState, stride: c.mambaDState)
  }

  static func byteCount(_ c: ModelConfiguration, capacity: Int) -> Int {
    4 * capacity * (2 * c.innerSize + c.mambaDState)
  }
}
