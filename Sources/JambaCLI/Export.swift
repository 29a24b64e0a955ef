import ArgumentParser
import JambaConvert
import JambaSystem

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a .jamba file's model as a GGUF file, which llama.cpp runs.",
    discussion: "The values are those that the .jamba file holds: what its types have lost stays lost.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "The GGUF file to write.")
  var output: String

  @Option(help: "How matrices are stored.")
  var type = ExportType.f16

  func run() throws {
    Interrupt.catchSignals()
    var bar = ProgressBar("exporting", unit: .bytes)
    defer { bar.finish() }
    let notes = try exportGGUF(model, to: output, as: type, tool: "jamba-edge \(toolVersion)") { done, total in
      bar.update(done, of: total)
      return !Interrupt.isPending
    }
    bar.finish()
    for note in notes { Terminal.report("note: \(note)") }
  }
}

extension ExportType: ExpressibleByArgument {}
