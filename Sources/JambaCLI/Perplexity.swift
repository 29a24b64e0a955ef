import ArgumentParser
import Jamba
import JambaFormat

struct Perplexity: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures how well a model predicts a text, alone or against a reference.",
    discussion: """
      The text is cut into windows of --context tokens; each begins with the model's first token (BOS) in place of its
      own first, and every other token is predicted from those before it in the window. The reference always sees \
      everything, with keys and values in f16; it may be the model itself, to measure what \
      --window, --sinks and --kv cost.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "A text file.")
  var text: String

  @Option(help: "A .jamba file of the same model at higher precision, to compare with.")
  var reference: String?

  @Option(help: "Tokens in a window.")
  var context = 512

  @Option(help: "The most windows to measure; all of the text when not given.")
  var windows: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard 2...65536 ~= context else { throw ValidationError("--context takes a number from 2 to 65536.") }
    guard windows ?? 1 > 0 else { throw ValidationError("--windows takes a number from 1 on.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    var options = loading.options(context: context, attention: attention)
    // Two models share the memory.
    if reference != nil { options.memory = (options.memory ?? MemoryLimit.ofProcess.byteCount) / 2 }
    let model = try JambaModel.open(self.model, options: options)
    (options.window, options.sinks, options.cacheType) = (nil, 0, .f16)
    let reference = try self.reference.map { try JambaModel.open($0, options: options) }
    if let reference, reference.configuration.vocabSize != model.configuration.vocabSize {
      throw CommandFailure("the models have vocabularies of different sizes")
    }
    let source = String(decoding: try contents(of: text), as: UTF8.self)
    let ids = try model.requireTokenizer().encode(source, addSpecialTokens: false)
    var measure = DivergenceMeasure(try model.makeSession(), reference: try reference?.makeSession())
    let count = min(windows ?? .max, ids.count / context)
    guard count > 0 else {
      throw CommandFailure("\(text) has \(ids.count) tokens, fewer than one window of \(context)")
    }
    var bar = ProgressBar("measuring", unit: .tokens)
    for window in 0..<count {
      if Interrupt.isPending { throw JambaError.cancelled }
      try measure.add(Array(ids[window * context..<(window + 1) * context]))
      bar.update((window + 1) * context, of: count * context)
    }
    bar.finish()
    Output.write(json ? measure.report.text() + "\n" : summary(measure.report))
  }

  private func summary(_ report: JSON) -> String {
    func figure(_ name: String, _ places: Int) -> String { Terminal.decimal(report[name]?.double ?? 0, places) }
    var text = "perplexity         \(figure("perplexity", 4)) over \(report["tokens"]?.integer ?? 0) tokens\n"
    if report["mean_kl"] != nil {
      text += """
        reference          \(figure("reference_perplexity", 4))
        KL divergence      mean \(figure("mean_kl", 6)), 99 % \(figure("kl_99", 6)), largest \(figure("max_kl", 6))
        same first choice  \(Terminal.decimal(100 * (report["top1_agreement"]?.double ?? 0), 2)) %

        """
    }
    return text
  }
}
