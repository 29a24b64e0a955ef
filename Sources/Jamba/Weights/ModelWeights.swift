import JambaFormat

/// Where a model's weights are.
public enum WeightResidency: Sendable, Equatable {
  /// In the mapped file; what is packed there, in memory.
  case mapped
  /// All in memory of our own.
  case owned
  /// All but the experts in memory, which take turns in `slots` (experts are offloaded to the file).
  case experts(slots: Int)
  /// Of the layers `kept` stay, the others take turns in `slots`, and experts in `expertSlots`.
  case layers(kept: Int, slots: Int, expertSlots: Int)
}

/// The weights of a model, some resident, the others in a cache: whoever computes is lent them layer by layer and expert
/// by expert, wherever they are.
final class ModelWeights: Sendable {
  private let resident: ResidentWeights
  private let cache: WeightCache?
  /// By layer: its unit; nil for one that stays.
  private let layers: [WeightCache.Unit?]
  /// By layer: its experts' units; none where they stay.
  private let experts: [[WeightCache.Unit]]

  /// - Parameters:
  ///   - expertShare: the share of tokens through a layer expected to use one of its experts.
  ///   - keepsUses: whether the uses of experts that take turns are kept beside the file.
  ///   - engine: its threads check what is mapped, and as many others read what is copied.
  ///   - progress: as for `ResidentWeights`.
  init(
    _ file: JambaFile, _ catalog: WeightCatalog, _ residency: WeightResidency, access: FileAccess, expertShare: Float,
    keepsUses: Bool, _ engine: Engine, progress: (Int, Int) -> Bool
  ) throws(JambaError) {
    let all = catalog.layers.indices
    let hasExperts = catalog.experts.contains { !$0.isEmpty }
    let (kept, cachesExperts): (Set<Int>, Bool) =
      switch residency {
      case .mapped, .owned: (Set(all), false)
      case .experts: (Set(all), true)
      case .layers(let count, _, _): (catalog.kept(count), hasExperts)
      }
    resident = try ResidentWeights(
      file, segments: catalog.segments(ofLayers: kept, experts: !cachesExperts), mapsRaw: residency == .mapped,
      access: access, threads: max(engine.threadCount, WeightCache.readerCount), engine, progress: progress)

    let streamed = all.filter { !kept.contains($0) }
    func experts(_ slots: Int) -> WeightCache.Slots {
      .init(slotCount: slots, units: Array(catalog.experts.joined()), share: expertShare)
    }
    let pools: [WeightCache.Slots]
    switch residency {
    case .mapped, .owned: pools = []
    case .experts(let slots): pools = [experts(slots)]
    case .layers(_, let slots, let expertSlots):
      pools = [
        experts(expertSlots), .init(slotCount: slots, units: streamed.map { catalog.layers[$0] }, share: 1),
      ]
    }
    guard !pools.isEmpty else {
      (cache, layers) = (nil, all.map { _ in nil })
      self.experts = all.map { _ in [] }
      return
    }
    let record = keepsUses && hasExperts ? UseRecord(file, expertCounts: catalog.experts.map(\.count)) : nil
    let cache = try WeightCache(file, pools: pools, layerCount: all.count, access: access, record: record)
    layers = all.map { layer in streamed.firstIndex(of: layer).map { cache.unit($0, in: .layers) } }
    var count = 0
    self.experts = catalog.experts.map { units in
      defer { count += units.count }
      return cachesExperts ? units.indices.map { cache.unit(count + $0, in: .experts) } : []
    }
    self.cache = cache
  }

  /// Throws when weights that were lent are damaged, and when the mapped file has been cut short, before touching that
  /// would end the process. To be asked before each part of a pass, and before anybody sees what was computed.
  func check() throws(JambaError) { try resident.check() }

  /// Checks mapped weights that nobody has asked for yet, as long as `isWanted`.
  func checkAhead(while isWanted: () -> Bool) { resident.checkAhead(while: isWanted) }

  /// The cost so far of weights that are offloaded to the file.
  var statistics: MemoryStatistics { cache?.statistics ?? MemoryStatistics() }

  /// Writes the counts of uses, where they are kept.
  func keepUses() { cache?.keepUses() }

  /// Of everything that stays: what belongs to no layer, at least.
  var residentView: WeightView { WeightView(resident) }

  /// Whether a layer, its experts aside, stays in memory.
  func isResident(_ layer: Int) -> Bool { layers[layer] == nil }

  /// Whether the experts of a layer may have to be read.
  func cachesExperts(ofLayer layer: Int) -> Bool { !experts[layer].isEmpty }

  /// Lends a layer, its experts aside. Those behind it are prefetched meanwhile.
  func withLayer(
    _ layer: Int, _ body: (WeightView) throws(JambaError) -> Void
  ) throws(JambaError) {
    guard let cache, let unit = layers[layer] else { return try body(residentView) }
    // Round and round: behind the last comes the first.
    let following = (layers[(layer + 1)...] + layers[..<layer]).compactMap { $0 }
    try cache.forEach([unit], layer: layer, whileReading: { cache.prefetch(following, in: .layers) }) {
      (_, view) throws(JambaError) in try body(view)
    }
  }

  /// Lends some experts of a layer, in the order given.
  ///
  /// - Parameters:
  ///   - uses: how many of the pass's tokens chose each.
  ///   - tokens: those of the pass.
  ///   - whileReading: called once those that are not in memory are being read.
  func forEachExpert(
    _ chosen: [Int], ofLayer layer: Int, uses: [Int], tokens: Int, whileReading: () -> Void,
    _ body: (Int, WeightView) -> Void
  ) throws(JambaError) {
    guard let cache, !experts[layer].isEmpty else {
      for expert in chosen { body(expert, residentView) }
      return
    }
    try cache.forEach(
      chosen.map { experts[layer][$0] }, layer: layer, uses: uses, tokens: tokens, whileReading: whileReading
    ) {
      (index, view) throws(JambaError) in body(chosen[index], view)
    }
  }

  /// Says which experts of a layer may be needed next, so that they are prefetched.
  func prefetchExperts(_ likely: [Int], ofLayer layer: Int) {
    cache?.prefetch(likely.map { experts[layer][$0] }, in: .experts)
  }
}
