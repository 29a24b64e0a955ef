#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
/// The machine's memory: pages, and what is left.
package enum SystemMemory {
  package static let pageByteCount = 4096

  /// `byteCount` rounded up to whole pages.
  package static func wholePages(_ byteCount: Int) -> Int { (byteCount + pageByteCount - 1) / pageByteCount * pageByteCount }

  /// Bytes that processes can have without others being swapped out; all memory where the system does not say.
  package static var available: Int {
    let total = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
    guard let text = FileSystem.systemText(of: "/proc/meminfo") else { return total }
    for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      if let kibibytes = Int(line.dropFirst("MemAvailable:".count).split(separator: " ").first ?? "") {
        return min(total, kibibytes << 10)
      }
    }
    return total
  }
}
