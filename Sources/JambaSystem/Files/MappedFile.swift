#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file mapped for reading.
///
/// Invariant: `base` is the start of a read-only shared mapping of `byteCount` bytes that lives as long as the object.
/// Sendable: the bytes are never written through it. A file that is cut short while it is mapped raises SIGBUS on access.
@safe
package final class MappedFile: @unchecked Sendable {
  package let base: UnsafeRawPointer
  package let byteCount: Int

  package init(_ file: borrowing FileDescriptor) throws(SystemError) {
    byteCount = try file.regularFileSize()
    guard byteCount > 0 else { throw SystemError(code: EINVAL) }
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, file.raw, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw .last }
    unsafe base = UnsafeRawPointer(address)
  }

  deinit {
    _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: byteCount) }
}
