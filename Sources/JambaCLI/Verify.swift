import ArgumentParser
import Jamba
import JambaConvert
import JambaEvaluation
import JambaFormat
import JambaSystem

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Checks every byte of a .jamba file, its values against a checkpoint, and what it computes against another file.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The checkpoint, or of a .jadapter file the adapter, that the file was converted from.")
  var against: String?

  @OptionGroup var adapterOptions: AdapterOptions

  @Option(
    help:
      "The same model in bf16 or f32, from this converter or another: compares layers, routers and predictions on a short text."
  )
  var reference: String?

  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard against != nil || adapterOptions.sources.isEmpty else {
      throw ValidationError("--adapter goes with --against only.")
    }
  }

  func run() throws {
    Interrupt.catchSignals()
    if try AdapterFile.isOne(JambaFile(path: model)) { return try runAdapter() }
    var bar = ProgressBar("checking", unit: .bytes)
    defer { bar.finish() }
    let threads = loading.threadOption.threads ?? Processors.available
    let report = try verify(
      model, against: against, adapters: adapterOptions.sources, threads: threads
    ) { done, total in
      bar.update(done, of: total)
      return !Interrupt.isPending
    }
    bar.finish()
    report.writeWorst()
    Output.write(
      "\(model) is sound: \(report.blockCount) blocks, \(report.tensorCount) tensors"
        + (against.map { ", all within the error of their types of \($0)" } ?? "") + "\n")
    if let reference { try compare(with: reference) }
  }

  /// Of an adapter's file: against what it was made from.
  private func runAdapter() throws {
    guard reference == nil, adapterOptions.sources.isEmpty else {
      throw CommandFailure("\(model) is an adapter, which goes with --against alone")
    }
    let report = try verifyAdapter(model, against: against)
    report.writeWorst()
    Output.write(
      "\(model) is sound: \(report.blockCount) blocks, changes of \(report.tensorCount) matrices"
        + (against.map { ", all within the error of their types of \($0)" } ?? "") + "\n")
  }

  private func compare(with reference: String) throws {
    var options = loading.options(context: 512, sessions: SessionOptions(chunk: 512))
    // Two models share the memory.
    options.memory = (options.memory ?? MemoryLimit.ofProcess.byteCount) / 2
    let model = try JambaModel.open(self.model, options: options)
    let other = try JambaModel.open(reference, options: options)
    let bos = model.configuration.bosTokenID.map { [Int32($0)] } ?? []
    let tokens = try (bos + model.requireTokenizer().encode(Verify.text, addSpecialTokens: false)).prefix(512)
    var layers = try LayerMeasure(model, reference: other, capacity: tokens.count)
    try layers.add(Array(tokens))
    var divergence = DivergenceMeasure(try model.makeSession(), reference: try other.makeSession())
    try divergence.add(Array(tokens))
    let kl = divergence.report["mean_kl"]?.double ?? .infinity
    var agreement = 1.0
    for layer in layers.report.array ?? [] {
      Output.write(LayerMeasure.line(layer))
      agreement = min(agreement, layer["router_agreement"]?.double ?? 1)
    }
    Output.write("mean KL divergence \(Terminal.decimal(kl, 6))\n")
    // Neither is reached by quantizing a model; both by computing another.
    guard kl < Verify.divergenceLimit, agreement > Verify.agreementLimit else {
      throw CommandFailure(
        "\(self.model) does not compute what \(reference) does; convert it again, or look for what differs above")
    }
    Output.write("\(self.model) computes what \(reference) does\n")
  }

  private static let divergenceLimit = 0.3
  private static let agreementLimit = 0.7

  private static let text = """
    The river rises in the hills north of the town, where it is no more than a ditch between two fields, and falls a hundred metres \
    before it reaches the first mill. Until 1870 there were nine of them. Three ground corn, one sawed timber for the shipyards at \
    the coast, and the rest made paper, which was sold as far away as Lisbon. "We never slept," an old miller told a newspaper, \
    "for the water did not." Today only the lowest still turns. Its owner, a retired teacher, bakes bread from the flour on Saturdays, \
    and explains to anybody who asks why the wheel runs backwards: a gear was put in the wrong way round after the flood, \
    and nobody has had the heart, or the money, to take it out again. To find it, follow the path along the left bank for about two \
    kilometres; cross at the second bridge, not the first; then listen.
    """
}

extension VerificationReport {
  /// Writes the tensors that differ most.
  fileprivate func writeWorst() {
    for tensor in tensors.prefix(5) where tensor.relativeError > 0 {
      Output.write(
        "\(tensor.name)  \(tensor.type.name)  relative error \(Terminal.decimal(tensor.relativeError, 5)), "
          + "\(Terminal.decimal(tensor.signalToNoise, 1)) dB\n")
    }
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
