/// How much memory a process may use, and who says so.
public struct MemoryLimit: Sendable, Equatable, CustomStringConvertible {
  /// Who sets a limit.
  public enum Source: String, Sendable {
    /// Asked for.
    case option
    /// A control group of the process.
    case controlGroup = "control group"
    /// The memory that the machine has available, less a sixteenth for others.
    case machine
  }

  /// The most the process may use.
  public var byteCount: Int
  /// Who says so.
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
  package static func text(_ byteCount: Int) -> String { "\((byteCount + (1 << 20) - 1) >> 20)MiB" }

  /// The smallest of the limits that the control groups and the machine set.
  public static var ofProcess: MemoryLimit {
    let machine = MemoryLimit(byteCount: SystemMemory.available / 16 * 15, source: .machine)
    guard let group = ControlGroup.ofProcess?.memoryLimit, group < machine.byteCount else { return machine }
    return MemoryLimit(byteCount: group, source: .controlGroup)
  }
}
