import JambaFormat
import JambaSystem

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
  /// How sessions keep keys and values, and how many tokens they compute together, when they do not say it themselves.
  let layout: KeyValueLayout
  /// How many tokens they guess ahead.
  let draft: Int
  private let weights: ModelWeights

  /// What is known about a file before anything is loaded.
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
      threads = options.threads ?? Processors.available
      guard ModelOptions.threadRange ~= threads else {
        throw .invalidOption("the number of threads is \(threads), which is not within \(ModelOptions.threadRange)")
      }
      do throws(FormatError) { file = try JambaFile(path: path) } catch { throw .format(error) }
      configuration = try file.modelConfiguration()
      catalog = try WeightCatalog(file, configuration)
      layout = try KeyValueLayout(
        type: options.cacheType ?? Outline.preferredCacheType(file, configuration), window: options.window,
        sinks: options.sinks, chunk: options.chunk)
      let limit = configuration.maxPositionEmbeddings
      let context = options.context ?? min(8192, limit)
      // The model has no positions: with a window only memory bounds the text, and that not.
      guard 1...(options.window == nil ? limit : .max) ~= context else {
        throw .invalidOption("the context is \(context) tokens, which is not within 1...\(limit)")
      }
      guard options.snapshotByteCount ?? 0 >= 0 else {
        throw .invalidOption("the memory for snapshots is \(options.snapshotByteCount ?? 0) bytes, which is negative")
      }
      guard 1...ModelOptions.maximumSessions ~= options.sessions else {
        throw .invalidOption(
          "the number of sessions is \(options.sessions), which is not within 1...\(ModelOptions.maximumSessions)")
      }
      plan = try MemoryPlan(
        MemoryNeeds(
          file, configuration, catalog, layout, draft: Lookahead.checked(options.draft), sessions: options.sessions),
        limit: options.memory.map { MemoryLimit(byteCount: $0) } ?? .ofProcess, context: context, chunk: options.chunk,
        snapshots: options.snapshotByteCount, access: options.access, fileByteCount: file.byteCount)
    }

    /// Keys and values keep the precision of the weights that make them: f32 beside f32; else a byte does
    /// (docs/SESSIONS.md).
    private static func preferredCacheType(_ file: JambaFile, _ configuration: ModelConfiguration) -> CacheType {
      configuration.layers(with: .attention).contains { layer in
        file.entry(of: TensorID(.keyProjection, layer: layer))?.type == .f32
      } ? .f32 : .int8
    }
  }

  /// Reads and checks the weights that stay in memory.
  ///
  /// - Parameter progress: called on the calling thread with the bytes done and all there are; false cancels.
  init(_ outline: Outline, progress: (_ done: Int, _ total: Int) -> Bool) throws(JambaError) {
    let (options, plan) = (outline.options, outline.plan)
    file = outline.file
    configuration = outline.configuration
    self.plan = plan
    layout = outline.layout
    draft = options.draft
    engine = try Engine(threads: outline.threads, instructionSet: options.instructionSet)
    let share = Float(configuration.numExpertsPerTok) / Float(max(configuration.numExperts, 1))
    weights = try ModelWeights(
      file, outline.catalog, plan.residency, access: plan.access, expertShare: min(share, 0.999),
      threads: outline.threads, progress: progress)
    network = try Network(file, weights, configuration)
    memory = SessionMemory(plan.limit, free: plan.sessionByteCount, snapshots: plan.snapshotByteCount)
    batcher = try Batcher(network, engine, capacity: options.chunk, sessions: options.sessions, memory)
  }

  /// What reading weights has cost so far.
  var memoryStatistics: MemoryStatistics { weights.statistics }
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
