import CKernels
import JambaSystem

/// The kernels as the layers call them: one verb an operation, views instead of pointers.
///
/// Invariant: every view given to a verb covers at least `count` rows of its width, which the workspace guarantees by
/// construction; the pool and the kernel table live as long as the engine. Sendable: the pool serialises its callers and
/// the table is constant.
@safe
final class Engine: @unchecked Sendable {
  private let pool: OpaquePointer
  private let engine: jk_engine
  /// The engine that owns the pool, where it is not this one.
  private let owner: Engine?
  private let observe: ((Product) -> Void)?
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
    owner = nil
    observe = nil
  }

  /// The same engine with `observe` called after every product. For one thread, as the closure may be for one.
  init(_ owner: Engine, observe: @escaping (Product) -> Void) {
    unsafe pool = owner.pool
    unsafe engine = owner.engine
    self.owner = owner
    self.observe = observe
    threadCount = owner.threadCount
    instructionSetName = owner.instructionSetName
  }

  /// The engine without anybody who watches.
  var unobserved: Engine { owner ?? self }

  deinit { if owner == nil { unsafe jk_pool_free(pool) } }

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

  /// Writes the int8 copy of the activations, if one of the matrices that read them is quantized.
  func quantize(_ x: Activations, _ count: Int, for matrices: Matrix...) {
    if matrices.contains(where: \.readsCodes) { quantize(x, count) }
  }

  /// Writes the int8 copy of the activations.
  func quantize(_ x: Activations, _ count: Int) {
    unsafe call { engine in unsafe withUnsafePointer(to: x.rows) { unsafe jk_quantize(engine, $0, count) } }
  }

  /// y = W x for `count` rows; with `rows`, y[i] = W x[rows[i]].
  func multiply(_ matrix: Matrix, _ x: Activations, rows: IndexList? = nil, _ count: Int, into y: Columns) {
    unsafe call { engine in
      unsafe withUnsafePointer(to: matrix.raw) { matrix in
        unsafe withUnsafePointer(to: x.rows) { x in
          unsafe jk_matmul(engine, matrix, x, rows?.base, count, y.base, y.stride)
        }
      }
    }
    show(Product(matrix: matrix, input: x, rows: rows, count: count, output: y))
  }

  func show(_ product: Product) { observe?(product) }

  /// Adds the products of every two columns of a block, summed over a product's tokens, to `sums`, floats
  /// `[blocks][size][size]` for blocks of `size` columns (jk_add_moments).
  func addMoments(of product: Product, blockSize size: Int, to sums: borrowing AlignedBuffer) {
    unsafe call { engine in
      unsafe withUnsafePointer(to: product.input.rows) {
        unsafe jk_add_moments(
          engine, $0, product.rows?.base, product.count, product.matrix.columns, size, sums.pointer(to: Float.self))
      }
    }
  }

  func normalize(
    _ x: Columns, by weight: Vector, epsilon: Float, _ count: Int, into y: Columns
  ) {
    unsafe call { engine in
      unsafe jk_rms_norm(engine, x.base, x.stride, weight.base, epsilon, weight.count, count, y.base, y.stride)
    }
  }

  func add(_ x: Columns, width: Int, _ count: Int, to y: Columns) {
    unsafe call { unsafe jk_add($0, y.base, y.stride, x.base, x.stride, width, count) }
  }

  /// Adds the same vector to every row.
  func add(_ bias: Vector, _ count: Int, to y: Columns) {
    unsafe call { unsafe jk_add($0, y.base, y.stride, bias.base, 0, bias.count, count) }
  }

  /// y[rows[i]] += scales[i] x[i]
  func add(_ x: Columns, scaledBy scales: ScaleList, toRows rows: IndexList, of y: Columns, width: Int, _ count: Int) {
    unsafe call {
      unsafe jk_add_scaled($0, y.base, y.stride, rows.base, x.base, x.stride, scales.base, width, count)
    }
  }

  /// gate = silu(gate) * up
  func gate(_ gate: Columns, with up: Columns, width: Int, _ count: Int) {
    unsafe call { unsafe jk_silu_multiply($0, gate.base, gate.stride, up.base, up.stride, width, count) }
  }

  func softmax(_ x: Columns, row: Int, width: Int) {
    unsafe call { unsafe jk_softmax($0, x.base + row * x.stride, width) }
  }

  func convolve(_ arguments: jk_convolution) {
    unsafe call { engine in unsafe withUnsafePointer(to: arguments) { unsafe jk_convolve(engine, $0) } }
  }

  func scan(_ arguments: jk_scan_arguments) {
    unsafe call { engine in unsafe withUnsafePointer(to: arguments) { unsafe jk_scan(engine, $0) } }
  }

  func store(keys: Columns, values: Columns, into cache: borrowing KeyValueCache, at first: Int, _ count: Int) {
    unsafe cache.withKernelView { view in
      unsafe call {
        unsafe jk_kv_store($0, view, keys.base, keys.stride, values.base, values.stride, first, count)
      }
    }
  }

  func attend(
    _ queries: Columns, heads: Int, scale: Float, to cache: borrowing KeyValueCache, at first: Int, _ count: Int,
    into y: Columns
  ) {
    unsafe cache.withKernelView { view in
      unsafe call {
        unsafe jk_attend($0, view, queries.base, queries.stride, heads, scale, first, count, y.base, y.stride)
      }
    }
  }

  /// Bytes per second that all threads together read from memory, taken from `bytes`, which should exceed the caches.
  func measureReadRate(_ bytes: borrowing AlignedBuffer) -> Double {
    let (base, count) = unsafe (UnsafeRawPointer(bytes.base!), bytes.byteCount)
    return unsafe withUnsafePointer(to: engine) { unsafe Double(count) / jk_read_seconds($0, base, count) }
  }

  /// Products of int8 per second that all threads together multiply and add.
  func measureMultiplyRate() -> Double { unsafe withUnsafePointer(to: engine) { unsafe jk_multiply_rate($0) } }

  /// Row `row` of a matrix as float32.
  func decodeRow(_ row: Int, of matrix: Matrix, into y: Columns, row target: Int) {
    unsafe withUnsafePointer(to: matrix.raw) { unsafe jk_decode_row($0, row, y.base + target * y.stride) }
  }
}

/// Which kernels to use. All give the same bits.
public enum InstructionSet: Sendable {
  /// The fastest that the processor has.
  case automatic
  /// The portable specification: slow, for comparison.
  case scalar
}

/// y = W x for some tokens, as it has just been computed.
struct Product {
  let matrix: Matrix
  let input: Activations
  /// The rows of the input that were multiplied; all of the first `count` when nil.
  let rows: IndexList?
  let count: Int
  let output: Columns
}
