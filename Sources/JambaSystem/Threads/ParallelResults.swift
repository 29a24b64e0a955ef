/// Results of a parallel loop: every index is written by one iteration only, and read after the loop.
@safe
package final class ParallelResults<Value>: @unchecked Sendable {
  private let values: UnsafeMutableBufferPointer<Value>

  package init(repeating value: Value, count: Int) {
    unsafe values = .allocate(capacity: count)
    unsafe values.initialize(repeating: value)
  }

  deinit {
    unsafe values.deinitialize()
    unsafe values.deallocate()
  }

  package subscript(index: Int) -> Value {
    get { unsafe values[index] }
    set { unsafe values[index] = newValue }
  }
}
