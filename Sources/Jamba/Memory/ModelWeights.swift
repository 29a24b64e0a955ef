import JambaFormat

/// The weights of a model as its memory plan lays them out: some resident, the others in a cache.
final class ModelWeights: Sendable {
  let resident: ResidentWeights
  /// Experts in pool `CachedExperts.pool`, layers in `StreamedLayers.pool`.
  let cache: WeightCache?
  let streamsLayers: Bool
  let cachesExperts: Bool

  init(
    _ file: JambaFile, _ catalog: WeightCatalog, _ plan: MemoryPlan, expertShare: Float, threads: Int
  ) throws(JambaError) {
    switch plan.residency {
    case .mapped, .owned: (streamsLayers, cachesExperts) = (false, false)
    case .experts: (streamsLayers, cachesExperts) = (false, true)
    case .layers: (streamsLayers, cachesExperts) = (true, catalog.experts.contains { !$0.isEmpty })
    }
    resident = try ResidentWeights(
      file, segments: catalog.segments(ofLayers: !streamsLayers, experts: !cachesExperts),
      mapsRaw: plan.residency == .mapped, access: plan.access, threads: max(threads, WeightCache.readerCount))

    func experts(_ slots: Int) -> WeightCache.Pool {
      .init(slotCount: slots, units: Array(catalog.experts.joined()), share: expertShare)
    }
    let pools: [WeightCache.Pool]
    switch plan.residency {
    case .mapped, .owned:
      cache = nil
      return
    case .experts(let slots): pools = [experts(slots)]
    case .layers(let slots, let expertSlots):
      pools = [experts(expertSlots), .init(slotCount: slots, units: catalog.layers, share: 1)]
    }
    cache = try WeightCache(file, pools: pools, layerCount: catalog.layers.count, access: plan.access)
  }
}
