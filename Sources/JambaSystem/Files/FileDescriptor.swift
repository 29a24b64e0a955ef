#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file; closed when the owner goes.
@safe
package struct FileDescriptor: ~Copyable, Sendable {
  package let raw: Int32

  /// Opens a regular file. Anything else opens, too, to be refused by `regularFileSize`: a pipe does not wait for its writer.
  package static func open(reading path: String) throws(SystemError) -> FileDescriptor {
    try FileDescriptor(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  }

  /// Opens the file that `other` is, for reading past the page cache: buffers, offsets and sizes are multiples of
  /// `directAlignment` then. Throws where the file system cannot do that, or when another file stands at `path` by now.
  package static func open(directly path: String, same other: borrowing FileDescriptor) throws(SystemError)
    -> FileDescriptor
  {
    #if canImport(Darwin)
      let file = try FileDescriptor(path, O_RDONLY | O_CLOEXEC)
      guard fcntl(file.raw, F_NOCACHE, 1) == 0 else { throw .last }
    #else
      let file = try FileDescriptor(path, O_RDONLY | O_CLOEXEC | FileDescriptor.directFlag)
    #endif
    guard try file.identity() == other.identity() else { throw SystemError(code: ESTALE) }
    return file
  }

  /// The alignment that O_DIRECT asks of addresses, offsets and sizes, on every disk in use.
  package static let directAlignment = 4096

  #if !canImport(Darwin)
    // O_DIRECT, which the C library shows to GNU programs only.
    #if arch(arm64) || arch(arm)
      private static let directFlag: Int32 = 0o200000
    #else
      private static let directFlag: Int32 = 0o40000
    #endif
  #endif

  private func identity() throws(SystemError) -> [UInt64] {
    var information = stat()
    guard unsafe fstat(raw, &information) == 0 else { throw .last }
    return [UInt64(truncatingIfNeeded: information.st_dev), UInt64(information.st_ino)]
  }

  /// When the file was last changed, in nanoseconds since 1970.
  package func modificationTime() throws(SystemError) -> Int {
    var information = stat()
    guard unsafe fstat(raw, &information) == 0 else { throw .last }
    #if canImport(Darwin)
      let time = information.st_mtimespec
    #else
      let time = information.st_mtim
    #endif
    return Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
  }

  /// Creates the file, or empties the one that is there.
  ///
  /// - Parameter mayExist: false throws where something stands at `path`, even a link.
  package static func create(_ path: String, mayExist: Bool = true) throws(SystemError) -> FileDescriptor {
    try FileDescriptor(path, O_RDWR | O_CREAT | (mayExist ? O_TRUNC : O_EXCL) | O_CLOEXEC)
  }

  package static func open(updating path: String) throws(SystemError) -> FileDescriptor {
    try FileDescriptor(path, O_RDWR | O_CLOEXEC)
  }

  private init(_ path: String, _ flags: Int32) throws(SystemError) {
    // A path with a NUL inside would silently name another file.
    guard !path.utf8.contains(0) else { throw SystemError(code: EINVAL) }
    var descriptor: Int32
    repeat {
      #if canImport(Darwin)
        descriptor = unsafe Darwin.open(path, flags, 0o644)
      #elseif canImport(Musl)
        descriptor = unsafe Musl.open(path, flags, 0o644)
      #else
        descriptor = unsafe Glibc.open(path, flags, 0o644)
      #endif
    } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else { throw .last }
    raw = descriptor
  }

  deinit { _ = close(raw) }

  /// The size of a regular file; anything else (a folder, a pipe) is an error.
  package func regularFileSize() throws(SystemError) -> Int {
    var information = stat()
    guard unsafe fstat(raw, &information) == 0 else { throw .last }
    switch information.st_mode & S_IFMT {
    case S_IFREG: return Int(information.st_size)
    case S_IFDIR: throw SystemError(code: EISDIR)
    default: throw SystemError(code: EINVAL)
    }
  }

  /// Reads exactly `buffer.count` bytes from `offset`; a file that ends sooner is an input/output error.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) {
    try unsafe read(into: buffer, at: offset, needing: buffer.count)
  }

  /// Reads `buffer.count` bytes from `offset`, or fewer, but `needed` at least, where the file ends.
  package func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int, needing needed: Int
  ) throws(SystemError) {
    var done = 0
    while done < needed {
      let count = unsafe pread(raw, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      guard count > 0 else { throw SystemError(code: EIO) }
      done += count
    }
  }

  package func write(_ buffer: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
    var done = 0
    while done < buffer.count {
      let count = unsafe pwrite(raw, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw count == 0 ? .noSpace : .last }
      done += count
    }
  }

  package func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
    var failure: SystemError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { try unsafe write(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  package func truncate(to size: Int) throws(SystemError) {
    guard ftruncate(raw, off_t(size)) == 0 else { throw .last }
  }

  package func synchronize() throws(SystemError) {
    guard fsync(raw) == 0 else { throw .last }
  }

  /// Asks the system to read a range ahead.
  package func willNeed(_ range: Range<Int>) {
    #if !canImport(Darwin)
      _ = posix_fadvise(raw, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
    #endif
  }

  /// Says that `range` will not be read again, so that a large conversion does not push everything else out of memory.
  package func forget(_ range: Range<Int>) {
    #if !canImport(Darwin)
      _ = posix_fadvise(raw, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_DONTNEED)
    #endif
  }
}
