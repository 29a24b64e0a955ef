import CLineEditor
import JambaSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lines that a user types, with editing and history at a terminal, or lines of standard input. Ctrl-C interrupts.
final class LineReader {
  enum Event {
    case line(String)
    case interrupted
    case end
  }

  static let isInteractive = isatty(0) == 1 && isatty(2) == 1

  private let editor: OpaquePointer?
  private let historyPath: String?
  private var buffer: [UInt8] = []
  private var isAtEnd = false
  /// Why standard input could not be read to its end.
  private(set) var failure: SystemError?
  /// Longer lines are handed out in parts.
  private static let lineLimit = 1 << 20

  /// The history is kept in the file that JAMBA_HISTORY names, or ~/.jamba_history; with JAMBA_HISTORY empty, nowhere.
  init() {
    editor = LineReader.isInteractive ? line_editor_open("jamba") : nil
    let named = getenv("JAMBA_HISTORY").map { String(cString: $0) }
    let home = getenv("HOME").map { String(cString: $0) }
    historyPath = named.map { $0.isEmpty ? nil : $0 } ?? home.map { $0 + "/.jamba_history" }
    // That there is none yet is no failure.
    if let editor, let historyPath { _ = line_editor_load_history(editor, historyPath) }
  }

  deinit {
    line_editor_close(editor)
  }

  /// A message: a line, those that follow one ending in a backslash, or those between two lines of `"""`.
  func nextMessage() -> Event {
    var lines: [String] = []
    var isBlock = false
    while true {
      switch nextLine(prompt: lines.isEmpty && !isBlock ? "> " : "… ") {
      case .line("\"\"\""):
        if isBlock { return remember(lines.joined(separator: "\n")) }
        if lines.isEmpty { isBlock = true } else { lines.append("\"\"\"") }
      case .line(let line) where !isBlock && line.hasSuffix("\\"): lines.append(String(line.dropLast()))
      case .line(let line):
        lines.append(line)
        if !isBlock { return remember(lines.joined(separator: "\n")) }
      case .interrupted: return .interrupted
      case .end: return lines.isEmpty ? .end : remember(lines.joined(separator: "\n"))
      }
    }
  }

  private func remember(_ message: String) -> Event {
    if let editor, !message.isEmpty {
      line_editor_remember(editor, message)
      // Written at once, so that a program that is killed keeps it; one that cannot be written is done without.
      if let historyPath { _ = line_editor_save_history(editor, historyPath) }
    }
    return .line(message)
  }

  func nextLine(prompt: String) -> Event {
    guard let editor else { return nextPlainLine() }
    var line: UnsafePointer<CChar>?
    switch Int(line_editor_read(editor, prompt, &line)) {
    case line_editor_line: return .line(line.map { String(cString: $0) } ?? "")
    case line_editor_interrupted: return .interrupted
    default: return .end
    }
  }

  private func nextPlainLine() -> Event {
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
      if count < 0 { failure = .last }
      if count <= 0 { isAtEnd = true } else { buffer += chunk[..<count] }
    }
  }
}
