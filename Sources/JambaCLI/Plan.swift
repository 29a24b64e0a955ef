import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat
import JambaSystem

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows where the memory would go, without loading anything.",
    discussion: """
      Of a checkpoint, a folder or a GGUF file, it shows what the file would need that jamba convert makes of it, by the same options. Exit
      status 1 when the memory is too little; the message names the least that works.
      """)

  @Argument(help: "A .jamba file, or a checkpoint as jamba convert takes it.")
  var model: String

  @Option(help: "Sessions at the same time, as jamba serve has them.")
  var sessions = 1

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: ArgumentHelp("An adapter to keep memory for; may be given several times.", valueName: "file"))
  var adapter: [String] = []

  @Option(help: ArgumentHelp("A text to guess from to keep memory for; may be given several times.", valueName: "file"))
  var draftText: [String] = []

  @OptionGroup var contextOption: ContextOption
  @OptionGroup var chunkOption: ChunkOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions
  @OptionGroup(title: "Options for checkpoints") var recipeOptions: RecipeOptions

  func validate() throws {
    try checked { () throws(JambaError) in try ModelOptions(sessions: sessions).validate() }
  }

  func run() throws {
    var options = loading.options(
      context: contextOption.context, sessions: attention.sessionOptions(chunk: chunkOption.chunk),
      adapters: adapter, draftTexts: draftText)
    options.sessions = sessions
    guard isCheckpoint(model) else {
      let plan = try JambaModel.plan(model, options: options)
      return Output.write(json ? JSON.object(plan.report).text() + "\n" : summary(plan))
    }
    let (plan, directory) = try planOfCheckpoint(options)
    let byteCount = directory.segments.reduce(0) { $0 + $1.byteCount }
    guard !json else {
      var report = plan.report
      report["file"] = .object(["bytes": .integer(byteCount), "bits_per_weight": .number(directory.bitsPerWeight)])
      return Output.write(JSON.object(report).text() + "\n")
    }
    Output.write(
      summary(plan, file: "\(Terminal.size(byteCount)), packed less, \(Terminal.decimal(directory.bitsPerWeight, 2)) bits a weight"))
  }

  /// The plan of the file that a conversion would write, and that file's directory.
  private func planOfCheckpoint(_ options: ModelOptions) throws -> (MemoryPlan, Directory) {
    let recipe = try recipeOptions.recipe(checkpoint: model)
    let planned = try PlannedModel(checkpoint: model, rules: recipeOptions.rules)
    let directory = planned.directory(recipe)
    return (try JambaModel.plan(directory, planned.configuration, path: model, options: options), directory)
  }

  private func summary(_ plan: MemoryPlan, file: String? = nil) -> String {
    var lines = plan.items.filter { $0.byteCount > 0 }.map { ($0.name, Terminal.size($0.byteCount)) }
    lines.append(("in all", "\(Terminal.size(plan.byteCount)), of \(Terminal.size(plan.limit.byteCount)) (\(plan.limit.source.rawValue))"))
    lines.append(("context", "\(plan.context) tokens, computed \(plan.chunk) at a time"))
    let weights =
      switch plan.residency {
      case .mapped: "mapped"
      case .owned: "in memory"
      case .experts(let slots): "experts take turns in \(slots) slots"
      case .layers(let kept, let slots, let expertSlots):
        "\(kept) layers stay, the others take turns in \(slots) slots" + (expertSlots > 0 ? ", experts in \(expertSlots)" : "")
      }
    lines.append(("weights", weights))
    if let file { lines.append(("file", file)) }
    lines.append(("least", "\(Terminal.size(plan.leastByteCount)) for this context"))
    let width = lines.map(\.0.count).max()! + 2
    return lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 + "\n" }.joined()
  }
}

extension MemoryPlan {
  var report: JSONObject {
    var residence: JSONObject =
      switch residency {
      case .mapped: ["weights": .string("mapped")]
      case .owned: ["weights": .string("owned")]
      case .experts(let slots): ["weights": .string("experts"), "expert_slots": .integer(slots)]
      case .layers(let kept, let slots, let expertSlots):
        ["weights": .string("layers"), "kept_layers": .integer(kept), "layer_slots": .integer(slots), "expert_slots": .integer(expertSlots)]
      }
    residence["access"] = .string(access.rawValue)
    var items: JSONObject = [:]
    for item in self.items { items[item.name] = .integer(item.byteCount) }
    return [
      "limit_bytes": .integer(limit.byteCount), "limit_source": .string(limit.source.rawValue),
      "total_bytes": .integer(byteCount), "least_bytes": .integer(leastByteCount),
      "context": .integer(context), "chunk": .integer(chunk), "residency": .object(residence),
      "items": .object(items),
    ]
  }
}

extension MemoryStatistics {
  var report: JSON {
    .object([
      "requests": .integer(requests), "hits": .integer(hits), "misses": .integer(misses),
      "prefetch_hits": .integer(prefetchHits), "late_hits": .integer(lateHits), "prefetches": .integer(prefetches),
      "bytes_read": .integer(bytesRead), "stall_seconds": .number(stallSeconds),
    ])
  }
}
