import JambaFormat

/// The weights of a model as its memory plan lays them out: some resident, the others in a cache.
final class ModelWeights: Sendable {
  let resident: ResidentWeights
  /// Experts in pool `CachedExperts.pool`, layers in `StreamedLayers.pool`.
  let cache: WeightCache?
  /// The layers that come and go, in the order of their units.
  let streamedLayers: [Int]
  let cachesExperts: Bool

  init(
    _ file: JambaFile, _ catalog: WeightCatalog, _ plan: MemoryPlan, expertShare: Float, threads: Int,
    progress: (Int, Int) -> Bool
  ) throws(JambaError) {
    let layers = catalog.layers.indices
    let kept: Set<Int>
    switch plan.residency {
    case .mapped, .owned: (kept, cachesExperts) = (Set(layers), false)
    case .experts: (kept, cachesExperts) = (Set(layers), true)
    case .layers(let count, _, _):
      (kept, cachesExperts) = (catalog.kept(count), catalog.experts.contains { !$0.isEmpty })
    }
    streamedLayers = layers.filter { !kept.contains($0) }
    resident = try ResidentWeights(
      file, segments: catalog.segments(ofLayers: kept, experts: !cachesExperts),
      mapsRaw: plan.residency == .mapped, access: plan.access, threads: max(threads, WeightCache.readerCount),
      progress: progress)

    func experts(_ slots: Int) -> WeightCache.Pool {
      .init(slotCount: slots, units: Array(catalog.experts.joined()), share: expertShare)
    }
    let pools: [WeightCache.Pool]
    switch plan.residency {
    case .mapped, .owned:
      cache = nil
      return
    case .experts(let slots): pools = [experts(slots)]
    case .layers(_, let slots, let expertSlots):
      let units = streamedLayers.map { catalog.layers[$0] }
      pools = [experts(expertSlots), .init(slotCount: slots, units: units, share: 1)]
    }
    cache = try WeightCache(file, pools: pools, layerCount: catalog.layers.count, access: plan.access)
  }
}
