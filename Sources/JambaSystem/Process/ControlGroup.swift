/// Control groups of Linux, versions 1 and 2: the limits of the process's group and of those above it.
package struct ControlGroup {
  /// The text of /proc/self/cgroup.
  package let memberships: String
  /// The text of a file; nil when there is none.
  package let contents: (String) -> String?

  package init(memberships: String, contents: @escaping (String) -> String?) {
    self.memberships = memberships
    self.contents = contents
  }

  /// The process's; nil where there are no control groups.
  static var ofProcess: ControlGroup? {
    guard let memberships = FileSystem.systemText(of: "/proc/self/cgroup") else { return nil }
    return ControlGroup(memberships: memberships) { FileSystem.systemText(of: $0) }
  }

  /// The smallest memory limit in bytes; nil where none is set.
  package var memoryLimit: Int? {
    let limits = files("memory.limit_in_bytes", ofController: "memory", inVersion2: "memory.max").compactMap {
      Int($0.prefix { $0.isNumber })
    }
    // Version 1 says "no limit" with the largest number of pages.
    return limits.min().flatMap { $0 < 1 << 60 ? $0 : nil }
  }

  /// Whole processors' worth of time that is granted; nil without a limit.
  package var processorLimit: Int? {
    // Version 2 has quota and period in one file, version 1 in two that come in the same order.
    let whole = files(nil, ofController: "cpu", inVersion2: "cpu.max")
    let quotas = files("cpu.cfs_quota_us", ofController: "cpu", inVersion2: nil)
    let periods = files("cpu.cfs_period_us", ofController: "cpu", inVersion2: nil)
    let pairs = whole.map { $0.split(whereSeparator: \.isWhitespace).map(String.init) } + zip(quotas, periods).map { [$0, $1] }
    return pairs.compactMap { pair -> Int? in
      guard pair.count == 2, let quota = ControlGroup.number(pair[0]), let period = ControlGroup.number(pair[1]),
        quota > 0, period > 0
      else { return nil }
      return max(1, quota / period + (quota % period == 0 ? 0 : 1))
    }.min()
  }

  private static func number(_ text: String) -> Int? { Int(text.filter { !$0.isWhitespace }) }

  /// The texts of a controller's file in the process's group and those above it, whichever version is in use.
  private func files(_ version1: String?, ofController controller: String, inVersion2 version2: String?) -> [String] {
    var texts: [String] = []
    for line in memberships.split(separator: "\n") {
      // "4:memory:/a/b" in version 1, "0::/a/b" in version 2.
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      let (mounts, name): ([String], String?)
      if controllers.contains(where: { $0 == controller }) {
        // Controllers may be mounted together, as "cpu,cpuacct".
        (mounts, name) = (["/sys/fs/cgroup/" + controller, "/sys/fs/cgroup/" + fields[1]], version1)
      } else if fields[1].isEmpty {
        // Where version 2 is mounted depends on whether version 1 is there, too.
        (mounts, name) = (["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], version2)
      } else {
        continue
      }
      guard let name else { continue }
      // In a container the path may be that of the host while the mount shows the container's own group at its root;
      // hence the groups above.
      var path = fields[2].split(separator: "/")
      while true {
        for mount in Set(mounts).sorted() {
          if let text = contents(([mount] + path.map(String.init) + [name]).joined(separator: "/")) { texts.append(text) }
        }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return texts
  }
}
