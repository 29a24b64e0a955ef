import Foundation
import JambaFormat

/// A folder for the files that inputs become. It goes when the process ends as it should; else whoever has started it removes it.
package enum Scratch {
  /// In memory where the system has a folder for that: some files are synced.
  private static func root(ofProcess id: Int32) -> String {
    let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
    return parent + "jamba-fuzz-\(id)"
  }

  private static let root: String = {
    let path = root(ofProcess: getpid())
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      fatalError("no folder for temporary files: \(error)")
    }
    atexit { Scratch.remove(ofProcess: getpid()) }
    return path
  }()

  /// Removes what a process has left, if there is something.
  package static func remove(ofProcess id: Int32) { try? FileManager.default.removeItem(atPath: root(ofProcess: id)) }

  static func path(_ name: String) -> String { root + "/" + name }

  /// A new folder, or the one of that name.
  static func folder(_ name: String) -> String {
    let path = path(name)
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// Writes a file over an earlier one, whose memory it takes. - Returns: its path.
  @discardableResult
  static func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = path(name)
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(file) }
    guard file >= 0, pwrite(file, bytes, bytes.count, 0) == bytes.count, ftruncate(file, off_t(bytes.count)) == 0 else {
      fatalError("\(path) cannot be written: errno \(errno)")
    }
    return path
  }
}

/// Numbers of a file under construction, little-endian.
struct Fields {
  var bytes: [UInt8]

  /// nil where the file ends before.
  func number(at offset: Int, _ width: Int) -> Int? {
    guard offset >= 0, offset + width <= bytes.count else { return nil }
    return Int(exactly: (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) })
  }

  mutating func set(_ value: Int, at offset: Int, _ width: Int) {
    guard offset >= 0, offset + width <= bytes.count else { return }
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }

  /// nil where the file has no such bytes.
  func checksum(_ start: Int, _ count: Int) -> Int? {
    guard start >= 0, count >= 0, start <= bytes.count, count <= bytes.count - start else { return nil }
    return Int(JambaFormat.checksum(of: Array(bytes[start..<start + count])))
  }
}
