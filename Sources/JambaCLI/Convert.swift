import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat
import JambaSystem

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a checkpoint to a .jamba file.",
    discussion: """
      Reads a folder with config.json, safetensors weights, quantized or not, and a tokenizer (tokenizer.json, or
      tokenizer.model of SentencePiece), or a GGUF file, in a few hundred megabytes of memory whatever its size. A name
      such as ai21labs/AI21-Jamba2-3B is looked up in the local Hugging Face cache.
      """)

  @Argument(help: "The checkpoint's folder, its name in the Hugging Face cache, or a GGUF file: of one in parts the first.")
  var source: String

  @Argument(help: "The .jamba file to write.")
  var output: String

  /// A type of matrices, by its name.
  struct WeightType: ExpressibleByArgument {
    let storage: StorageType

    init?(argument: String) {
      guard let type = WeightType.all.first(where: { $0.name == argument }) else { return nil }
      storage = type
    }

    static var allValueStrings: [String] { all.map(\.name) }

    /// The smallest first.
    private static var all: [StorageType] {
      StorageType.allCases.filter(\.isMatrix).sorted {
        $0.stripByteCount(columns: 1024)! < $1.stripByteCount(columns: 1024)!
      }
    }
  }
  enum RecipeName: String, ExpressibleByArgument, CaseIterable { case balanced, small }
  enum PackName: String, ExpressibleByArgument, CaseIterable { case auto, zstd, raw }

  @Option(
    help:
      "How weights are stored. Unless given, int4, but what the source still has is kept: int8 where it has 8 bits already, int6 where it has 4 to 7.")
  var type: WeightType?

  @Option(help: "For int4: balanced gives the sensitive matrices 6 or 8 bits, small fewer of them.")
  var recipe: RecipeName?

  @Option(
    help: ArgumentHelp(
      "In place of a type or recipe: the bits a weight may take on average, such as 3.5; more of them, from 2 to 8, go where they gain most.",
      valueName: "number"))
  var bits: Double?

  @Option(
    help: ArgumentHelp(
      "For int4, in place of a recipe, for downloads and for experts read from a slow disk: about so many bits a weight of the packed file, such as 3.5; in memory it is like any other int4.",
      valueName: "number"))
  var bitsOnDisk: Double?

  @Option(
    help: ArgumentHelp(
      "How certain matrices are stored, whatever the recipe says: a tensor name in which * stands for any text, and a type, such as '*.x_proj.weight=bf16'. May be repeated; the first that fits decides.",
      valueName: "name=type"))
  var rule: [RuleOption] = []

  @Option(help: "zstd packs everything, raw nothing; auto packs what shrinks by 3 % and is not needed for every token.")
  var pack: PackName = .auto

  @Option(help: "What jamba calibrate wrote about this model: makes weights of up to 8 bits better, at no more bits.")
  var importance: String?

  @Option(
    help: ArgumentHelp(
      "Takes the tokenizer from there and not from the checkpoint: a folder with tokenizer.json or tokenizer.model, or one of these files.",
      valueName: "path"))
  var tokenizer: String?

  @OptionGroup var adapterOptions: AdapterOptions

  @Flag(help: "Keep progress when interrupted, and continue from what an interrupted conversion kept.")
  var resume = false

  @OptionGroup var threadOption: ThreadOption

  func validate() throws {
    guard
      importance == nil
        || ([type?.storage ?? .int4] + rule.map(\.rule.type)).contains(where: \.traits.hasCodes)
    else {
      throw ValidationError("--importance goes with int2 to int8 only.")
    }
    let isInt4 = type?.storage ?? .int4 == .int4
    guard recipe == nil || isInt4 else { throw ValidationError("--recipe goes with --type int4 only.") }
    guard bits == nil || (isInt4 && recipe == nil) else {
      throw ValidationError("--bits stands in place of --type and --recipe.")
    }
    guard 1...16 ~= bits ?? 8 else { throw ValidationError("--bits takes a number from 1 to 16.") }
    guard bitsOnDisk == nil || (isInt4 && recipe == nil && bits == nil) else {
      throw ValidationError("--bits-on-disk goes with --type int4 only, in place of --recipe and --bits.")
    }
    guard bitsOnDisk == nil || pack != .raw else { throw ValidationError("--bits-on-disk needs a packed file.") }
    guard 1...8 ~= bitsOnDisk ?? 4 else { throw ValidationError("--bits-on-disk takes a number from 1 to 8.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    let adapters = adapterOptions.sources
    let recipe: Recipe? =
      if let bits { try .meeting(bits: bits, checkpoint: source, adapters: adapters) } else if let bitsOnDisk {
        try .meeting(bitsOnDisk: bitsOnDisk, checkpoint: source, adapters: adapters)
      } else if let recipe = self.recipe {
        recipe == .small ? .small : .balanced
      } else if let type {
        type.storage == .int4 ? .balanced : .uniform(type.storage)
      } else { nil }
    let packing: JambaFileWriter.Packing =
      switch pack {
      case .auto: bitsOnDisk == nil ? .automatic : .zstd
      case .zstd: .zstd
      case .raw: .raw
      }
    let start = Terminal.seconds
    var bar = ProgressBar("converting", unit: .bytes)
    defer { bar.finish() }
    let summary = try convert(
      checkpoint: source, to: output,
      options: ConversionOptions(
        recipe: recipe, rules: rule.map(\.rule), packing: packing,
        threads: threadOption.threads ?? Processors.available, importance: importance, tokenizer: tokenizer,
        adapters: adapters, resumes: resume),
      tool: "jamba-edge \(toolVersion)"
    ) { done, total in
      bar.update(done, of: total)
      return !Interrupt.isPending
    }
    bar.finish()
    report(summary, seconds: Terminal.seconds - start)
  }

  private func report(_ summary: ConversionSummary, seconds: Double) {
    for note in summary.notes { Terminal.report("note: \(note)") }
    var rows = [["tensors", "stored as", "count", "values", "bits", "relative error"]]
    for item in summary.classes {
      rows.append([
        item.name, item.type.name, "\(item.tensorCount)", "\(item.valueCount)", Terminal.decimal(item.bitsPerWeight, 2),
        item.type.isMatrix ? Terminal.decimal(item.relativeError, 5) : "",
      ])
    }
    let valueCount = Double(max(summary.sourceTypes.reduce(0) { $0 + $1.valueCount }, 1))
    let types = summary.sourceTypes.map { type in
      "\(type.name) \(Terminal.decimal(100 * Double(type.valueCount) / valueCount, 1)) %"
    }
    Terminal.report("from \(source): \(summary.sourceFormat), \(types.joined(separator: ", "))")
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
    for row in rows {
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column < 2 ? cell + space : space + cell
      }
      Terminal.report("  " + cells.joined(separator: "  "))
    }
    let ratio = Double(summary.sourceByteCount) / Double(max(summary.fileByteCount, 1))
    Terminal.report(
      "\(output): \(Terminal.size(summary.fileByteCount)), \(Terminal.decimal(summary.bitsPerWeight, 2)) bits per weight"
        + (bitsOnDisk == nil ? ", " : " in memory and \(Terminal.decimal(summary.bitsOnDisk, 2)) on disk, ")
        + "\(Terminal.decimal(ratio, 2)) times smaller, \(Terminal.decimal(seconds, 1)) s")
  }
}

/// "*.x_proj.weight=bf16"
struct RuleOption: ExpressibleByArgument {
  let rule: Recipe.Rule

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let type = Convert.WeightType(argument: String(parts[1])) else {
      return nil
    }
    rule = Recipe.Rule(pattern: String(parts[0]), type: type.storage)
  }
}
