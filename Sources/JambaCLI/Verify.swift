import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks every byte of a .jamba file, and its values against a checkpoint.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The checkpoint's folder that the file was converted from.")
  var against: String?

  @OptionGroup var threadOption: ThreadOption

  func run() throws {
    Interrupt.catchSignals()
    var bar = ProgressBar("checking", unit: .bytes)
    defer { bar.finish() }
    let report = try verify(model, against: against, threads: threadOption.threads ?? Processors.available) {
      done, total in
      bar.update(done, of: total)
      return !Interrupt.isPending
    }
    bar.finish()
    for tensor in report.tensors.prefix(5) where tensor.relativeError > 0 {
      Output.write("\(tensor.name)  \(tensor.type.name)  relative error \(Terminal.decimal(tensor.relativeError, 5))\n")
    }
    Output.write(
      "\(model) is sound: \(report.blockCount) blocks, \(report.tensorCount) tensors"
        + (against.map { ", all within the error of their types of \($0)" } ?? "") + "\n")
  }
}

struct Unpack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies a .jamba file with nothing packed, to be mapped from a fast disk.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "The file to write.")
  var output: String

  @OptionGroup var threadOption: ThreadOption

  func run() throws {
    Interrupt.catchSignals()
    var bar = ProgressBar("unpacking", unit: .bytes)
    defer { bar.finish() }
    try unpack(model, to: output, threads: threadOption.threads ?? Processors.available) { done, total in
      bar.update(done, of: total)
      return !Interrupt.isPending
    }
  }
}
