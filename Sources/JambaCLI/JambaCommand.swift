import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The command line. Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
struct JambaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jamba",
    abstract: "Converts Jamba language models to int8 and int4 and runs them.",
    discussion: "Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.",
    version: toolVersion,
    subcommands: [
      Convert.self, AdapterCommand.self, Export.self, Calibrate.self, Inspect.self, Plan.self, Verify.self, Unpack.self, Chat.self, Generate.self, Tokenize.self,
      Render.self, Logits.self, Perplexity.self, Bench.self, Serve.self,
    ])
}

@main
enum Main {
  static func main() {
    MapFault.catchSignal()
    do {
      var command = try JambaCommand.parseAsRoot()
      try command.run()
    } catch {
      exit(status(for: error))
    }
  }

  /// Says what went wrong, in one sentence where it is ours to say.
  private static func status(for error: any Error) -> Int32 {
    switch error {
    case let error as ExitStatus:
      return error.code
    case JambaError.cancelled, ConversionError.cancelled:
      Terminal.report("stopped")
      return 130
    case is JambaError, is FormatError, is ConversionError, is CommandFailure:
      Terminal.report("jamba: \(error)")
      return 1
    default:
      let message = JambaCommand.fullMessage(for: error)
      if JambaCommand.exitCode(for: error) == .success {
        Output.write(message + "\n")
        return 0
      }
      Terminal.report(message)
      return 2
    }
  }
}

/// A failure of a command itself, already a sentence.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Leaves with a status; the reason has been reported.
struct ExitStatus: Error {
  let code: Int32
}
