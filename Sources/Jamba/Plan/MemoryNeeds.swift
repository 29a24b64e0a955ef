import JambaFormat
import JambaSystem

/// The memory needs of a model's parts, from which a plan is made.
struct MemoryNeeds {
  /// The program itself; measured 13 to 16 MiB, with room for a second sampler's arrays and the like.
  private static let program = 20 << 20
  /// A vocabulary in memory while it is loaded, per byte of tokenizer.json: measured 10 for 65,536 entries.
  private static let tokenizerFactor = 12
  /// The same per byte of tokenizer.model: measured 8 for 65,536 entries while they are read, and the texts of all tokens,
  /// which grammars want, come on top.
  private static let sentencePieceFactor = 24

  private let base: [MemoryPlan.Item]
  private let weights: Int
  private let alwaysUsed: Int
  /// By number of layers that stay: bytes of those and of what belongs to no layer.
  private let kept: [Int]
  private let layerSlot: Int
  private let layerCount: Int
  private let expertSlot: Int
  private let expertCount: Int
  private let chunkByteCount: Int
  private let adapterByteCount: Int
  private let draftTextByteCount: Int
  /// Bytes of the states of all sessions.
  private let session: (_ context: Int) -> Int
  private let maximumContext: Int

  init(
    _ directory: Directory, _ c: ModelConfiguration, _ catalog: WeightCatalog, _ layout: KeyValueLayout, draft: Int,
    sessions: Int, adapters: Int = 0, draftTexts: Int = 0
  ) throws(JambaError) {
    adapterByteCount = adapters
    draftTextByteCount = draftTexts
    func documentByteCount(_ name: String) -> Int { directory.entries.first { $0.name == name }?.byteCount ?? 0 }
    base = [
      .init(name: "program", byteCount: MemoryNeeds.program),
      .init(
        name: "tokenizer",
        byteCount: MemoryNeeds.tokenizerFactor * documentByteCount(DocumentName.tokenizer)
          + MemoryNeeds.sentencePieceFactor * documentByteCount(DocumentName.sentencePiece)),
      .init(
        name: "directory",
        byteCount: directory.blocks.count * 64 + directory.segments.count * 256 + directory.entries.count * 512),
    ]
    func byteCount(_ segments: [Int]) -> Int {
      segments.reduce(0) { $0 + SystemMemory.wholePages(directory.segments[$1].byteCount) }
    }
    let layers = catalog.layers.indices
    weights = byteCount(catalog.segments(ofLayers: layers, experts: true))
    alwaysUsed = byteCount(catalog.segments(ofLayers: layers, experts: false))
    kept = (0...layers.count).map { byteCount(catalog.segments(ofLayers: catalog.kept($0), experts: false)) }
    layerSlot = catalog.layers.reduce(0) { max($0, $1.byteCount) }
    layerCount = catalog.layers.count
    expertSlot = catalog.experts.joined().reduce(0) { max($0, $1.byteCount) }
    expertCount = catalog.experts.reduce(0) { $0 + $1.count }
    chunkByteCount =
      try Batcher.byteCount(c, capacity: layout.chunk, sessions: sessions)
      + sessions * Lookahead.byteCount(c, draft: draft)
    session = { sessions * SequenceState.byteCount(c, layout, context: $0) }
    maximumContext = c.maxPositionEmbeddings
  }

  /// With fewer than two slots nothing could be read while something is computed.
  private static let leastSlots = 2
  private var leastExpertSlots: Int { min(MemoryNeeds.leastSlots, expertCount) }

  func modelItems(_ residency: MemoryPlan.Residency) -> [MemoryPlan.Item] {
    let readers = MemoryPlan.Item(name: "readers", byteCount: WeightCache.scratchByteCount)
    switch residency {
    case .mapped: return base + [.init(name: "weights, mapped or decoded", byteCount: weights)]
    case .owned:
      return base + [.init(name: "weights", byteCount: weights)]
    case .experts(let slots):
      return base + [
        .init(name: "weights used always", byteCount: alwaysUsed), readers,
        .init(name: "expert slots", byteCount: slots * expertSlot),
      ]
    case .layers(let count, let slots, let expertSlots):
      return base + [
        .init(name: "weights kept", byteCount: kept[count]), readers,
        .init(name: "layer slots", byteCount: slots * layerSlot),
        .init(name: "expert slots", byteCount: expertSlots * expertSlot),
      ]
    }
  }

  func sessionItems(context: Int) -> [MemoryPlan.Item] {
    let always: [MemoryPlan.Item] = [
      .init(name: "state", byteCount: session(0)),
      .init(name: "keys and values", byteCount: session(context) - session(0)),
      .init(name: "activations", byteCount: chunkByteCount),
    ]
    let asked: [MemoryPlan.Item] = [
      .init(name: "adapters", byteCount: adapterByteCount), .init(name: "texts to guess from", byteCount: draftTextByteCount),
    ]
    return always + asked.filter { $0.byteCount > 0 }
  }

  private func total(_ residency: MemoryPlan.Residency, _ context: Int) -> Int {
    (modelItems(residency) + sessionItems(context: context)).reduce(0) { $0 + $1.byteCount }
  }

  /// Ways to run, the fastest first, each with the fewest slots.
  private func candidates(mayMap: Bool) -> [MemoryPlan.Residency] {
    var result: [MemoryPlan.Residency] = [mayMap ? .mapped : .owned]
    if expertCount > 0 { result.append(.experts(slots: leastExpertSlots)) }
    if layerCount > MemoryNeeds.leastSlots {
      result.append(.layers(kept: 0, slots: MemoryNeeds.leastSlots, expertSlots: leastExpertSlots))
    }
    return result
  }

  func least(context: Int) -> Int {
    candidates(mayMap: false).map { total($0, context) }.min() ?? 0
  }

  func residency(within limit: Int, context: Int, mayMap: Bool) -> MemoryPlan.Residency? {
    guard let fitting = candidates(mayMap: mayMap).first(where: { total($0, context) <= limit }) else { return nil }
    let rest = limit - total(fitting, context)
    switch fitting {
    case .mapped, .owned: return fitting
    case .experts(let slots): return .experts(slots: min(expertCount, slots + rest / expertSlot))
    case .layers(let kept, var slots, let expertSlots):
      // A third slot lets reading run ahead of computing; after that the more layers stay, the less there is to read.
      if rest >= layerSlot { slots += 1 }
      let best = (kept...max(kept, layerCount - slots)).last {
        total(.layers(kept: $0, slots: slots, expertSlots: expertSlots), context) <= limit
      }
      return .layers(kept: best ?? kept, slots: slots, expertSlots: expertSlots)
    }
  }

  func largestContext(within limit: Int) -> Int? {
    guard least(context: 1) <= limit else { return nil }
    var (fits, tooLarge) = (1, maximumContext + 1)
    while tooLarge - fits > 1 {
      let middle = (fits + tooLarge) / 2
      if least(context: middle) <= limit { fits = middle } else { tooLarge = middle }
    }
    return fits
  }
}
