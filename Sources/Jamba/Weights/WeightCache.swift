import JambaFormat
import JambaSystem

/// Weights that do not all fit into memory: units in a fixed number of slots, read by threads of their own while others
/// compute. `CacheState` decides what is read and what is evicted.
///
/// Invariant: a slot is written by the readers only while its unit is loading, and read by whoever holds a lease, which
/// keeps it from being reused.
@safe
final class WeightCache: Sendable {
  private let core: Core
  private let readers: [BackgroundThread]

  /// Which units share slots.
  enum Pool: Int { case experts, layers }

  /// A unit of the cache.
  struct Unit: Sendable {
    fileprivate let number: Int
  }

  /// Slots of the same size, and the units that go there.
  struct Slots {
    var slotCount: Int
    var units: [WeightUnit]
    /// The share of tokens through its layer expected to use a unit; 1 for all.
    var share: Float

    var slotByteCount: Int { units.reduce(0) { max($0, $1.byteCount) } }
    var byteCount: Int { slotCount * slotByteCount }
  }

  /// The part of the cache that the reading threads share.
  @safe
  fileprivate final class Core: Sendable {
    let file: JambaFile
    let units: [WeightUnit]
    let memory: AlignedBuffer
    /// Of each slot, in `memory`.
    let slotOffsets: [Int]
    /// By pool: its first unit.
    let firstUnits: [Int]
    let monitor: Monitor<CacheState>
    let record: UseRecord?

    init(_ file: JambaFile, _ pools: [Slots], layerCount: Int, _ record: UseRecord?) throws(JambaError) {
      self.file = file
      self.record = record
      let counts = record?.read()
      units = pools.flatMap(\.units)
      let byteCount = pools.reduce(0) { $0 + $1.byteCount }
      do { memory = try AlignedBuffer(byteCount: byteCount) } catch { throw .outOfMemory(byteCount: byteCount) }
      memory.preferLargePages()
      var offsets: [Int] = []
      var firstUnits: [Int] = []
      var (position, unitCount) = (0, 0)
      for pool in pools {
        firstUnits.append(unitCount)
        unitCount += pool.units.count
        for _ in 0..<pool.slotCount {
          offsets.append(position)
          position += pool.slotByteCount
        }
      }
      slotOffsets = offsets
      self.firstUnits = firstUnits
      monitor = Monitor(
        CacheState(
          pieceCounts: units.map(\.pieceCount), layers: units.map(\.layer),
          pools: pools.enumerated().flatMap { [Int](repeating: $0, count: $1.units.count) },
          slotCounts: pools.map(\.slotCount),
          shares: pools.flatMap { [Float](repeating: $0.share, count: $0.units.count) }, layerCount: layerCount,
          counts: counts, fillsEmptySlots: counts != nil))
    }

    /// A reading thread's life.
    func read(access: FileAccess) {
      var reader: BlockReader?
      while true {
        let job = monitor.wait(for: .work) { state -> CacheState.Job?? in
          state.isStopping ? .some(nil) : state.nextJob().map { .some($0) }
        }
        guard let job else { return }
        var byteCount = 0
        var failure: FormatError?
        do throws(FormatError) {
          if reader == nil { reader = try BlockReader(file, access: access) }
          byteCount = try read(job, reader!)
        } catch { failure = error }
        let mayBeAwaited = monitor.withLock { $0.finish(job, byteCount: byteCount, failure: failure) }
        if mayBeAwaited { monitor.signal(.result) }
        // Here, where nobody waits for it.
        record?.keepNowAndThen { monitor.withLock(\.counts) }
      }
    }

    private func read(_ job: CacheState.Job, _ reader: BlockReader) throws(FormatError) -> Int {
      let (part, blocks) = units[job.unit].piece(job.piece)
      let segment = file.directory.segments[part.segment]
      let base = slotOffsets[job.slot] + part.offset
      let start = base + file.decodedRange(ofBlock: blocks.lowerBound, in: segment).lowerBound
      let end = base + file.decodedRange(ofBlock: blocks.upperBound - 1, in: segment).upperBound
      return try unsafe reader.read(
        blocks, of: segment, into: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start..<end]))
    }
  }

  /// Threads that read: as many requests as a disk needs to be at its full speed.
  static let readerCount = 4
  /// Memory of the readers beside the slots.
  static let scratchByteCount = readerCount * BlockReader.scratchByteCount

  /// - Parameter record: where uses are counted from run to run, if they are.
  init(
    _ file: JambaFile, pools: [Slots], layerCount: Int, access: FileAccess, record: UseRecord?
  ) throws(JambaError) {
    let core = try Core(file, pools, layerCount: layerCount, record)
    var readers: [BackgroundThread] = []
    for _ in 0..<WeightCache.readerCount {
      do { readers.append(try BackgroundThread { core.read(access: access) }) } catch {
        guard readers.isEmpty else { break }  // fewer do as well
        throw .cannotStart(reason: "a thread cannot be started: \(error)")
      }
    }
    self.core = core
    self.readers = readers
  }

  deinit {
    core.monitor.withLock { $0.isStopping = true }
    core.monitor.signal(.work)
    for reader in readers { reader.join() }
    keepUses()
  }

  /// Writes the counts of uses, where they are kept.
  func keepUses() { core.record?.keep(core.monitor.withLock(\.counts)) }

  var statistics: MemoryStatistics { core.monitor.withLock { $0.statistics } }

  /// The unit in place `index` of a pool's units.
  func unit(_ index: Int, in pool: Pool) -> Unit {
    Unit(number: core.firstUnits[pool.rawValue] + index)
  }

  /// Keeps a unit in its slot until it goes.
  private struct Lease: ~Copyable {
    private let slot: Int
    private let core: Core

    init(slot: Int, core: Core) {
      self.slot = slot
      self.core = core
    }

    func view(of unit: WeightUnit) -> WeightView {
      unsafe WeightView(unit, at: UnsafeRawPointer(core.memory.base!) + core.slotOffsets[slot])
    }

    deinit {
      core.monitor.withLock { $0.release(slot: slot) }
      core.monitor.signal(.work)
    }
  }

  /// Units that computing has announced it will lease, until it has done so.
  private struct Demand: ~Copyable {
    let number: Int
    private let core: Core

    init(_ units: [Int], layer: Int, uses: [Int]?, tokens: Int, _ core: Core) {
      number = core.monitor.withLock { $0.demand(units, layer: layer, uses: uses, tokens: tokens) }
      core.monitor.signal(.work)
      self.core = core
    }

    /// Units that have not been leased are not needed any more.
    deinit {
      core.monitor.withLock { $0.withdraw(number) }
      core.monitor.signal(.work)
    }
  }

  /// Has units of `layer`, all of one pool, read and calls `body` with each where it is in memory, in order. `body`
  /// returns when it has done with the weights.
  ///
  /// - Parameters:
  ///   - uses: how many of the pass's tokens use each unit; all when not given.
  ///   - tokens: those of the pass.
  ///   - whileReading: called once those that are not in memory are being read.
  /// - Throws: `format` when a unit cannot be read; what `body` throws.
  func forEach(
    _ units: [Unit], layer: Int, uses: [Int]? = nil, tokens: Int = 1, whileReading: () -> Void,
    _ body: (_ index: Int, WeightView) throws(JambaError) -> Void
  ) throws(JambaError) {
    let demand = Demand(units.map(\.number), layer: layer, uses: uses, tokens: tokens, core)
    whileReading()
    for (index, unit) in units.enumerated() {
      let lease = try lease(unit, of: demand)
      try body(index, lease.view(of: core.units[unit.number]))
    }
  }

  /// Prefetches the units of a pool that may be asked for next, likeliest first, in place of those named before.
  func prefetch(_ units: [Unit], in pool: Pool) {
    core.monitor.withLock { $0.prefetch(units.map(\.number), pool: pool.rawValue) }
    core.monitor.signal(.work)
  }

  /// Waits until a demanded unit is in memory.
  private func lease(_ unit: Unit, of demand: borrowing Demand) throws(JambaError) -> Lease {
    let number = demand.number
    var outcome = core.monitor.withLock { $0.lease(unit.number, of: number) }
    if outcome == nil {
      let start = monotonicSeconds()
      outcome = core.monitor.wait(for: .result) { $0.lease(unit.number, of: number) }
      core.monitor.withLock { $0.statistics.stallSeconds += monotonicSeconds() - start }
    }
    switch outcome! {
    case .success(let slot): return Lease(slot: slot, core: core)
    case .failure(let error): throw .format(error)
    }
  }
}
