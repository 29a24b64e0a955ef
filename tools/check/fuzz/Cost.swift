import Foundation

/// What an input takes.
struct Cost: CustomStringConvertible {
  /// Processor seconds of all threads.
  let seconds: Double
  /// By how many bytes the process's largest memory has grown.
  let growth: Int

  /// A build without optimization takes this many times as long.
  #if DEBUG
    private static let slowness = 20.0
  #else
    private static let slowness = 1.0
  #endif

  init(_ body: () -> Void) {
    let before = Cost.usage()
    body()
    let after = Cost.usage()
    (seconds, growth) = (after.seconds - before.seconds, after.peak - before.peak)
  }

  private static func usage() -> (seconds: Double, peak: Int) {
    var usage = rusage()
    #if os(Linux)
      getrusage(RUSAGE_SELF.rawValue, &usage)
      let unit = 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      let unit = 1
    #endif
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss * unit)
  }

  /// More than a second for each 64 KiB begun.
  func isSlow(byteCount: Int) -> Bool { seconds > Cost.slowness * Double(1 + byteCount / (64 << 10)) }

  /// More than 16 times the input, and 64 MiB.
  func isLarge(byteCount: Int) -> Bool { growth > 16 * byteCount + 64 << 20 }

  var description: String { String(format: "%.3f s, memory %.1f MiB more", seconds, Double(growth) / 0x1p20) }
}
