/// A file in the making: written under another name beside its own, and given its name when it is complete. Whatever
/// happens, the path holds the old file or the new one.
package struct AtomicFile: ~Copyable {
  package let path: String
  package let temporaryPath: String
  package let file: FileDescriptor
  /// Whether the unfinished file stays when the owner goes, for a later `init(continuing:)`.
  private let isKept: Bool
  private var isCommitted = false

  package static func temporaryPath(for path: String) -> String { path + ".partial" }

  /// - Throws: what the system says when the temporary file cannot be created.
  package init(_ path: String, keepsUnfinished: Bool = false) throws(SystemError) {
    self.path = path
    isKept = keepsUnfinished
    temporaryPath = AtomicFile.temporaryPath(for: path)
    file = try .create(temporaryPath)
  }

  /// A file that other processes may be writing at the same time: it has a name of its own until it is complete.
  package init(shared path: String) throws(SystemError) {
    self.path = path
    isKept = false
    temporaryPath = AtomicFile.temporaryPath(for: "\(path).\(UInt64.random(in: .min ... .max))")
    file = try .create(temporaryPath, mayExist: false)
  }

  /// Goes on with a file that an earlier run has left unfinished.
  package init(continuing path: String) throws(SystemError) {
    self.path = path
    isKept = true
    temporaryPath = AtomicFile.temporaryPath(for: path)
    file = try .open(updating: temporaryPath)
  }

  deinit {
    if !isCommitted && !isKept { FileSystem.remove(temporaryPath) }
  }

  /// Gives the file its name.
  ///
  /// - Parameter durable: waits until the disk has it, so that it survives a loss of power.
  package mutating func commit(durable: Bool = true) throws(SystemError) {
    if durable { try file.synchronize() }
    try FileSystem.rename(temporaryPath, to: path)
    isCommitted = true
    if durable { FileSystem.synchronizeParent(of: path) }
  }

  /// Whether a file can be written there, to be asked before hours of work.
  package static func check(_ path: String) throws(SystemError) {
    guard !FileSystem.isDirectory(path) else { throw .isFolder }
    _ = try AtomicFile(path)
  }
}
