import JambaFormat

/// Which units are in which slots, what is to be read next, and who waits for what: the cache's decisions, without its
/// threads and memory.
///
/// A unit is *demanded* when computing needs it, in the order in which it will be taken, and *prefetched* when it may soon.
/// Demanded units are read first; units to be prefetched only while nothing demanded is left to read, and only in place of units
/// that are expected to be used later; and while nothing is asked for at all, empty slots are filled with the units expected
/// to be used first. A unit that is leased, or demanded and in memory, stays; except that of demanded
/// units the last gives way to the first, so that two sessions with few slots cannot wait for each other.
package struct CacheState {
  /// A read: piece `piece` of `unit`, into `slot`.
  package struct Job: Equatable {
    package let unit: Int
    package let slot: Int
    package let piece: Int
  }

  private enum Content {
    case empty
    case loading
    case ready
    case failed(FormatError)
  }

  private struct Slot {
    var content = Content.empty
    var unit = 0
    var leases = 0
    /// Pieces handed out to be read, and read.
    var taken = 0
    var done = 0
    /// A read-ahead that turned out wrong: no more of it is read.
    var isCancelled = false
    /// Read ahead and not yet used.
    var isPrefetch = false
    /// Read only because the slot was empty and nothing else was to be read.
    var isFill = false
  }

  private let pieceCounts: [Int]
  /// By unit: its pool. Slots of a pool have the same size.
  private let pools: [Int]
  private let poolSlots: [Range<Int>]
  private var slots: [Slot]
  private var slotOfUnit: [Int?]
  /// Units demanded and not yet leased, in order, and how often each is among them. The first is always what its demand
  /// takes next, and always gets a slot: so somebody gets on.
  private var demanded: [(unit: Int, demand: Int)] = []
  private var demandCount = 0
  private var demandCounts: [Int]
  /// Units to be prefetched of each pool, in order, and which units are among them.
  private var prefetches: [[Int]]
  private var isToBePrefetched: [Bool]
  private var forecast: UseForecast
  private let layers: [Int]
  /// Whether empty slots are filled. One such read that fails ends it: nobody is told, and it would be tried for ever.
  private var fillsEmptySlots: Bool
  package internal(set) var statistics = MemoryStatistics()
  var isStopping = false

  /// - Parameters:
  ///   - pieceCounts: reads that load each unit.
  ///   - layers: the layer that uses each unit.
  ///   - pools: the pool of each unit.
  ///   - slotCounts: slots of each pool.
  ///   - shares, counts: see `UseForecast`.
  ///   - fillsEmptySlots: whether slots that are still empty are filled while nothing is asked for.
  package init(
    pieceCounts: [Int], layers: [Int], pools: [Int], slotCounts: [Int], shares: [Float], layerCount: Int,
    counts: UseCounts? = nil, fillsEmptySlots: Bool = false
  ) {
    self.pieceCounts = pieceCounts
    self.layers = layers
    self.pools = pools
    var poolSlots: [Range<Int>] = []
    for count in slotCounts {
      let start = poolSlots.last?.upperBound ?? 0
      poolSlots.append(start..<start + count)
    }
    self.poolSlots = poolSlots
    slots = [Slot](repeating: Slot(), count: slotCounts.reduce(0, +))
    slotOfUnit = [Int?](repeating: nil, count: layers.count)
    demandCounts = [Int](repeating: 0, count: layers.count)
    prefetches = [[Int]](repeating: [], count: slotCounts.count)
    isToBePrefetched = [Bool](repeating: false, count: layers.count)
    forecast = UseForecast(layers: layers, shares: shares, layerCount: layerCount, counts: counts)
    self.fillsEmptySlots = fillsEmptySlots
  }

  /// Uses counted so far, with those from before.
  package var counts: UseCounts { forecast.counts }

  // MARK: What computing says

  /// Demands units of `layer`, all of one pool, to be leased in this order.
  ///
  /// - Parameters:
  ///   - uses: how many of the pass's tokens use each; all when not given.
  ///   - tokens: those of the pass.
  /// - Returns: the number of the demand.
  package mutating func demand(_ units: [Int], layer: Int, uses: [Int]? = nil, tokens: Int = 1) -> Int {
    demandCount += 1
    guard let first = units.first else { return demandCount }
    forecast.enter(layer: layer, chosen: units, uses: uses ?? units.map { _ in tokens }, tokens: tokens)
    for unit in units {
      demanded.append((unit, demandCount))
      demandCounts[unit] += 1
      statistics.requests += 1
      guard let slot = slotOfUnit[unit] else { continue }
      switch slots[slot].content {
      case .ready:
        statistics.hits += 1
        if slots[slot].isPrefetch { statistics.prefetchHits += 1 }
      case .loading: statistics.lateHits += 1
      case .failed where slots[slot].done == slots[slot].taken:
        clear(slot)  // to be tried again
        continue
      case .empty, .failed: break
      }
      slots[slot].isPrefetch = false
    }
    // What was read ahead for this layer and is not wanted after all need not be read to the end.
    prefetch([], pool: pools[first])
    for slot in poolSlots[pools[first]] where layers[slots[slot].unit] == layer && !slots[slot].isFill {
      cancelIfUnwanted(slot)
    }
    return demandCount
  }

  /// Replaces the units of a pool that are to be prefetched, likeliest first.
  package mutating func prefetch(_ units: [Int], pool: Int) {
    for unit in prefetches[pool] { isToBePrefetched[unit] = false }
    for unit in units { isToBePrefetched[unit] = true }
    prefetches[pool] = units
  }

  /// Takes back what is left of a demand.
  package mutating func withdraw(_ demand: Int) {
    demanded.removeAll { entry in
      guard entry.demand == demand else { return false }
      demandCounts[entry.unit] -= 1
      return true
    }
  }

  /// The slot of a demanded unit once it is in memory, or why it cannot be read; nil while it is not there.
  package mutating func lease(_ unit: Int, of demand: Int) -> Result<Int, FormatError>? {
    guard let slot = slotOfUnit[unit], !slots[slot].isCancelled else { return nil }
    switch slots[slot].content {
    case .ready:
      slots[slot].leases += 1
      remove(unit, of: demand)
      return .success(slot)
    case .failed(let error):
      // Reads that are still under way write into the slot.
      guard slots[slot].done == slots[slot].taken else { return nil }
      clear(slot)
      remove(unit, of: demand)
      return .failure(error)
    case .empty, .loading: return nil
    }
  }

  package mutating func release(slot: Int) { slots[slot].leases -= 1 }

  private mutating func remove(_ unit: Int, of demand: Int) {
    guard let index = demanded.firstIndex(where: { $0 == (unit, demand) }) else { return }
    demanded.remove(at: index)
    demandCounts[unit] -= 1
  }

  // MARK: What the readers do

  /// The next read; nil when there is nothing to read or no slot for it.
  package mutating func nextJob() -> Job? {
    var isFull = [Bool](repeating: false, count: poolSlots.count)
    for (place, unit) in demanded.map(\.unit).enumerated() where slotOfUnit[unit] == nil && !isFull[pools[unit]] {
      // In order: a later demand must not take the slot that an earlier one waits for.
      isFull[pools[unit]] = !assign(unit, demandedAt: place)
    }
    for (unit, _) in demanded { if let job = takePiece(of: unit) { return job } }
    for list in prefetches {
      for unit in list {
        if slotOfUnit[unit] == nil && !assignPrefetch(unit) { break }
        if let job = takePiece(of: unit) { return job }
      }
    }
    return takeFill()
  }

  /// A read that fills an empty slot, what has been begun first.
  private mutating func takeFill() -> Job? {
    guard fillsEmptySlots else { return nil }
    for slot in slots.indices where slots[slot].isFill {
      if let job = takePiece(of: slots[slot].unit) { return job }
    }
    for (pool, places) in poolSlots.enumerated() {
      guard let slot = places.first(where: isEmpty) else { continue }
      let absent = slotOfUnit.indices.filter { pools[$0] == pool && slotOfUnit[$0] == nil }
      guard let unit = absent.min(by: { forecast.expectedLayersUntil($0) < forecast.expectedLayersUntil($1) }) else {
        continue
      }
      fill(slot, with: unit)
      slots[slot].isPrefetch = true
      slots[slot].isFill = true
      statistics.prefetches += 1
      return takePiece(of: unit)
    }
    return nil
  }

  private mutating func takePiece(of unit: Int) -> Job? {
    guard let slot = slotOfUnit[unit], case .loading = slots[slot].content, !slots[slot].isCancelled,
      slots[slot].taken < pieceCounts[unit]
    else { return nil }
    slots[slot].taken += 1
    return Job(unit: unit, slot: slot, piece: slots[slot].taken - 1)
  }

  /// Records a read. - Returns: whether somebody may have waited for it.
  package mutating func finish(_ job: Job, byteCount: Int, failure: FormatError?) -> Bool {
    statistics.bytesRead += byteCount
    slots[job.slot].done += 1
    if let failure {
      // The rest of the unit is not worth reading.
      if case .failed = slots[job.slot].content {} else { slots[job.slot].content = .failed(failure) }
      if slots[job.slot].isFill { fillsEmptySlots = false }
    }
    let isComplete = slots[job.slot].done == slots[job.slot].taken
    switch slots[job.slot].content {
    case .failed:
      // Nobody is told of a read-ahead that failed: whoever needs the unit will read it again.
      if isComplete && (demandCounts[job.unit] == 0 || slots[job.slot].isCancelled) { clear(job.slot) }
    case .loading:
      if slots[job.slot].isCancelled {
        if isComplete { clear(job.slot) }
      } else if slots[job.slot].done == pieceCounts[job.unit] {
        slots[job.slot].content = .ready
      }
    case .empty, .ready: break
    }
    return isComplete
  }

  // MARK: Slots

  private mutating func clear(_ slot: Int) {
    slotOfUnit[slots[slot].unit] = nil
    slots[slot] = Slot()
  }

  private mutating func fill(_ slot: Int, with unit: Int) {
    if case .empty = slots[slot].content {} else { clear(slot) }
    slots[slot].content = .loading
    slots[slot].unit = unit
    slotOfUnit[unit] = slot
  }

  private func isEmpty(_ slot: Int) -> Bool {
    if case .empty = slots[slot].content { true } else { false }
  }

  /// Whether a read writes into the slot, or is going to.
  private func isBeingRead(_ slot: Int) -> Bool {
    switch slots[slot].content {
    case .empty, .ready: false
    case .loading: true
    case .failed: slots[slot].done < slots[slot].taken
    }
  }

  /// Stops reading a unit that nobody demands. One of which nothing is left to be asked for is as good as there.
  private mutating func cancelIfUnwanted(_ slot: Int) {
    let unit = slots[slot].unit
    guard case .loading = slots[slot].content, demandCounts[unit] == 0, slots[slot].taken < pieceCounts[unit] else { return }
    slots[slot].isCancelled = true
    if slots[slot].done == slots[slot].taken { clear(slot) }
  }

  /// A slot of the pool that may be filled: an empty one, or that of the unit expected to be used last; with what is
  /// expected of it.
  private func eviction(pool: Int) -> (slot: Int, expectedLayers: Float)? {
    var best: (slot: Int, expectedLayers: Float)?
    for slot in poolSlots[pool] {
      switch slots[slot].content {
      case .empty: return (slot, .infinity)
      case .loading, .ready, .failed:
        guard !isBeingRead(slot), slots[slot].leases == 0, demandCounts[slots[slot].unit] == 0 else { continue }
        // What is to be prefetched is as good as certain; or the prefetches of a layer would evict each other in turns.
        let unit = slots[slot].unit
        let expected = isToBePrefetched[unit] ? Float(forecast.layersUntil(unit)) : forecast.expectedLayersUntil(unit)
        if best.map({ expected > $0.expectedLayers }) ?? true { best = (slot, expected) }
      }
    }
    return best
  }

  /// Gives the unit in `place` among the demanded a slot.
  private mutating func assign(_ unit: Int, demandedAt place: Int) -> Bool {
    if let place = eviction(pool: pools[unit]) {
      fill(place.slot, with: unit)
      return true
    }
    for slot in poolSlots[pools[unit]] {
      cancelIfUnwanted(slot)
      if case .empty = slots[slot].content {
        fill(slot, with: unit)
        return true
      }
    }
    // Every slot is leased, being read, or waiting for a demand; the last demand's gives way, if it is there or cannot be
    // read.
    let earlier = Set(demanded[..<place].map(\.unit))
    for (later, _) in demanded[(place + 1)...].reversed() {
      guard pools[later] == pools[unit], !earlier.contains(later), let slot = slotOfUnit[later],
        slots[slot].leases == 0, !isBeingRead(slot)
      else { continue }
      fill(slot, with: unit)
      return true
    }
    return false
  }

  /// Gives a unit to be prefetched a slot; evicts one that is expected to be used later than the prefetched unit's layer comes.
  private mutating func assignPrefetch(_ unit: Int) -> Bool {
    guard let place = eviction(pool: pools[unit]), place.expectedLayers > Float(forecast.layersUntil(unit)) else {
      return false
    }
    fill(place.slot, with: unit)
    slots[place.slot].isPrefetch = true
    statistics.prefetches += 1
    return true
  }
}
