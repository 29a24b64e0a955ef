#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An error of the operating system: errno after a call that failed.
public struct SystemError: Error, Equatable, CustomStringConvertible, Sendable {
  public let code: Int32

  package static var last: SystemError { SystemError(code: errno) }
  package static let outOfMemory = SystemError(code: ENOMEM)
  package static let isFolder = SystemError(code: EISDIR)
  package static let noSpace = SystemError(code: ENOSPC)

  public init(code: Int32) { self.code = code }

  public var description: String { unsafe String(cString: strerror(code)) }
}
