import JambaFormat

/// How much memory a process may use, and who says so.
public struct MemoryLimit: Sendable, Equatable, CustomStringConvertible {
  public enum Source: String, Sendable {
    /// Asked for.
    case option
    /// A control group of the process.
    case controlGroup = "control group"
    /// What the machine has available, less a sixteenth for others.
    case machine
  }

  public var byteCount: Int
  public var source: Source

  public init(byteCount: Int, source: Source = .option) {
    self.byteCount = byteCount
    self.source = source
  }

  public var description: String {
    let origin =
      switch source {
      case .option: ""
      case .controlGroup: " of the control group"
      case .machine: " that this machine has available"
      }
    return "the memory limit of \(MemoryLimit.text(byteCount))" + origin
  }

  /// Whole mebibytes, rounded up.
  static func text(_ byteCount: Int) -> String { "\((byteCount + (1 << 20) - 1) >> 20)MiB" }

  /// The smallest of the limits that the control groups and the machine set.
  public static var ofProcess: MemoryLimit {
    let machine = MemoryLimit(byteCount: Memory.available / 16 * 15, source: .machine)
    guard let group = ControlGroup.memoryLimit, group < machine.byteCount else { return machine }
    return MemoryLimit(byteCount: group, source: .controlGroup)
  }
}

/// Control groups of Linux, versions 1 and 2.
enum ControlGroup {
  /// The smallest memory limit of the process's group and those above it; nil where none is set.
  static var memoryLimit: Int? {
    guard let memberships = FileSystem.systemText(of: "/proc/self/cgroup") else { return nil }
    return limit(memberships: memberships) { FileSystem.systemText(of: $0) }
  }

  /// - Parameters:
  ///   - memberships: the text of /proc/self/cgroup.
  ///   - contents: the text of a file; nil when there is none.
  static func limit(memberships: String, contents: (String) -> String?) -> Int? {
    var limits: [Int] = []
    for line in memberships.split(separator: "\n") {
      // "4:memory:/a/b" in version 1, "0::/a/b" in version 2.
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isVersion1 = fields[1].split(separator: ",").contains("memory")
      guard isVersion1 || fields[1].isEmpty else { continue }
      // Where version 2 is mounted depends on whether version 1 is there, too. In a container the path may be that of
      // the host while the mount shows the container's own group at its root; hence the groups above.
      let mounts = isVersion1 ? ["/sys/fs/cgroup/memory"] : ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
      let name = isVersion1 ? "memory.limit_in_bytes" : "memory.max"
      var path = fields[2].split(separator: "/")
      while true {
        for mount in mounts {
          let file = ([mount] + path.map(String.init) + [name]).joined(separator: "/")
          if let text = contents(file), let limit = Int(text.prefix { $0.isNumber }) { limits.append(limit) }
        }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    // Version 1 says "no limit" with the largest number of pages.
    return limits.min().flatMap { $0 < 1 << 60 ? $0 : nil }
  }
}
