import Foundation
import TestSupport
import Testing

/// Conversations on disk, whatever befalls the program.
@Suite struct SavingTests {
  let folder: TemporaryFolder
  let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.file("demo.jamba")
    let outcome = try Program.run(["convert", Fixtures.checkpoint("demo"), model], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  func chat(_ arguments: [String], _ input: String) throws -> Program.Outcome {
    try Program.run(["chat", model, "--temperature", "0", "-n", "12"] + arguments, input: input, in: folder)
  }

  static func lines(_ outcome: Program.Outcome) -> [Substring] { outcome.output.split(separator: "\n") }

  @Test func goesOnWhereItStopped() throws {
    let whole = SavingTests.lines(try chat([], "Hello\nTell me more.\nAnd then?\n"))
    let file = folder.file("chat")
    let first = try chat(["--session", file], "Hello\n")
    let second = try chat(["--session", file], "Tell me more.\nAnd then?\n")
    #expect(first.status == 0 && second.status == 0, "\(second.errors)")
    #expect(SavingTests.lines(first) + SavingTests.lines(second) == whole)
  }

  @Test func undoesAndAnswersAnew() throws {
    let whole = SavingTests.lines(try chat([], "Hello\nTell me more.\n"))
    #expect(whole.count == 2)
    let file = folder.file("chat")
    let outcome = try chat(
      [], "Hello\nWhat?\n/undo\nTell me more.\n/retry\n/save \(file)\n/undo\n/undo\n/undo\n/load \(file)\n/retry\n/save\n")
    #expect(outcome.status == 0)
    let lines = SavingTests.lines(outcome)
    #expect([lines[0], lines[2], lines[3], lines[4]] == [whole[0], whole[1], whole[1], whole[1]])
    #expect(outcome.errors.contains("nothing to undo") && outcome.errors.contains("no command /save"))
    let drawn = try Program.run(
      ["chat", model, "--temperature", "1", "-n", "12", "--seed", "3"], input: "Hello\n/retry\n/retry\n", in: folder)
    #expect(Set(SavingTests.lines(drawn)).count > 1)
  }

  @Test func refusesWhatIsNoConversation() throws {
    let file = folder.file("text")
    try write(Array("no session".utf8), to: file)
    let outcome = try chat(["--session", file], "Hello\n")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors == "jamba: \(file) is not a saved session\n")
    // In a chat the reason is told and the chat goes on.
    let told = try chat([], "/load \(file)\nHello\n/save \(folder.path)/none/x\nHello\n")
    #expect(told.status == 0 && SavingTests.lines(told).count == 2)
    #expect(told.errors.contains("not a saved session") && told.errors.contains("cannot write"))
  }

  /// Killed while it saves again and again: the file is always one that was completely saved.
  @Test func killedWhileSaving() throws {
    let file = folder.file("chat")
    #expect(try chat(["--session", file], "Hello\n").status == 0)
    let saves = String(repeating: "/save \(file)\n", count: 20_000)
    let input = folder.file("saves")
    try write(Array(saves.utf8), to: input)
    for round in 0..<12 {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = ["chat", model, "--session", file]
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      let before = try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int
      try process.run()
      // Once it has replaced the file it is saving; then at any moment.
      var waited = 0
      while try FileManager.default.attributesOfItem(atPath: file)[.systemFileNumber] as? Int == before, waited < 10_000 {
        usleep(1000)
        waited += 1
      }
      usleep(UInt32(round * 700))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal, "it was still saving")
      let outcome = try chat(["--session", file], "/save \(folder.file("copy"))\n")
      #expect(outcome.status == 0, "round \(round): \(outcome.errors)")
    }
  }

  /// A disk that is full leaves the old file and says so in a sentence.
  @Test func diskFull() throws {
    let disk = folder.file("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    func run(_ words: [String]) -> Bool {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = words
      process.standardError = FileHandle.nullDevice
      guard (try? process.run()) != nil else { return false }
      process.waitUntilExit()
      return process.terminationStatus == 0
    }
    guard run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]) else {
      print("Skipped: a small file system cannot be mounted here.")
      return
    }
    defer { _ = run(["umount", disk]) }
    let file = disk + "/chat"
    let first = try chat(["--session", file], "Hello\n")
    #expect(first.status == 0, "\(first.errors)")
    let old = try bytes(of: file)
    let room = try FileManager.default.attributesOfFileSystem(forPath: disk)[.systemFreeSize] as? Int ?? 0
    try write([UInt8](repeating: 1, count: max(0, room - 8192)), to: disk + "/filler")
    let second = try chat(["--session", file], "And you?\n")
    #expect(second.status == 1)
    #expect(second.errors == "jamba: cannot write \(file): No space left on device\n")
    #expect(try bytes(of: file) == old)
    #expect(!FileManager.default.fileExists(atPath: file + ".partial"))
  }
}
