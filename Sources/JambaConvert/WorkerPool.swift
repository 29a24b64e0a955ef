import CKernels

/// The kernels' thread pool for Swift closures.
///
/// Invariant: `pool` is alive as long as the object. Sendable: the pool serialises its callers.
@safe
final class WorkerPool: @unchecked Sendable {
  private let pool: OpaquePointer

  init(threads: Int) throws(ConversionError) {
    guard let pool = unsafe jk_pool_create(threads) else { throw .outOfMemory }
    unsafe self.pool = pool
  }

  deinit { unsafe jk_pool_free(pool) }

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
}
