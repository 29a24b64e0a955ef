import JambaFormat
import JambaSystem
import Synchronization

/// A model ready to compute: everything that sessions hold of it. Immutable, shared by all of them.
final class LoadedModel: Sendable {
  let file: JambaFile
  let configuration: ModelConfiguration
  /// Where the memory goes.
  let plan: MemoryPlan
  let engine: Engine
  let network: Network
  let batcher: Batcher
  let memory: SessionMemory
  /// What sessions are when they do not say it themselves, and how they keep keys and values then.
  let sessionDefaults: SessionOptions
  let layout: KeyValueLayout
  private let weights: ModelWeights

  /// A model file and the plan for it, before any weight is loaded.
  struct Outline {
    let file: JambaFile
    let configuration: ModelConfiguration
    let plan: MemoryPlan
    fileprivate let options: ModelOptions
    fileprivate let threads: Int
    fileprivate let catalog: WeightCatalog
    fileprivate let layout: KeyValueLayout

    /// - Throws: `format`, `configuration`, `invalidOption`, `memoryTooSmall`.
    init(_ path: String, _ options: ModelOptions) throws(JambaError) {
      self.options = options
      try options.validate()
      // A machine may have more processors than that.
      threads = options.threads ?? min(Processors.available, ModelOptions.threadRange.upperBound)
      do throws(FormatError) {
        file = try JambaFile(path: path)
        guard !AdapterFile.isOne(file) else {
          throw .invalidModel(path: path, reason: "it is an adapter; open its base, and load this one for a session")
        }
      } catch { throw .format(error) }
      configuration = try file.modelConfiguration()
      catalog = try WeightCatalog(file.directory, configuration, path: path)
      layout = try Outline.layout(file.directory, configuration, options)
      plan = try Outline.plan(file.directory, configuration, catalog, options, fileByteCount: file.byteCount)
    }

    private static func layout(
      _ directory: Directory, _ configuration: ModelConfiguration, _ options: ModelOptions
    ) throws(JambaError) -> KeyValueLayout {
      let type = options.cacheType ?? preferredCacheType(directory, configuration)
      return try KeyValueLayout(type: type, window: options.window, sinks: options.sinks, chunk: options.chunk).checked(for: configuration)
    }

    static func plan(
      _ directory: Directory, _ configuration: ModelConfiguration, _ catalog: WeightCatalog, _ options: ModelOptions,
      fileByteCount: Int
    ) throws(JambaError) -> MemoryPlan {
      let context = try options.context(within: configuration.maxPositionEmbeddings)
      return try MemoryPlan(
        MemoryNeeds(
          directory, configuration, catalog, try layout(directory, configuration, options), draft: options.draft,
          sessions: options.sessions, adapters: try adapterByteCount(options.adapters),
          draftTexts: try DraftText.byteCount(of: options.draftTexts)),
        limit: options.memory.map { MemoryLimit(byteCount: $0) } ?? .ofProcess, context: context, chunk: options.chunk,
        snapshots: options.snapshotByteCount, access: options.access, fileByteCount: fileByteCount)
    }

    /// Bytes of the files' factors, and of what products with them need.
    private static func adapterByteCount(_ paths: [String]) throws(JambaError) -> Int {
      guard !paths.isEmpty else { return 0 }
      var (byteCount, widths): (Int, Set<Int>) = (0, [])
      do throws(FormatError) {
        for path in paths {
          let file = try AdapterFile(path: path)
          byteCount += SystemMemory.wholePages(file.byteCount)
          widths.formUnion(file.widths)
        }
      } catch { throw .format(error) }
      return byteCount + AdapterScratch.byteCount(widths: widths)
    }

    /// Keys and values keep the precision of the weights that make them: f32 beside f32; else a byte does
    /// (docs/SESSIONS.md).
    private static func preferredCacheType(_ directory: Directory, _ configuration: ModelConfiguration) -> CacheType {
      let names = Set(configuration.layers(with: .attention).map { TensorID(.keyProjection, layer: $0).name })
      return directory.entries.contains { $0.type == .f32 && names.contains($0.name) } ? .f32 : .int8
    }
  }

  /// Reads and checks the weights that stay in memory, but for those that are mapped.
  ///
  /// - Parameter progress: called on the calling thread with the bytes done and all there are; false cancels.
  init(_ outline: Outline, progress: (_ done: Int, _ total: Int) -> Bool) throws(JambaError) {
    let (options, plan) = (outline.options, outline.plan)
    file = outline.file
    configuration = outline.configuration
    self.plan = plan
    layout = outline.layout
    sessionDefaults = options.sessionDefaults
    engine = try Engine(threads: outline.threads, instructionSet: options.instructionSet)
    let share = Float(configuration.numExpertsPerTok) / Float(max(configuration.numExperts, 1))
    weights = try ModelWeights(
      file, outline.catalog, plan.residency, access: plan.access, expertShare: min(share, 0.999),
      keepsUses: options.keepsUses, engine, progress: progress)
    network = try Network(file, weights, configuration)
    memory = SessionMemory(plan.limit, free: plan.sessionByteCount, snapshots: plan.snapshotByteCount)
    batcher = try Batcher(network, engine, capacity: options.chunk, sessions: options.sessions, memory)
  }

  /// The cost so far of weights that are offloaded to the file.
  var memoryStatistics: MemoryStatistics { weights.statistics }

  /// Writes the counts of uses, where they are kept.
  func keepUses() { weights.keepUses() }

  /// Has threads that are free check mapped weights while `body` runs.
  ///
  /// - Throws: `format` when they have found damage; what `body` throws.
  func checkingWeights<Result>(during body: () throws(JambaError) -> Result) throws(JambaError) -> Result {
    let isDone = Latch()
    let helper: BackgroundThread?
    do throws(SystemError) {
      helper = try BackgroundThread { [weights] in weights.checkAhead { !isDone.isSet } }
    } catch { helper = nil }  // they are checked later then
    let result: Swift.Result<Result, JambaError>
    do throws(JambaError) { result = .success(try body()) } catch { result = .failure(error) }
    isDone.set()
    helper?.join()
    try weights.check()
    return try result.get()
  }
}

/// Something that happens once and is asked for by other threads.
private final class Latch: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}

extension JambaFile {
  /// A document as JSON; nil when there is none.
  func jsonDocument(_ name: String) throws(JambaError) -> JSON? {
    do { return try json(name) } catch { throw .format(error) }
  }

  /// The configuration that the file holds.
  func modelConfiguration() throws(JambaError) -> ModelConfiguration {
    let configuration: Result<ModelConfiguration, ConfigurationError>
    do { configuration = try self.configuration() } catch { throw .format(error) }
    do { return try configuration.get() } catch { throw .configuration(path: path, error) }
  }
}
