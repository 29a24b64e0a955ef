import ArgumentParser
import Jamba
import JambaEvaluation

struct Calibrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures what a model's matrices see of a text, for jamba convert --importance.",
    discussion: """
      Use a file of type bf16, and a text of the kind that the model will be used on. Takes up to 4 x --block \
      bytes of memory for each column of each matrix, beside the model.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "A text file.")
  var text: String

  @Option(name: [.short, .long], help: "The safetensors file to write.")
  var output: String

  @Option(help: "Tokens in a window.")
  var context = 512

  @Option(help: "The most windows to read, evenly from the whole text.")
  var windows = 128

  @Option(
    help:
      "Columns in a block of moments, a multiple of 64 up to 512: wide blocks make better roundings, and longer conversions."
  )
  var block = 128

  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard 2...65536 ~= context else { throw ValidationError("--context takes a number from 2 to 65536.") }
    guard windows > 0 else { throw ValidationError("--windows takes a number from 1 on.") }
    guard 64...512 ~= block, block % 64 == 0 else {
      throw ValidationError("--block takes a multiple of 64 from 64 to 512.")
    }
  }

  func run() throws {
    Interrupt.catchSignals()
    try Calibration.checkOutput(output)
    let model = try loading.open(self.model, context: context)
    let all = try EvaluationText(text, model, context: context, limit: nil).windows
    let count = min(windows, all.count)
    let calibration = Calibration(try model.makeSession(), blockLimit: block)
    var bar = ProgressBar("calibrating", unit: .tokens)
    for index in 0..<count {
      if Interrupt.isPending { throw JambaError.cancelled }
      try calibration.add(all[index * all.count / count])
      bar.update((index + 1) * context, of: count * context)
    }
    bar.finish()
    try calibration.write(to: output)
  }
}
