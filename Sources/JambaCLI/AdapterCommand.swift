import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat

/// `jamba adapter`.
struct AdapterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapter",
    abstract: "Writes a LoRA adapter as a .jadapter file, which a model in memory applies to the conversations that want it.",
    discussion: """
      The base stays as it is, whatever its types, and serves other conversations without the adapter, or with others, at
      the same time: --adapter of chat, generate, serve, logits, perplexity and bench. DoRA and adapters with whole tensors
      can only be merged: jamba convert --adapter.
      """)

  @Argument(help: "A PEFT or MLX folder, the safetensors file in it, or a GGUF file.")
  var source: String

  @Argument(help: "The .jadapter file to write.")
  var output: String

  @Option(help: ArgumentHelp("The .jamba file of the model that it is for, in any type.", valueName: "model"))
  var base: String

  enum FactorType: String, ExpressibleByArgument, CaseIterable {
    case int8, bf16, f32

    var storage: StorageType {
      switch self {
      case .int8: .int8
      case .bf16: .bf16
      case .f32: .f32
      }
    }
  }

  @Option(help: "How its factors are stored: int8, bf16 or f32.")
  var type: FactorType = .int8

  func run() throws {
    let summary = try convertAdapter(
      source, base: base, to: output, type: type.storage, tool: "jamba-edge \(toolVersion)")
    for note in summary.notes { Terminal.report("note: \(note)") }
    Terminal.report(
      "\(output): \(summary.kind), \(summary.targetCount) matrices, rank \(summary.rank), \(Terminal.size(summary.fileByteCount))")
  }
}

/// Adapters that a model applies while it computes.
struct RuntimeAdapterOptions: ParsableArguments {
  /// "FILE" or "FILE:SCALE"
  struct Adapter: ExpressibleByArgument {
    let path: String
    let scale: Float

    init?(argument: String) {
      if let colon = argument.lastIndex(of: ":"), let scale = Float(argument[argument.index(after: colon)...]) {
        guard scale.isFinite, colon > argument.startIndex else { return nil }
        (path, self.scale) = (String(argument[..<colon]), scale)
      } else {
        (path, scale) = (argument, 1)
      }
    }
  }

  @Option(
    help: ArgumentHelp(
      "Computes with an adapter that jamba adapter has written, its changes multiplied by a scale, which is 1 when not given. May be repeated; the changes add up.",
      valueName: "file[:scale]"))
  var adapter: [Adapter] = []

  var paths: [String] { adapter.map(\.path) }

  func load(_ model: JambaModel) throws(JambaError) -> [AppliedAdapter] {
    var applied: [AppliedAdapter] = []
    for adapter in adapter { applied.append(AppliedAdapter(try model.loadAdapter(adapter.path), scale: adapter.scale)) }
    return applied
  }
}
