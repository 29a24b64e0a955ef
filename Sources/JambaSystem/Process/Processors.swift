#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The processors that the process may use, and the process itself.
package enum Processors {
  /// Processors that the scheduler may put this process on, cut to the control group's quota.
  package static var available: Int {
    var count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    #if !canImport(Darwin)
      if let allowed, allowed > 0 { count = min(count, allowed) }
      if let limit = ControlGroup.ofProcess?.processorLimit { count = min(count, limit) }
    #endif
    return count
  }

  /// Processors in the scheduler's mask of this process: hexadecimal digits with commas in /proc.
  private static var allowed: Int? {
    guard let status = FileSystem.systemText(of: "/proc/self/status") else { return nil }
    let key = "Cpus_allowed:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return nil }
    return line.dropFirst(key.count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
  }

  /// The largest resident set of the process so far, in bytes, as the kernel counts it.
  package static var peakResidentByteCount: Int {
    #if canImport(Darwin)
      var usage = rusage()
      _ = unsafe getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #else
      // getrusage counts what the process had before it became this program, too.
      let key = "VmHWM:"
      let line = FileSystem.systemText(of: "/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix(key) }
      let kibibytes = line?.dropFirst(key.count).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
      return (kibibytes ?? 0) << 10
    #endif
  }
}

/// The number of this process, which a fork changes.
package var processIdentifier: Int32 { getpid() }
