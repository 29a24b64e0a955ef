import ArgumentParser
import Jamba
import JambaEvaluation
import JambaSystem

struct Perplexity: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures how well a model predicts a text, alone or against a reference.",
    discussion: """
      The model's first token (BOS) and the text are cut into windows of --context tokens; each begins with BOS in place of \
      its own first token, and every other token is predicted from those before it in the window, the first --skip \
      predictions left out. The reference always sees everything, with keys and values in f16; it may be the model \
      itself, to measure what --window, --sinks, --kv and --adapter change. After "±" stands half of the 95 % confidence interval.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "A text file.")
  var text: String

  @Option(help: "A .jamba file of the same model at higher precision, to compare with.")
  var reference: String?

  @Option(help: "Tokens in a window.")
  var context = 512

  @Option(
    help: "Predictions at the beginning of a window that do not count; llama-perplexity skips half of the window.")
  var skip = 0

  @Option(help: "The most windows to measure; all of the text when not given.")
  var windows: Int?

  @Flag(
    help:
      "With --reference: each layer's relative error, and how often routers choose the same experts, over the first 8 windows."
  )
  var layers = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var adapters: RuntimeAdapterOptions
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  private static let layerWindows = 8

  func validate() throws {
    guard 2...65536 ~= context else { throw ValidationError("--context takes a number from 2 to 65536.") }
    guard 0...context - 2 ~= skip else { throw ValidationError("--skip takes a number from 0 to --context less 2.") }
    guard windows ?? 1 > 0 else { throw ValidationError("--windows takes a number from 1 on.") }
    guard !layers || adapters.adapter.isEmpty else { throw ValidationError("--layers goes without --adapter.") }
    guard !layers || reference != nil else { throw ValidationError("--layers goes with --reference.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    var options = loading.options(
      context: context, sessions: attention.sessionOptions(chunk: layers ? context : SessionOptions.usualChunk))
    // Two models share the memory.
    if reference != nil { options.memory = (options.memory ?? MemoryLimit.ofProcess.byteCount) / 2 }
    options.adapters = adapters.paths
    let model = try JambaModel.open(self.model, options: options)
    let sessionOptions = SessionOptions(adapters: try adapters.load(model))
    options.adapters = []
    (options.window, options.sinks, options.cacheType) = (nil, 0, .f16)
    let reference = try self.reference.map { try JambaModel.open($0, options: options) }
    if let reference, reference.configuration.vocabSize != model.configuration.vocabSize {
      throw CommandFailure("the models have vocabularies of different sizes")
    }
    let windows = try EvaluationText(text, model, context: context, limit: self.windows).windows
    var measure = DivergenceMeasure(
      try model.makeSession(options: sessionOptions), reference: try reference?.makeSession(), skipping: skip)
    var bar = ProgressBar("measuring", unit: .tokens)
    for (index, window) in windows.enumerated() {
      if Interrupt.isPending { throw JambaError.cancelled }
      try measure.add(window)
      bar.update((index + 1) * context, of: windows.count * context)
    }
    bar.finish()
    var report = measure.report
    if layers, let reference, case .object(var object) = report {
      var measure = try LayerMeasure(model, reference: reference, capacity: context)
      for window in windows.prefix(Perplexity.layerWindows) {
        if Interrupt.isPending { throw JambaError.cancelled }
        try measure.add(window)
      }
      object["layers"] = measure.report
      report = .object(object)
    }
    Output.write(json ? report.text() + "\n" : summary(report))
  }

  private func summary(_ report: JSON) -> String {
    func figure(_ name: String, _ places: Int) -> String { Terminal.decimal(report[name]?.double ?? 0, places) }
    func percent(_ name: String) -> String { Terminal.decimal(100 * (report[name]?.double ?? 0), 2) }
    var text = """
      perplexity         \(figure("perplexity", 4)) ± \(figure("perplexity_error", 4)) over \(figure("tokens", 0)) tokens in \
      \(figure("windows", 0)) windows

      """
    if report["mean_kl"] != nil {
      text += """
        reference          \(figure("reference_perplexity", 4)), ratio \(figure("perplexity_ratio", 5)) ± \
        \(figure("perplexity_ratio_error", 5))
        KL divergence      mean \(figure("mean_kl", 6)) ± \(figure("mean_kl_error", 6))
                           median \(figure("median_kl", 6)), 90 % \(figure("kl_90", 6)), 99 % \(figure("kl_99", 6)), \
        99.9 % \(figure("kl_999", 6)), largest \(figure("max_kl", 6))
        same first choice  \(percent("top1_agreement")) ± \(percent("top1_error")) %
        among first five   \(percent("top5_agreement")) ± \(percent("top5_error")) %

        """
    }
    return text + (report["layers"]?.array ?? []).map(LayerMeasure.line).joined()
  }
}

extension LayerMeasure {
  /// A layer of the report as a line.
  static func line(_ layer: JSON) -> String {
    let error = Terminal.decimal(layer["relative_error"]?.double ?? 0, 5)
    let agreement = layer["router_agreement"]?.double.map { ", same experts \(Terminal.decimal(100 * $0, 2)) %" }
    return "layer \(layer["layer"]?.integer ?? 0): relative error \(error)\(agreement ?? "")\n"
  }
}

/// A text as windows of tokens for a measurement: the model's first token and the text, cut without overlap; a rest that
/// fills no window is left out.
struct EvaluationText {
  let windows: [[Int32]]

  init(_ path: String, _ model: JambaModel, context: Int, limit: Int?) throws {
    let source = String(decoding: try contents(of: path), as: UTF8.self)
    var ids = try model.requireTokenizer().encode(source, addSpecialTokens: false)
    if let bos = model.configuration.bosTokenID { ids.insert(Int32(bos), at: 0) }
    let count = min(limit ?? .max, ids.count / context)
    guard count > 0 else {
      throw CommandFailure("\(path) has \(ids.count) tokens, fewer than one window of \(context)")
    }
    windows = (0..<count).map { Array(ids[$0 * context..<($0 + 1) * context]) }
  }
}
