#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread that runs one body.
///
/// Invariant: `handle` is a thread that `join` has not been called for. Sendable: the owner alone calls `join`, once.
@safe
package final class BackgroundThread: @unchecked Sendable {
  private let handle: pthread_t

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  package init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let argument = unsafe Unmanaged.passRetained(Body(body))
    #if canImport(Darwin)
      var handle: pthread_t?
      let code = unsafe pthread_create(
        &handle, nil,
        { argument in
          unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
    #else
      var handle = pthread_t()
      let code = unsafe pthread_create(
        &handle, nil,
        { argument in
          unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
    #endif
    guard code == 0 else {
      unsafe argument.release()
      throw SystemError(code: code)
    }
    #if canImport(Darwin)
      unsafe self.handle = handle!
    #else
      self.handle = handle
    #endif
  }

  /// Waits for the body to end. Called once.
  package func join() { _ = pthread_join(handle, nil) }
}

/// A number that no other thread has now.
package var currentThread: Int {
  #if canImport(Darwin)
    unsafe Int(bitPattern: pthread_self())
  #else
    Int(bitPattern: pthread_self())
  #endif
}
