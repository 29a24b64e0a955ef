import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Standard output: what was asked for, and nothing else.
enum Output {
  static let isTerminal = isatty(1) == 1
  /// Whether to use colours: at a terminal that has them, unless NO_COLOR is set (no-color.org).
  static let isColored = movesCursor && getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
  /// Whether what has been written can be written over.
  static let movesCursor = isTerminal && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false

  /// Writes at once. A reader that has gone away ends the program quietly, as SIGPIPE does for any filter.
  static func write(_ text: String) {
    Terminal.write(text, to: 1)
  }
}

/// Standard error: progress and messages.
enum Terminal {
  static let isInteractive = isatty(2) == 1

  static func report(_ message: String) {
    write(message + "\n", to: 2)
  }

  /// Says something that is of use at a terminal only.
  static func notice(_ message: String) {
    if isInteractive { report(message) }
  }

  static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        #if canImport(Glibc)
          Glibc.write(descriptor, $0.baseAddress, $0.count)
        #elseif canImport(Musl)
          Musl.write(descriptor, $0.baseAddress, $0.count)
        #else
          Darwin.write(descriptor, $0.baseAddress, $0.count)
        #endif
      }
      if count < 0 {
        if errno == EINTR { continue }
        // Output that cannot be written is a failure; on standard error there is nobody left to tell.
        if descriptor == 1 {
          let reason = String(cString: strerror(errno))
          write("jamba: cannot write the output: \(reason)\n", to: 2)
        }
        exit(1)
      }
      bytes = bytes.dropFirst(count)
    }
  }

  static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// "1.5 GiB"
  static func size(_ byteCount: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(byteCount)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(byteCount) bytes" : "\(decimal(value, value < 10 ? 2 : 1)) \(units[unit])"
  }

  /// A number with `places` decimals.
  static func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((abs(value) * scale).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return sign + "\(scaled)" }
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return sign + padded.dropLast(places) + "." + padded.suffix(places)
  }

  /// "1:05" or "2:03:04"
  static func duration(_ seconds: Double) -> String {
    let total = Int(max(0, min(seconds, 1e9)).rounded())
    let tail = total % 60 < 10 ? "0\(total % 60)" : "\(total % 60)"
    let minutes = total / 60 % 60
    return total < 3600 ? "\(minutes):\(tail)" : "\(total / 3600):\(minutes < 10 ? "0" : "")\(minutes):\(tail)"
  }
}

/// Ctrl-C: noticed by whoever computes, who then stops cleanly.
enum Interrupt {
  private static let pending = Atomic<Bool>(false)

  /// From now on SIGINT sets a flag. System calls are interrupted, so that waiting for input ends too.
  static func catchSignals() {
    var action = sigaction()
    let handler: @convention(c) (Int32) -> Void = { _ in Interrupt.pending.store(true, ordering: .relaxed) }
    #if canImport(Darwin)
      action.__sigaction_u.__sa_handler = handler
    #else
      action.__sigaction_handler.sa_handler = handler
    #endif
    // Whoever started the program may have blocked them.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    sigprocmask(SIG_UNBLOCK, &signals, nil)
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
  }

  static var isPending: Bool { pending.load(ordering: .relaxed) }

  static func clear() { pending.store(false, ordering: .relaxed) }
}

/// A line that shows how far something is; on a terminal only.
struct ProgressBar {
  private let title: String
  private let unit: Unit
  private let start = Terminal.seconds
  private var lastDrawn = 0.0
  private var isDrawn = false

  enum Unit { case bytes, tokens }

  init(_ title: String, unit: Unit) {
    self.title = title
    self.unit = unit
  }

  mutating func update(_ done: Int, of total: Int) {
    guard Terminal.isInteractive, total > 0 else { return }
    let now = Terminal.seconds
    guard now - lastDrawn > 0.1 else { return }
    lastDrawn = now
    isDrawn = true
    let share = min(1, Double(done) / Double(total))
    let filled = Int(share * 24)
    let rate = Double(done) / max(now - start, 1e-3)
    let left = rate > 0 ? Terminal.duration(Double(total - done) / rate) : "?"
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
    let amount =
      unit == .bytes
      ? "\(Terminal.size(done)) of \(Terminal.size(total)), \(Terminal.size(Int(rate)))/s"
      : "\(done) of \(total) tokens, \(Terminal.decimal(rate, 1))/s"
    Terminal.write("\r\u{1B}[K\(title) \(bar) \(Int(share * 100)) % · \(amount) · \(left) left", to: 2)
  }

  mutating func finish() {
    if isDrawn { Terminal.write("\r\u{1B}[K", to: 2) }
    isDrawn = false
  }
}
