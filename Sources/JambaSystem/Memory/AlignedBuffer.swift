#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Zeroed memory of its own, aligned to a page, that the system hands out page by page as it is touched.
///
/// Unlike Swift's allocations it throws when memory runs out, so it serves every size that a file or an option decides.
/// Invariant: `base` is the start of a private anonymous mapping of `byteCount` bytes (or nil when `byteCount` is 0) that
/// lives as long as the object. Sendable: the object itself never reads or writes the bytes; who takes the pointer
/// answers for their use.
@safe
package final class AlignedBuffer: @unchecked Sendable {
  package let base: UnsafeMutableRawPointer?
  package let byteCount: Int

  package init(byteCount: Int) throws(SystemError) {
    precondition(byteCount >= 0, "a buffer cannot have a negative size")
    self.byteCount = byteCount
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw .last }
    unsafe base = address
  }

  /// Asks for large pages, which spare the processor table walks. For memory that will be used whole.
  package func preferLargePages() {
    #if !canImport(Darwin)
      if let base = unsafe base { _ = unsafe madvise(base, byteCount, Int32(MADV_HUGEPAGE)) }
    #endif
  }

  deinit {
    if let base = unsafe base { _ = unsafe munmap(base, byteCount) }
  }

  package var bytes: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
  }

  /// The buffer seen as an array of `Element`.
  package func pointer<Element>(to type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
    precondition(byteCount >= MemoryLayout<Element>.stride, "the buffer is empty")
    return unsafe base!.assumingMemoryBound(to: Element.self)
  }
}

/// Whether two pieces of memory hold the same bytes. The C library compares them a vector at a time.
package func haveSameBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  guard let first = a.baseAddress, let second = b.baseAddress else { return true }
  return unsafe memcmp(first, second, a.count) == 0
}
