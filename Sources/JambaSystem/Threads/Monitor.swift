#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// State behind a lock, with two things to wait for: that there is work, and that there is a result.
///
/// Invariant: the three objects live, at fixed addresses, as long as the monitor, and `state` is touched with the lock
/// held only, which makes the monitor Sendable.
@safe
package final class Monitor<State>: @unchecked Sendable {
  package enum Signal { case work, result }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let workCondition: UnsafeMutablePointer<pthread_cond_t>
  private let resultCondition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  package init(_ state: State) {
    self.state = state
    unsafe mutex = .allocate(capacity: 1)
    unsafe workCondition = .allocate(capacity: 1)
    unsafe resultCondition = .allocate(capacity: 1)
    // These take no resources on Linux and Darwin, and do not fail.
    _ = unsafe pthread_mutex_init(mutex, nil)
    #if canImport(Darwin)
      _ = unsafe pthread_cond_init(workCondition, nil)
      _ = unsafe pthread_cond_init(resultCondition, nil)
    #else
      var attributes = pthread_condattr_t()
      _ = unsafe pthread_condattr_init(&attributes)
      _ = unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      _ = unsafe pthread_cond_init(workCondition, &attributes)
      _ = unsafe pthread_cond_init(resultCondition, &attributes)
      _ = unsafe pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    _ = unsafe pthread_cond_destroy(workCondition)
    _ = unsafe pthread_cond_destroy(resultCondition)
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe workCondition.deallocate()
    unsafe resultCondition.deallocate()
    unsafe mutex.deallocate()
  }

  package func withLock<Result>(_ body: (inout State) -> Result) -> Result {
    _ = unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    return body(&state)
  }

  /// Calls `body` with the lock held, again after every signal, until it has a result.
  package func wait<Result>(for signal: Signal, _ body: (inout State) -> Result?) -> Result {
    _ = unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      _ = unsafe pthread_cond_wait(signal == .work ? workCondition : resultCondition, mutex)
    }
  }

  /// The same for `seconds` at most; nil when there is no result by then.
  package func wait<Result>(
    for signal: Signal, atMost seconds: Double, _ body: (inout State) -> Result?
  ) -> Result? {
    let end = monotonicSeconds() + seconds
    _ = unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      let left = end - monotonicSeconds()
      guard left > 0 else { return nil }
      let condition = unsafe signal == .work ? workCondition : resultCondition
      #if canImport(Darwin)
        var time = timespec(seconds: left)
        _ = unsafe pthread_cond_timedwait_relative_np(condition, mutex, &time)
      #else
        var time = timespec(seconds: end)
        _ = unsafe pthread_cond_timedwait(condition, mutex, &time)
      #endif
    }
  }

  package func signal(_ signal: Signal) {
    _ = unsafe pthread_cond_broadcast(signal == .work ? workCondition : resultCondition)
  }
}

extension timespec {
  fileprivate init(seconds: Double) {
    self.init(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
  }
}
