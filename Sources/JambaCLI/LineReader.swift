#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lines of standard input, interruptible by Ctrl-C.
struct LineReader {
  enum Event {
    case line(String)
    case interrupted
    case end
  }

  static let isInteractive = isatty(0) == 1

  private var buffer: [UInt8] = []
  private var isAtEnd = false
  /// Longer lines are handed out in parts.
  private static let lineLimit = 1 << 20

  mutating func next() -> Event {
    while true {
      if let newline = buffer.firstIndex(of: 10) {
        let line = String(decoding: buffer[..<newline], as: UTF8.self)
        buffer.removeFirst(newline + 1)
        return .line(line.hasSuffix("\r") ? String(line.dropLast()) : line)
      }
      if isAtEnd || buffer.count >= LineReader.lineLimit {
        guard !buffer.isEmpty else { return .end }
        defer { buffer = [] }
        return .line(String(decoding: buffer, as: UTF8.self))
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(0, &chunk, chunk.count)
      if count < 0, errno == EINTR {
        buffer = []  // the terminal has thrown away what was typed
        return .interrupted
      }
      if count <= 0 { isAtEnd = true } else { buffer += chunk[..<count] }
    }
  }
}
