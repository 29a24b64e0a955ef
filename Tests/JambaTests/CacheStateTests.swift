import Jamba
import TestSupport
import Testing

/// The weight cache's decisions, driven by simulated sessions and readers in random order.
@Suite struct CacheStateTests {
  static let layerCount = 6
  static let expertCount = 8

  /// Two pools, as of a model whose layers stream and whose experts are cached: the second has a unit a layer.
  func state(expertSlots: Int, layerSlots: Int, pieces: Int, fillsEmptySlots: Bool = false) -> CacheState {
    let experts = (0..<CacheStateTests.layerCount * CacheStateTests.expertCount).map { $0 / CacheStateTests.expertCount }
    let layers = experts + Array(0..<CacheStateTests.layerCount)
    return CacheState(
      pieceCounts: [Int](repeating: pieces, count: layers.count), layers: layers,
      pools: layers.indices.map { $0 < experts.count ? 0 : 1 }, slotCounts: [expertSlots, layerSlots],
      shares: layers.indices.map { $0 < experts.count ? 0.25 : 1 }, layerCount: CacheStateTests.layerCount,
      fillsEmptySlots: fillsEmptySlots)
  }

  /// A session: goes through the layers, demands a few units of each, leases and releases them in order.
  struct Walker {
    var layer = 0
    var rounds = 0
    var demand = 0
    var waiting: [Int] = []
    var leased: (unit: Int, slot: Int)?
  }

  /// - Returns: the statistics at the end.
  func run(
    _ state: inout CacheState, walkers count: Int, rounds: Int, failures: Bool, _ random: inout FixedGenerator
  ) throws -> MemoryStatistics {
    var walkers = [Walker](repeating: Walker(), count: count)
    var underWay: [CacheState.Job] = []
    var contents: [Int: Int] = [:]  // by slot: the unit whose reads were handed out last
    var failed: Set<Int> = []
    var steps = 0
    while walkers.contains(where: { $0.rounds < rounds }) {
      steps += 1
      // Every step of somebody is followed by others' in the end: far more steps than reads mean that all wait.
      try #require(steps < rounds * count * 20_000, "nobody gets on")
      if Bool.random(using: &random) {  // a reader takes work
        if let job = state.nextJob() {
          let holders = walkers.compactMap(\.leased).filter { $0.slot == job.slot }
          #expect(holders.isEmpty, "slot \(job.slot) is written while unit \(holders) is in use")
          contents[job.slot] = job.unit
          underWay.append(job)
        }
      }
      if !underWay.isEmpty, Bool.random(using: &random) {  // a reader is done
        let job = underWay.remove(at: Int.random(in: 0..<underWay.count, using: &random))
        #expect(contents[job.slot] == job.unit, "two units are read into slot \(job.slot)")
        let fails = failures && Int.random(in: 0..<20, using: &random) == 0
        if fails { failed.insert(job.unit) }
        _ = state.finish(job, byteCount: 1, failure: fails ? .damaged(path: "x", reason: "y") : nil)
      }
      let index = Int.random(in: 0..<count, using: &random)
      if let lease = walkers[index].leased {
        state.release(slot: lease.slot)
        walkers[index].leased = nil
      } else if let unit = walkers[index].waiting.first {
        guard let outcome = state.lease(unit, of: walkers[index].demand) else { continue }
        walkers[index].waiting.removeFirst()
        switch outcome {
        case .success(let slot):
          #expect(contents[slot] == unit, "slot \(slot) holds another unit")
          #expect(!underWay.contains { $0.slot == slot }, "slot \(slot) is still being read")
          walkers[index].leased = (unit, slot)
        case .failure:
          #expect(failed.contains(unit), "unit \(unit) failed though no read of it did")
          state.withdraw(walkers[index].demand)
          walkers[index].waiting = []
        }
      } else if walkers[index].rounds < rounds {
        let layer = walkers[index].layer
        let first = layer * CacheStateTests.expertCount
        let isExperts = Bool.random(using: &random)
        let units =
          isExperts
          ? (first..<first + CacheStateTests.expertCount).shuffled(using: &random).prefix(3).sorted()
          : [CacheStateTests.layerCount * CacheStateTests.expertCount + layer]
        walkers[index].demand = state.demand(units, layer: layer)
        walkers[index].waiting = units
        let next = (layer + 1) % CacheStateTests.layerCount
        state.prefetch(
          (0..<3).map { _ in next * CacheStateTests.expertCount + Int.random(in: 0..<CacheStateTests.expertCount, using: &random) },
          pool: 0)
        walkers[index].layer = next
        if next == 0 { walkers[index].rounds += 1 }
      }
    }
    return state.statistics
  }

  @Test(arguments: [1, 2, 5, 48], [1, 2, 4])
  func everySessionGetsOnAndNoSlotIsUsedTwice(expertSlots: Int, walkers: Int) throws {
    for seed in 0..<8 {
      var random = FixedGenerator(state: UInt64(seed))
      var state = state(expertSlots: expertSlots, layerSlots: 2, pieces: 1 + seed % 3)
      let statistics = try run(&state, walkers: walkers, rounds: 20, failures: seed % 2 == 1, &random)
      #expect(statistics.requests == statistics.hits + statistics.lateHits + statistics.misses)
      #expect(statistics.requests > 0 && statistics.bytesRead > 0)
    }
  }

  /// With a slot for every unit nothing is read twice.
  @Test func whatFitsIsReadOnce() throws {
    let units = CacheStateTests.layerCount * CacheStateTests.expertCount
    var state = state(expertSlots: units, layerSlots: CacheStateTests.layerCount, pieces: 1)
    var random = FixedGenerator(state: 1)
    let statistics = try run(&state, walkers: 2, rounds: 60, failures: false, &random)
    #expect(statistics.bytesRead <= units + CacheStateTests.layerCount)
  }

  /// What is demanded is read before what is prefetched, and a prefetch never takes the place of a unit that is used
  /// sooner.
  @Test func demandsComeFirst() {
    var state = state(expertSlots: 2, layerSlots: 1, pieces: 1)
    state.prefetch([8], pool: 0)
    _ = state.demand([3], layer: 0)
    #expect(state.nextJob()?.unit == 3)
    #expect(state.nextJob() == nil, "the demand has replaced the prefetches of its pool")
    state.prefetch([8], pool: 0)
    let ahead = state.nextJob()
    #expect(ahead?.unit == 8)
    // Both slots are taken: by a demanded unit, and by one of the next layer. A unit of a later layer gets none.
    state.prefetch([16], pool: 0)
    #expect(state.nextJob() == nil)
  }

  /// A read-ahead of the layer that has come, but of units that it did not choose, is given up.
  @Test func wrongGuessesAreGivenUp() throws {
    var state = state(expertSlots: 2, layerSlots: 1, pieces: 4)
    state.prefetch([8, 9], pool: 0)
    let job = state.nextJob()
    let first = try #require(job)
    #expect(first.unit == 8)
    _ = state.demand([10], layer: 1)
    // Unit 10 takes the slot that is free; no more pieces of unit 8 are read.
    for piece in 0..<4 { #expect(state.nextJob().map { [$0.unit, $0.piece] } == [10, piece]) }
    #expect(state.nextJob() == nil)
    _ = state.finish(first, byteCount: 1, failure: nil)
    #expect(state.lease(8, of: 0) == nil)
  }

  /// Prefetched units that are there stay, and reading comes to an end, though there are more of them than slots.
  @Test func prefetchesDoNotEvictEachOther() throws {
    var state = state(expertSlots: 4, layerSlots: 1, pieces: 1)
    state.prefetch([8, 9, 10, 11, 12, 13], pool: 0)
    for _ in 0..<4 {
      let job = state.nextJob()
      _ = state.finish(try #require(job), byteCount: 1, failure: nil)
    }
    #expect(state.nextJob() == nil)
    let demand = state.demand([8, 9, 10, 11], layer: 1)
    for unit in 8...11 {
      guard case .success(let slot) = state.lease(unit, of: demand) else {
        Issue.record("unit \(unit) is not there")
        continue
      }
      state.release(slot: slot)
    }
    #expect(state.statistics.prefetchHits == 4)
  }

  // MARK: Counts of earlier uses

  /// Of these units, by layer, all of 100 tokens that were counted chose some expert: the further at the end, the more did.
  func counts() -> UseCounts {
    var counts = UseCounts(expertCounts: [Int](repeating: CacheStateTests.expertCount, count: CacheStateTests.layerCount))
    for layer in 0..<CacheStateTests.layerCount {
      counts.add((0..<CacheStateTests.expertCount).map { (expert: $0, tokens: 10 * $0) }, of: 100, layer: layer)
    }
    return counts
  }

  func next(_ state: inout CacheState) throws -> CacheState.Job {
    let job = state.nextJob()
    return try #require(job)
  }

  func countedState(slots: Int, pieces: Int = 1) -> CacheState {
    let units = CacheStateTests.layerCount * CacheStateTests.expertCount
    return CacheState(
      pieceCounts: [Int](repeating: pieces, count: units), layers: (0..<units).map { $0 / CacheStateTests.expertCount },
      pools: [Int](repeating: 0, count: units), slotCounts: [slots], shares: [Float](repeating: 0.25, count: units),
      layerCount: CacheStateTests.layerCount, counts: counts(), fillsEmptySlots: true)
  }

  /// Without any demand the slots are filled with the units expected to be used first, and then reading ends.
  @Test func emptySlotsAreFilledWithWhatWasUsedMost() throws {
    var state = countedState(slots: CacheStateTests.layerCount)
    var units: [Int] = []
    while let job = state.nextJob() {
      units.append(job.unit)
      _ = state.finish(job, byteCount: 1, failure: nil)
      try #require(units.count <= CacheStateTests.layerCount)
    }
    // Of the layers that come next the expert used most, and of a near one the second before the first of one far off.
    #expect(units == [15, 23, 14, 31, 22, 39])
    #expect(state.statistics.requests == 0)
    let demand = state.demand([15], layer: 1)
    let lease = state.lease(15, of: demand)
    #expect(lease != nil && state.statistics.prefetchHits == 1)
  }

  /// What is demanded goes before what fills: also when all slots are being filled.
  @Test func fillingYieldsToDemands() throws {
    var state = countedState(slots: 2, pieces: 3)
    let begun = try (0..<4).map { _ in try next(&state) }
    #expect(begun.map(\.unit) == [15, 15, 15, 23])
    let demand = state.demand([0, 1], layer: 0)
    // The slots are still written to; the one whose unit is not asked for to its end is the first to be free.
    let early = state.nextJob()
    #expect(early == nil)
    for job in begun { _ = state.finish(job, byteCount: 1, failure: nil) }
    for unit in [0, 1] {
      for piece in 0..<3 {
        let job = try next(&state)
        #expect(job.unit == unit && job.piece == piece)
        _ = state.finish(job, byteCount: 1, failure: nil)
      }
      guard case .success(let slot) = state.lease(unit, of: demand) else {
        Issue.record("unit \(unit) is not there")
        continue
      }
      state.release(slot: slot)
    }
    #expect(state.nextJob() == nil, "there is no empty slot, and nothing makes room for a fill")
  }

  /// A layer that passes without using what is being read for it is no reason to give that up.
  @Test func fillingGoesOnWhenItsLayerHasPassed() throws {
    var state = countedState(slots: 3, pieces: 2)
    let first = try next(&state)
    #expect(first.unit == 15)
    _ = state.demand([8], layer: 1)
    #expect(try (0..<3).map { _ in try next(&state).unit } == [8, 8, 15])
  }

  /// Nobody waits for a fill, so nobody would be told of one that fails again and again.
  @Test func afterAFailureNothingIsFilled() throws {
    var state = countedState(slots: 4)
    let job = try next(&state)
    _ = state.finish(job, byteCount: 0, failure: .damaged(path: "x", reason: "y"))
    #expect(state.nextJob() == nil)
    // Who needs the unit has it read again.
    _ = state.demand([job.unit], layer: 1)
    #expect(state.nextJob()?.unit == job.unit)
  }

  /// What was seldom used makes room first, from the beginning.
  @Test func countsDecideWhatMakesRoom() throws {
    for (counts, expected) in [(nil, 1), (counts(), 0)] {
      var state = CacheState(
        pieceCounts: [1, 1, 1], layers: [0, 0, 0], pools: [0, 0, 0], slotCounts: [2], shares: [0.5, 0.5, 0.5], layerCount: 1,
        counts: counts.map { _ in
          var few = UseCounts(expertCounts: [3])
          few.add([(0, 1), (1, 90), (2, 1)], of: 100, layer: 0)
          return few
        })
      for unit in [1, 0] {
        let demand = state.demand([unit], layer: 0)
        let job = try next(&state)
        _ = state.finish(job, byteCount: 1, failure: nil)
        guard case .success(let slot) = state.lease(unit, of: demand) else { throw CancellationError() }
        state.release(slot: slot)
      }
      _ = state.demand([2], layer: 0)
      let evicting = try next(&state)
      // Slot 0 holds unit 1, slot 1 unit 0.
      #expect(evicting.slot == (expected == 1 ? 0 : 1))
    }
  }

  @Test(arguments: [1, 2, 5, 48], [1, 2])
  func sessionsGetOnWhileSlotsAreFilled(slots: Int, walkers: Int) throws {
    for seed in 0..<8 {
      var random = FixedGenerator(state: UInt64(seed))
      var state = state(expertSlots: slots, layerSlots: 2, pieces: 1 + seed % 3, fillsEmptySlots: true)
      let statistics = try run(&state, walkers: walkers, rounds: 20, failures: seed % 2 == 1, &random)
      #expect(statistics.requests == statistics.hits + statistics.lateHits + statistics.misses)
    }
  }
}
