#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A socket of this machine's own at a path (Unix domain).
package enum SocketFile {
  /// Removes a socket that nobody listens on any more.
  ///
  /// - Throws: `EADDRINUSE` where somebody does, `EEXIST` where something else has that name, `ENAMETOOLONG`.
  package static func removeStale(_ path: String) throws(SystemError) {
    guard isThere(path) else {
      guard FileSystem.exists(path) else { return }
      throw SystemError(code: EEXIST)
    }
    guard !isListenedOn(try address(path)) else { throw SystemError(code: EADDRINUSE) }
    FileSystem.remove(path)
  }

  /// Removes a socket; what is none is left alone.
  package static func remove(_ path: String) {
    if isThere(path) { FileSystem.remove(path) }
  }

  private static func isThere(_ path: String) -> Bool {
    var information = stat()
    return unsafe lstat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFSOCK
  }

  private static func address(_ path: String) throws(SystemError) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw SystemError(code: ENAMETOOLONG) }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    return address
  }

  private static func isListenedOn(_ address: sockaddr_un) -> Bool {
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return true }
    defer { _ = close(descriptor) }
    return unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }

  /// Has files that are made from now on, by any thread, be the user's own alone.
  ///
  /// - Returns: the mask of modes from before, for `restoreMask`.
  package static func maskForOwner() -> UInt32 { UInt32(umask(0o177)) }

  package static func restoreMask(_ mask: UInt32) { _ = umask(mode_t(mask)) }
}
