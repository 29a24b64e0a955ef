import Foundation
import TestSupport
import Testing

/// The chat at a terminal: a pseudo-terminal that the test types at and reads.
@Suite struct ChatTerminalTests {
  /// A program at a pseudo-terminal of its own.
  final class TerminalSession {
    let process = Process()
    private let master: Int32
    private(set) var screen = ""

    /// - Parameter columns: of the terminal; nil for one that does not say.
    init(_ arguments: [String], environment: [String: String], columns: UInt16? = nil) throws {
      var (master, slave): (Int32, Int32) = (-1, -1)
      guard openpty(&master, &slave, nil, nil, nil) == 0 else { throw POSIXError(.ENOTTY) }
      self.master = master
      if let columns {
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(slave, UInt(TIOCSWINSZ), &size)
      }
      let handle = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = arguments
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardInput = handle
      process.standardOutput = handle
      process.standardError = handle
      try process.run()
      _ = fcntl(master, F_SETFL, O_NONBLOCK)
    }

    deinit {
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      close(master)
    }

    func resize(columns: UInt16) {
      var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
      _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    func type(_ text: String) {
      let bytes = Array(text.utf8)
      _ = bytes.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
    }

    /// Reads until a text has come since the last call, half a minute at most unless told; what has come.
    func wait(for text: String, seconds: TimeInterval = 30) -> String {
      let deadline = Date(timeIntervalSinceNow: seconds)
      var bytes: [UInt8] = []
      while Date() < deadline {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(master, &chunk, chunk.count)
        if count > 0 { bytes += chunk[..<count] } else { usleep(10_000) }
        let seen = String(decoding: bytes, as: UTF8.self)
        if seen.contains(text) { return seen }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  @Test func typesAtATerminal() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("demo.jamba")
    #expect(try Program.run(["convert", Fixtures.checkpoint("demo"), model], in: folder).status == 0)
    let history = folder.file("history")
    let session = try TerminalSession(
      ["chat", model, "--temperature", "0", "-n", "400"],
      environment: ["JAMBA_HISTORY": history, "TERM": "xterm-256color", "LC_ALL": "", "LANG": ""])
    #expect(session.wait(for: "> ").contains("/help"))

    session.type("/help\r")
    #expect(session.wait(for: "Alt-Return").contains("/system TEXT"))

    // Wide characters take two columns: with one deleted the cursor goes back to column 2 + 6 + 2, counted from one.
    session.type("größe 日本\u{7F}")
    #expect(session.wait(for: "\u{1B}[11G").contains("größe 日本"))
    session.type("\r")
    let answer = session.wait(for: "context")
    #expect(answer.contains("tokens/s") || answer.contains("/s; read"))

    // A message of two lines, recalled from the history as one.
    session.type("Hello,\u{1B}\ryou\r")
    _ = session.wait(for: "of 8192]")
    session.type("\u{1B}[A")
    #expect(session.wait(for: "you").contains("Hello,"))
    // Ctrl-C gives a line up.
    session.type("\u{3}")
    #expect(session.wait(for: "leaves)").contains("Ctrl-D"))
    // A paste is text, line breaks and all, until return is pressed.
    session.type("\u{1B}[200~one\ntwo\u{1B}[201~")
    #expect(!session.wait(for: "two").contains("context"))
    session.type("\r")
    _ = session.wait(for: "of 8192]")

    session.type("/stats\r")
    #expect(session.wait(for: "at most in all").contains("messages"))
    session.type("/nonsense\r")
    #expect(session.wait(for: "no command").contains("/nonsense"))
    // Ctrl-D in an empty line leaves.
    session.type("\u{4}")
    session.process.waitUntilExit()
    #expect(session.process.terminationStatus == 0)
    let kept = try String(contentsOfFile: history, encoding: .utf8)
    #expect(kept.contains("größe") && kept.contains("Hello,"))
    #expect(try FileManager.default.attributesOfItem(atPath: history)[.posixPermissions] as? Int == 0o600)
  }

  /// Ctrl-C while an answer is computed ends the answer and not the chat.
  @Test func stopsAnAnswer() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("demo.jamba")
    #expect(try Program.run(["convert", Fixtures.checkpoint("demo"), model], in: folder).status == 0)
    let grammar = folder.file("endless.gbnf")
    try write(Array("root ::= [a-z ]{100000}".utf8), to: grammar)
    let session = try TerminalSession(
      ["chat", model, "--grammar", grammar, "-n", "1000000"], environment: ["JAMBA_HISTORY": "", "TERM": "dumb"])
    _ = session.wait(for: "> ")
    session.type("Go on\r")
    _ = session.wait(for: "a")
    usleep(200_000)
    kill(session.process.processIdentifier, SIGINT)
    try #require(session.wait(for: "stopped").contains("stopped"))
    session.type("/quit\r")
    session.process.waitUntilExit()
    #expect(session.process.terminationStatus == 0)
  }

  /// A chat whose model can say one thing only, at a terminal that has colours unless the environment says otherwise.
  private func answer(
    _ text: String, environment: [String: String] = [:], columns: UInt16 = 60, until end: String,
    during: (TerminalSession) -> Void = { _ in }
  ) throws -> String {
    let folder = try TemporaryFolder()
    let model = folder.file("demo.jamba")
    #expect(try Program.run(["convert", Fixtures.checkpoint("demo"), model], in: folder).status == 0)
    let grammar = folder.file("text.gbnf")
    let literal = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    try write(Array("root ::= \"\(literal)\"".utf8), to: grammar)
    let session = try TerminalSession(
      ["chat", model, "--grammar", grammar, "-n", "100000"],
      environment: ["JAMBA_HISTORY": "", "TERM": "xterm", "NO_COLOR": ""].merging(environment) { $1 }, columns: columns)
    _ = session.wait(for: "> ", seconds: 120)
    session.type("Go on\r")
    during(session)
    let answer = session.wait(for: end, seconds: 240)
    session.type("/quit\r")
    session.process.waitUntilExit()
    return answer.replacing("\r\n", with: "\n")
  }

  private static let markdown = """
    # A *title*
    A **bold** *leaning* text, 2 * 3, a_b_c, `code **x**`, **open.
    - an item longer than the terminal is wide
    ```swift
    let x = "**"   // two  spaces
    ```
    1. the end!
    """

  @Test func showsMarkdown() throws {
    let answer = try answer(Self.markdown, columns: 36, until: "end!")
    let (bold, dim, normal) = ("\u{1B}[1m", "\u{1B}[2m", "\u{1B}[22m")
    for part in [
      "\(bold)A \(bold)title\(normal)\(bold)\(normal)\n", "A \(bold)bold\(normal) \(bold)leaning\(normal) text, 2 * 3,",
      "a_b_c,\n\(dim)code **x**\(normal), **open.\n", "• an item longer than the terminal\n  is wide\n",
      "\(dim)```swift\(normal)\n\(dim)let x = \"**\"   // two  spaces\(normal)\n\(dim)```\(normal)\n1. the end!",
    ] { #expect(answer.contains(part), "\(part.debugDescription) in \(answer.debugDescription)") }
  }

  @Test func plainTerminalsShowMarkdownAsItIs() throws {
    for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
      let answer = try answer(Self.markdown, environment: environment, until: "end!")
      #expect(answer.contains("# A *title*\nA **bold** *leaning* text, 2 * 3"), "\(answer)")
      #expect(answer.contains("```swift\nlet x = \"**\""), "\(answer)")
    }
  }

  /// A window that is made narrower or wider while an answer comes has the answer drawn anew.
  @Test func drawsAnewForAnotherSize() throws {
    let words = Array(repeating: "alpha beta gamma delta", count: 12).joined(separator: " ") + " end!"
    let answer = try answer(words, columns: 60, until: "end!") { session in
      _ = session.wait(for: "delta", seconds: 120)
      session.resize(columns: 24)
    }
    #expect(answer.contains("\u{1B}[J"), "\(answer.debugDescription)")
    let redrawn = answer.split(separator: "\u{1B}[J", maxSplits: 1).last ?? ""
    for line in redrawn.split(separator: "\n") where line.contains("alpha") { #expect(line.count <= 24, "\(line)") }
    #expect(redrawn.contains("alpha beta gamma delta\n"))
  }

  /// The terminal's edge cuts no word: lines end between words, and a longer one is left whole.
  @Test func breaksLinesBetweenWords() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("demo.jamba")
    #expect(try Program.run(["convert", Fixtures.checkpoint("demo"), model], in: folder).status == 0)
    let grammar = folder.file("words.gbnf")
    let words = "alpha beta gamma delta incomprehensibilities epsilon 日本語 zeta"
    try write(Array("root ::= \"\(words)\"".utf8), to: grammar)
    let session = try TerminalSession(
      ["chat", model, "--grammar", grammar], environment: ["JAMBA_HISTORY": "", "TERM": "dumb"], columns: 16)
    _ = session.wait(for: "> ")
    session.type("Go on\r")
    let answer = session.wait(for: "zeta")
    // The terminal itself breaks the long word behind 16 of its 21 columns; ideographs may be parted.
    #expect(
      answer.replacing("\r\n", with: "\n").contains(
        "alpha beta gamma\ndelta\nincomprehensibilities epsilon 日\n本語 zeta"), "\(answer)")
    session.type("/quit\r")
    session.process.waitUntilExit()
  }
}
