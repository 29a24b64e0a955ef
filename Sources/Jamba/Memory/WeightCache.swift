import JambaFormat

/// Weights that do not all fit into memory: units in a fixed number of slots, read by threads of their own while others
/// compute. `CacheState` decides what is read and what makes room.
///
/// Invariant: a slot is written by the readers only while its unit is loading, and read by whoever holds a lease, which
/// keeps it from being reused.
@safe
final class WeightCache: Sendable {
  private let core: Core
  private let readers: [BackgroundThread]

  /// Slots of the same size, and the units that go there.
  struct Pool {
    var slotCount: Int
    var units: [WeightUnit]
    /// The share of passes through its layer expected to use a unit; 1 for all.
    var share: Float

    var slotByteCount: Int { units.reduce(0) { max($0, $1.byteCount) } }
    var byteCount: Int { slotCount * slotByteCount }
  }

  /// What the reading threads share with the cache.
  @safe
  fileprivate final class Core: Sendable {
    let file: JambaFile
    let units: [WeightUnit]
    let memory: AlignedBuffer
    /// Of each slot, in `memory`.
    let slotOffsets: [Int]
    /// By pool: its first slot and first unit.
    let firstSlots: [Int]
    let firstUnits: [Int]
    let monitor: Monitor<CacheState>

    init(_ file: JambaFile, _ pools: [Pool], layerCount: Int) throws(JambaError) {
      self.file = file
      units = pools.flatMap(\.units)
      let byteCount = pools.reduce(0) { $0 + $1.byteCount }
      do { memory = try AlignedBuffer(byteCount: byteCount) } catch { throw .outOfMemory(byteCount: byteCount) }
      memory.preferLargePages()
      var offsets: [Int] = []
      var firstSlots: [Int] = []
      var firstUnits: [Int] = []
      var (position, unitCount) = (0, 0)
      for pool in pools {
        firstSlots.append(offsets.count)
        firstUnits.append(unitCount)
        unitCount += pool.units.count
        for _ in 0..<pool.slotCount {
          offsets.append(position)
          position += pool.slotByteCount
        }
      }
      slotOffsets = offsets
      self.firstSlots = firstSlots
      self.firstUnits = firstUnits
      monitor = Monitor(
        CacheState(
          pieceCounts: units.map(\.pieceCount), layers: units.map(\.layer),
          pools: pools.enumerated().flatMap { [Int](repeating: $0, count: $1.units.count) },
          slotCounts: pools.map(\.slotCount),
          shares: pools.flatMap { [Float](repeating: $0.share, count: $0.units.count) }, layerCount: layerCount))
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

  init(_ file: JambaFile, pools: [Pool], layerCount: Int, access: FileAccess) throws(JambaError) {
    let core = try Core(file, pools, layerCount: layerCount)
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
  }

  var statistics: MemoryStatistics { core.monitor.withLock { $0.statistics } }

  /// The number of a pool's first unit; its others follow.
  func firstUnit(ofPool pool: Int) -> Int { core.firstUnits[pool] }

  func slotCount(ofPool pool: Int) -> Int {
    (pool + 1 < core.firstSlots.count ? core.firstSlots[pool + 1] : core.slotOffsets.count) - core.firstSlots[pool]
  }

  /// Where a unit's tensors are when it is in slot `slot` of its pool.
  func view(of configuration: ModelConfiguration, unit: Int, pool: Int, slot: Int = 0) -> WeightView {
    let base = unsafe UnsafeRawPointer(core.memory.base!) + core.slotOffsets[core.firstSlots[pool] + slot]
    return unsafe WeightView(file: core.file, configuration: configuration) { [parts = core.units[unit].parts] segment in
      guard let part = parts.first(where: { $0.segment == segment }) else {
        preconditionFailure("the segment is not the unit's")
      }
      return unsafe base + part.offset
    }
  }

  /// Keeps a unit in its slot until it goes.
  struct Lease: ~Copyable {
    /// The slot within the pool, and the bytes from the pool's first slot to it.
    let index: Int
    let offset: Int
    private let slot: Int
    private let core: Core

    fileprivate init(slot: Int, pool: Int, core: Core) {
      let first = core.firstSlots[pool]
      index = slot - first
      offset = core.slotOffsets[slot] - core.slotOffsets[first]
      self.slot = slot
      self.core = core
    }

    deinit {
      core.monitor.withLock { $0.release(slot: slot) }
      core.monitor.signal(.work)
    }
  }

  /// What computing has announced that it will lease, until it has done so.
  struct Demand: ~Copyable {
    fileprivate let number: Int
    private let core: Core

    fileprivate init(_ units: [Int], layer: Int, _ core: Core) {
      number = core.monitor.withLock { $0.demand(units, layer: layer) }
      core.monitor.signal(.work)
      self.core = core
    }

    /// What has not been leased is not needed any more.
    deinit {
      core.monitor.withLock { $0.withdraw(number) }
      core.monitor.signal(.work)
    }
  }

  /// Announces that units of `layer` will be leased, in this order.
  func demand(_ units: [Int], layer: Int) -> Demand { Demand(units, layer: layer, core) }

  /// Says which units of a pool may be demanded next, likeliest first; replaces what was suggested before.
  func suggest(_ units: [Int], pool: Int) {
    core.monitor.withLock { $0.suggest(units, pool: pool) }
    core.monitor.signal(.work)
  }

  /// Waits until a demanded unit is in memory.
  func lease(_ unit: Int, of demand: borrowing Demand, pool: Int) throws(JambaError) -> Lease {
    let number = demand.number
    var outcome = core.monitor.withLock { $0.lease(unit, of: number) }
    if outcome == nil {
      let start = monotonicSeconds()
      outcome = core.monitor.wait(for: .result) { $0.lease(unit, of: number) }
      core.monitor.withLock { $0.statistics.stallSeconds += monotonicSeconds() - start }
    }
    switch outcome! {
    case .success(let slot):
      return Lease(slot: slot, pool: pool, core: core)
    case .failure(let error):
      throw .format(error)
    }
  }
}
