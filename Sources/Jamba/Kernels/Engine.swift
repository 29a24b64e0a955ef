import CKernels
import JambaSystem

/// The kernels as the layers call them: one verb an operation, views instead of pointers, extents checked.
///
/// Invariant: the pool and the kernel table live as long as the engine. Sendable: the pool serialises its callers and the
/// table is constant.
@safe
final class Engine: @unchecked Sendable {
  private let pool: OpaquePointer
  private let engine: jk_engine
  let threadCount: Int
  /// Such as "avx2".
  let instructionSetName: String

  init(threads: Int, instructionSet: InstructionSet) throws(JambaError) {
    let set = instructionSet == .automatic ? jk_best_instruction_set() : JK_SCALAR
    guard let kernels = unsafe jk_kernels_of(set), let pool = unsafe jk_pool_create(threads) else {
      throw .cannotStart(reason: "\(threads) threads cannot be started")
    }
    unsafe self.pool = pool
    unsafe engine = jk_engine(pool: pool, kernels: kernels)
    threadCount = threads
    instructionSetName = unsafe String(cString: jk_instruction_set_name(set))
  }

  deinit { unsafe jk_pool_free(pool) }

  private func call(_ body: (UnsafePointer<jk_engine>) -> Void) {
    unsafe withUnsafePointer(to: engine) { unsafe body($0) }
  }

  /// Runs the body for 0..<count on all threads.
  func forEach(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    var context = body
    unsafe withUnsafeMutablePointer(to: &context) { pointer in
      unsafe jk_pool_run(
        pool,
        { context, first, last in
          let body = unsafe context!.assumingMemoryBound(to: (@Sendable (Int) -> Void).self)
          for index in first..<last { unsafe body.pointee(index) }
        }, pointer, count, 1)
    }
  }

  // MARK: Matrices

  /// y = W x for the rows of x; with `rows`, y[i] = W x[rows[i]]. Makes the int8 copy of x where the matrix's type reads
  /// it and there is none of these values.
  func multiply(_ matrix: MatrixView, _ x: Activations, rows: IndexList? = nil, into y: MutableRows) {
    precondition(x.width == matrix.columns && y.count == rows?.count ?? x.count, "a product of other extents")
    precondition(rows?.end ?? 0 <= x.count, "the list names rows that are not there")
    y.require(matrix.rows, roundedUpTo: 8)
    unsafe call { engine in
      unsafe x.withKernelRows(
        codes: matrix.readsCodes, makeCodes: { unsafe jk_quantize(engine, $0, x.count) }
      ) { x in
        unsafe withUnsafePointer(to: matrix.raw) {
          unsafe jk_matmul(engine, $0, x, rows?.base, y.count, y.base, y.stride)
        }
      }
    }
  }

  /// y = W x for consecutive rows of x.
  func multiply(_ matrix: MatrixView, _ x: Activations, rows: Range<Int>, into y: MutableRows) {
    precondition(x.width == matrix.columns && y.count == rows.count, "a product of other extents")
    y.require(matrix.rows, roundedUpTo: 8)
    unsafe withPart(of: x, rows, firstColumn: 0, for: matrix) { engine, matrix, part in
      unsafe jk_matmul(engine, matrix, part, nil, y.count, y.base, y.stride)
    }
  }

  /// y += scale (W x) for the first rows of x, as many as y has, and some of its columns, from a multiple of 32 on: what
  /// products with all of them would add, were the weights of the others zero.
  func add(_ matrix: MatrixView, _ x: Activations, firstColumn: Int, scale: Float, to y: MutableRows) {
    precondition(
      firstColumn % Activations.group == 0 && firstColumn >= 0 && firstColumn + matrix.columns <= x.width
        && y.width == matrix.rows, "a product of other extents")
    unsafe withPart(of: x, 0..<y.count, firstColumn: firstColumn, for: matrix) { engine, matrix, part in
      unsafe jk_add_matmul(engine, matrix, part, y.count, scale, y.base, y.stride)
    }
  }

  /// Calls a kernel with some rows and columns of x, whose int8 copy is made if the matrix's type reads it.
  private func withPart(
    of x: Activations, _ rows: Range<Int>, firstColumn: Int, for matrix: MatrixView,
    _ body: (UnsafePointer<jk_engine>, UnsafePointer<jk_matrix>, UnsafePointer<jk_rows>) -> Void
  ) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= x.count, "rows \(rows) of \(x.count)")
    unsafe call { engine in
      unsafe x.withKernelRows(
        codes: matrix.readsCodes, makeCodes: { unsafe jk_quantize(engine, $0, x.count) }
      ) { x in
        var part = unsafe x.pointee
        let first = unsafe rows.lowerBound * part.stride + firstColumn
        unsafe part.values += first
        if matrix.readsCodes {
          unsafe part.codes += first
          unsafe part.scales += first / Activations.group
          unsafe part.offsets += first / Activations.group
        }
        unsafe withUnsafePointer(to: matrix.raw) { matrix in
          unsafe withUnsafePointer(to: part) { unsafe body(engine, matrix, $0) }
        }
      }
    }
  }

  /// Row `row` of a matrix as float32, `[1, columns]`.
  func decode(row: Int, of matrix: MatrixView, into y: MutableRows) {
    precondition(0..<matrix.rows ~= row && y.count == 1 && y.width == matrix.columns, "a row of other extents")
    unsafe withUnsafePointer(to: matrix.raw) { unsafe jk_decode_row($0, row, y.base) }
  }

  /// Adds the products of every two columns of a block, summed over rows of x, to `sums`, floats `[blocks][size][size]`
  /// for blocks of `size` columns (jk_add_moments).
  func addMoments(of x: Activations, rows: IndexList?, blockSize size: Int, to sums: borrowing AlignedBuffer) {
    precondition(rows?.end ?? 0 <= x.count, "the list names rows that are not there")
    precondition(
      sums.byteCount >= 4 * ((x.width + size - 1) / size) * size * size, "there is no room for the sums of all blocks")
    unsafe call { engine in
      unsafe x.withKernelRows(codes: false, makeCodes: { _ in }) {
        unsafe jk_add_moments(
          engine, $0, rows?.base, rows?.count ?? x.count, x.width, size, sums.pointer(to: Float.self))
      }
    }
  }

  // MARK: Vectors

  /// y = x / sqrt(mean(x^2) + epsilon) * weight; weight `[1, width]`.
  func normalize(_ x: Rows, by weight: Rows, epsilon: Float, into y: MutableRows) {
    precondition(x.count == y.count && x.width == weight.width && weight.count == 1, "a norm of other extents")
    y.require(x.width, roundedUpTo: 32)
    unsafe call {
      unsafe jk_rms_norm($0, x.base, x.stride, weight.base, epsilon, x.width, x.count, y.base, y.stride)
    }
  }

  /// Whether a row has neither infinities nor what is not a number.
  func isFinite(_ row: Int, of x: Rows) -> Bool {
    let row = x.rows(row..<row + 1)
    return unsafe jk_are_finite(row.base, row.width)
  }

  /// y += x; x of one row is added to every row of y.
  func add(_ x: Rows, to y: MutableRows) {
    precondition(x.width == y.width && (x.count == y.count || x.count == 1), "a sum of other extents")
    unsafe call { unsafe jk_add($0, y.base, y.stride, x.base, x.count == 1 ? 0 : x.stride, y.width, y.count) }
  }

  /// y[rows[i]] += scales[i] x[i]
  func add(_ x: Rows, scaledBy scales: ScaleList, toRows rows: IndexList, of y: MutableRows) {
    precondition(x.width == y.width && x.count == rows.count && x.count == scales.count, "a sum of other extents")
    precondition(rows.end <= y.count, "the list names rows that are not there")
    unsafe call {
      unsafe jk_add_scaled($0, y.base, y.stride, rows.base, x.base, x.stride, scales.base, y.width, x.count)
    }
  }

  /// gate = silu(gate) * up
  func gate(_ gate: MutableRows, with up: Rows) {
    precondition(gate.width == up.width && gate.count == up.count, "a gate of other extents")
    unsafe call {
      unsafe jk_silu_multiply($0, gate.base, gate.stride, up.base, up.stride, gate.width, gate.count)
    }
  }

  /// Each row becomes exp(x) / sum(exp(x)).
  func softmax(_ x: MutableRows) {
    unsafe call { engine in
      for row in 0..<x.count { unsafe jk_softmax(engine, x.base + row * x.stride, x.width) }
    }
  }

  // MARK: Mamba

  /// y = silu(conv1d(x) + bias), causal and depthwise (jk_convolution).
  ///
  /// - Parameters:
  ///   - weight: `[taps, channels]`; the last tap multiplies the current token.
  ///   - bias: `[1, channels]`.
  ///   - history: `[taps - 1, channels]`, the inputs before x, the oldest first.
  ///   - advances: whether the history becomes that of the next tokens.
  func convolve(
    _ x: Rows, weight: Rows, bias: Rows?, history: MutableRows, advances: Bool, into y: MutableRows
  ) {
    let channels = weight.width
    precondition(
      x.width == channels && y.width == channels && x.count == y.count && bias?.width ?? channels == channels
        && history.count == weight.count - 1 && history.width == channels && history.stride == channels
        && weight.stride == channels, "a convolution of other extents")
    var arguments = unsafe jk_convolution(
      x: x.base, x_stride: x.stride, weight: weight.base, bias: bias?.base, history: history.base,
      next_history: advances ? history.base : nil, y: y.base, y_stride: y.stride, channels: channels,
      taps: weight.count, tokens: x.count)
    unsafe call { unsafe jk_convolve($0, &arguments) }
  }

  /// The inputs of the scan beside its state.
  struct ScanInput {
    /// The convolution's output, `[tokens, channels]`.
    let u: Rows
    /// dt_proj's output, without its bias, `[tokens, channels]`, and the bias, `[1, channels]`.
    let dt: Rows
    let dtBias: Rows
    /// `-exp(A_log)`, `[state, channels]`.
    let a: Rows
    /// `[tokens, state]`
    let b: Rows
    let c: Rows
    /// `[1, channels]`
    let d: Rows
    /// `[tokens, channels]`
    let z: Rows
  }

  /// s = exp(softplus(dt + bias) A) s + dt B u; y = (C s + D u) silu(z) (jk_scan).
  ///
  /// - Parameters:
  ///   - state: `[state, channels]`.
  ///   - advances: whether the state becomes that after the tokens.
  func scan(_ x: ScanInput, state: MutableRows, advances: Bool, into y: MutableRows) {
    let (channels, size, count) = (x.a.width, x.a.count, y.count)
    precondition(
      [x.u, x.dt, x.z].allSatisfy { $0.width == channels && $0.count == count } && y.width == channels
        && x.dtBias.width == channels && x.d.width == channels
        && [x.b, x.c].allSatisfy { $0.width == size && $0.count == count }
        && state.count == size && state.width == channels && state.stride == channels && x.a.stride == channels,
      "a scan of other extents")
    var arguments = unsafe jk_scan_arguments(
      u: x.u.base, u_stride: x.u.stride, dt: x.dt.base, dt_stride: x.dt.stride, dt_bias: x.dtBias.base, a: x.a.base,
      b: x.b.base, c: x.c.base, b_stride: x.b.stride, c_stride: x.c.stride, d: x.d.base, z: x.z.base,
      z_stride: x.z.stride, state: state.base, next_state: advances ? state.base : nil, y: y.base, y_stride: y.stride,
      channels: channels, state_size: size, tokens: count)
    unsafe call { unsafe jk_scan($0, &arguments) }
  }

  // MARK: Attention

  /// Keeps keys and values, `[tokens, KV heads * head size]`, of the positions from `first` on.
  func store(keys: Rows, values: Rows, into pages: KeyValuePages, at first: Int) {
    let width = pages.heads * pages.headSize
    precondition(keys.width == width && values.width == width && keys.count == values.count, "keys of other extents")
    unsafe pages.withKernelView { view in
      unsafe call {
        unsafe jk_kv_store($0, view, keys.base, keys.stride, values.base, values.stride, first, keys.count)
      }
    }
  }

  /// Floats that `attend` needs for itself.
  static func attentionScratchCount(heads: Int, headSize: Int) -> Int { jk_attend_scratch(heads, headSize) }

  /// Grouped-query attention of tokens at the positions from `first` on; queries and y `[tokens, heads * head size]`.
  func attend(
    _ queries: Rows, heads: Int, scale: Float, to pages: KeyValuePages, at first: Int, scratch: MutableRows,
    into y: MutableRows
  ) {
    let width = heads * pages.headSize
    precondition(queries.width == width && y.width == width && queries.count == y.count, "queries of other extents")
    precondition(pages.headSize <= Int(JK_MAX_HEAD_SIZE), "a head of \(pages.headSize) elements")
    precondition(
      scratch.count == 1 && scratch.width >= Engine.attentionScratchCount(heads: heads, headSize: pages.headSize),
      "there is no room for parts of the text")
    unsafe pages.withKernelView { view in
      unsafe call {
        unsafe jk_attend(
          $0, view, queries.base, queries.stride, heads, scale, first, y.count, y.base, y.stride, scratch.base)
      }
    }
  }

  // MARK: The machine

  /// Bytes per second that all threads together read from memory, taken from `bytes`, which should exceed the caches.
  func measureReadRate(_ bytes: borrowing AlignedBuffer) -> Double {
    let (base, count) = unsafe (UnsafeRawPointer(bytes.base!), bytes.byteCount)
    return unsafe withUnsafePointer(to: engine) { unsafe Double(count) / jk_read_seconds($0, base, count) }
  }

  /// Products of int8 per second that all threads together multiply and add.
  func measureMultiplyRate() -> Double { unsafe withUnsafePointer(to: engine) { unsafe jk_multiply_rate($0) } }
}

/// exp(x), the kernels' own: the same bits on every machine.
func kernelExponential(_ x: Float) -> Float { jk_exp(x) }

/// Which kernels to use. All give the same bits.
public enum InstructionSet: Sendable {
  /// The fastest that the processor has.
  case automatic
  /// The portable specification: slow, for comparison.
  case scalar
}
