import ArgumentParser
import Jamba
import JambaSystem

/// What forking, saving, restoring and rewinding cost after a text of any length, which is made up.
struct Depth: ParsableCommand {
  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "Tokens of the text.")
  var tokens = 261_000

  @Option(help: "The file to write; it stays.")
  var file = "measure.session"

  func run() throws {
    let model = try JambaModel.open(model, options: ModelOptions(context: tokens + 1024))
    let session = try model.makeSession()
    try session.fill(to: tokens)
    _ = try session.append([1, 2, 3])
    print("session_bytes\t\(session.stateByteCount)\tpeak_resident_bytes\t\(Processors.peakResidentByteCount)")
    print("fork_ms\tsave_ms\trestore_ms\trewind_ms")
    for _ in 0..<5 {
      try session.checkpoint()
      _ = try session.append([4, 5])
      let (fork, forking) = try milliseconds { try session.fork() }
      let (_, saving) = try milliseconds { try fork.save(to: file) }
      // Before another text takes the place of its snapshots.
      let (_, rewinding) = try milliseconds { try session.fork().rewind(to: session.tokenCount - 2) }
      let (restored, restoring) = try milliseconds { try model.makeSession(restoring: file).session }
      guard try restored.append([5]) == session.fork().append([5]) else {
        fatalError("a restored session has other bits")
      }
      print("\(text(forking))\t\(text(saving))\t\(text(restoring))\t\(text(rewinding))")
    }
  }
}
