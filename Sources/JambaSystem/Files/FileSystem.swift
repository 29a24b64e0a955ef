#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// File system calls by path.
package enum FileSystem {
  package static func rename(_ old: String, to new: String) throws(SystemError) {
    #if canImport(Darwin)
      let result = unsafe Darwin.rename(old, new)
    #elseif canImport(Musl)
      let result = unsafe Musl.rename(old, new)
    #else
      let result = unsafe Glibc.rename(old, new)
    #endif
    guard result == 0 else { throw .last }
  }

  /// Bytes that may still be written to the file system of `folder`.
  package static func freeByteCount(of folder: String) throws(SystemError) -> Int {
    var information = statvfs()
    guard unsafe statvfs(folder, &information) == 0 else { throw .last }
    return Int(information.f_bavail) * Int(information.f_frsize)
  }

  /// Makes a rename durable: syncs the folder that holds `path`.
  package static func synchronizeParent(of path: String) {
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = unsafe open(parent, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = fsync(descriptor)
    _ = close(descriptor)
  }

  /// Removes a file; one that is not there is no error.
  package static func remove(_ path: String) {
    _ = unsafe unlink(path)
  }

  package static func isDirectory(_ path: String) -> Bool {
    var information = stat()
    return unsafe stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
  }

  package static func exists(_ path: String) -> Bool {
    var information = stat()
    return unsafe stat(path, &information) == 0
  }

  /// The size of a file; nil where there is none.
  package static func byteCount(of path: String) -> Int? {
    var information = stat()
    return unsafe stat(path, &information) == 0 ? Int(information.st_size) : nil
  }

  /// The names in a folder, sorted, without those that begin with a dot; none where it cannot be read.
  package static func names(in folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 1) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// A variable of the environment; nil where it is not set, or empty.
  package static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
    return unsafe String(cString: value)
  }

  /// The first `limit` bytes of a file whose size the system does not tell, such as those under /proc; nil when it
  /// cannot be read.
  package static func systemText(of path: String, limit: Int = 4096) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = max(0, unsafe read(descriptor, buffer.baseAddress, limit))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A whole file of at most `limit` bytes.
  package static func contents(of path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try FileDescriptor.open(reading: path)
    let size = try file.regularFileSize()
    guard size <= limit else { throw SystemError(code: EFBIG) }
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      do throws(SystemError) {
        try unsafe file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        count = size
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
