import Foundation

/// A control group with a memory limit, made for one test. Needs the rights to make one.
final class LimitedGroup {
  private let path: String
  private let isVersion1: Bool

  /// Where groups may be made, and whether by version 1's rules; nil where they may not.
  private static let parent: (path: String, isVersion1: Bool)? = {
    for (path, file, isVersion1) in [
      ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", true), ("/sys/fs/cgroup", "memory.max", false),
    ] {
      let trial = path + "/jamba-test-" + UUID().uuidString
      guard (try? FileManager.default.createDirectory(atPath: trial, withIntermediateDirectories: false)) != nil else {
        continue
      }
      defer { rmdir(trial) }
      if (try? "64M".write(toFile: trial + "/" + file, atomically: false, encoding: .utf8)) != nil {
        return (path, isVersion1)
      }
    }
    return nil
  }()

  static var isPermitted: Bool { parent != nil }

  init(byteCount: Int) throws {
    guard let parent = LimitedGroup.parent else { throw CocoaError(.fileWriteNoPermission) }
    path = parent.path + "/jamba-test-" + UUID().uuidString
    isVersion1 = parent.isVersion1
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try "\(byteCount)".write(
      toFile: path + (isVersion1 ? "/memory.limit_in_bytes" : "/memory.max"), atomically: false, encoding: .utf8)
    if !isVersion1 { try? "0".write(toFile: path + "/memory.swap.max", atomically: false, encoding: .utf8) }
  }

  deinit { rmdir(path) }

  /// Runs a program inside the group.
  var wrapper: [String] { ["/bin/sh", "-c", #"echo $$ > "$0" && exec "$@""#, path + "/cgroup.procs"] }

  /// Processes that the kernel has killed for want of memory.
  var killCount: Int {
    let text = (try? String(contentsOfFile: path + (isVersion1 ? "/memory.oom_control" : "/memory.events"), encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? -1
  }
}
