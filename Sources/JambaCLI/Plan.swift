import ArgumentParser
import Jamba
import JambaSystem

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows where the memory would go, without loading anything.",
    discussion: "Exit status 1 when the memory is too little; the message names the least that works.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "Sessions at the same time, as jamba serve has them.")
  var sessions = 1

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: ArgumentHelp("An adapter to keep memory for; may be given several times.", valueName: "file"))
  var adapter: [String] = []

  @OptionGroup var contextOption: ContextOption
  @OptionGroup var chunkOption: ChunkOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    try checked { () throws(JambaError) in try ModelOptions(sessions: sessions).validate() }
  }

  func run() throws {
    var options = loading.options(
      context: contextOption.context, sessions: attention.sessionOptions(chunk: chunkOption.chunk),
      adapters: adapter)
    options.sessions = sessions
    let plan = try JambaModel.plan(model, options: options)
    Output.write(json ? plan.report.text() + "\n" : summary(plan))
  }

  private func summary(_ plan: MemoryPlan) -> String {
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
    lines.append(("least", "\(Terminal.size(plan.leastByteCount)) for this context"))
    let width = lines.map(\.0.count).max()! + 2
    return lines.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 + "\n" }.joined()
  }
}

extension MemoryPlan {
  var report: JSON {
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
    return .object([
      "limit_bytes": .integer(limit.byteCount), "limit_source": .string(limit.source.rawValue),
      "total_bytes": .integer(byteCount), "least_bytes": .integer(leastByteCount),
      "context": .integer(context), "chunk": .integer(chunk), "residency": .object(residence),
      "items": .object(items),
    ])
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
