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

  enum PackName: String, ExpressibleByArgument, CaseIterable { case auto, zstd, raw }

  @OptionGroup var recipeOptions: RecipeOptions

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
    guard importance == nil || recipeOptions.hasCodes else {
      throw ValidationError("--importance goes with int2 to int8 only.")
    }
    guard recipeOptions.bitsOnDisk == nil || pack != .raw else { throw ValidationError("--bits-on-disk needs a packed file.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    let adapters = adapterOptions.sources
    let recipe = try recipeOptions.recipe(checkpoint: source, adapters: adapters, tokenizer: tokenizer)
    let bitsOnDisk = recipeOptions.bitsOnDisk
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
        recipe: recipe, rules: recipeOptions.rules, packing: packing,
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
        + (recipeOptions.bitsOnDisk == nil ? ", " : " in memory and \(Terminal.decimal(summary.bitsOnDisk, 2)) on disk, ")
        + "\(Terminal.decimal(ratio, 2)) times smaller, \(Terminal.decimal(seconds, 1)) s")
  }
}
