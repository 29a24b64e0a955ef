public import JambaFormat
public import JambaTemplate
public import JambaText

/// A model in memory: immutable, shared by any number of sessions. Sessions that compute at the same time, each on a thread
/// of its own, share the passes over the weights.
///
///     let model = try JambaModel.open("demo.jamba")
///     let session = try model.makeSession()
///     for try await piece in session.respond(to: [.user("Hello")]) { print(piece.text, terminator: "") }
public final class JambaModel: Sendable {
  /// Where the file is.
  public let path: String
  /// The file, with its tensors and documents.
  public let file: JambaFile
  /// The model's shape.
  public let configuration: ModelConfiguration
  /// The tokenizer; nil for a file without one, which works with token ids alone.
  public let tokenizer: Tokenizer?
  /// The model's own chat template; nil for a model that only completes text.
  public let chatTemplate: ChatTemplate?
  /// The template for conversations with tools, where the checkpoint has one of its own for them.
  let toolTemplate: ChatTemplate?
  let chatFormat: ChatFormat
  /// What ends an answer: the configuration's end-of-text tokens and the template's end-of-turn tokens.
  public let endTokens: Set<Int32>
  /// Special tokens that mark parts of an answer.
  let markerTokens: Set<Int32>
  private let texts: [TokenTexts]
  let sequenceBreakers = SequenceBreakers.Cache()
  /// Where the memory goes.
  public let plan: MemoryPlan
  let engine: Engine
  let network: Network
  let batcher: Batcher
  let sessionMemory: SessionMemory
  /// How sessions keep keys and values, and how many tokens they compute together, when they do not say it themselves.
  let preferredLayout: KeyValueLayout
  let sessionDefaults: SessionOptions
  private let weights: ModelWeights

  /// Opens a .jamba file, checks it and makes it ready to compute. Weights that do not stay in memory are checked whenever
  /// they are read.
  ///
  /// - Parameter progress: called on the calling thread while weights are read and checked, with the bytes done and all
  ///   there are; false cancels.
  /// - Throws: `memoryTooSmall` before anything is loaded; `cancelled`.
  public static func open(
    _ path: String, options: ModelOptions = ModelOptions(),
    progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
  ) throws(JambaError) -> JambaModel {
    // A machine may have more processors than that.
    let threads = options.threads ?? min(Processors.available, ModelOptions.threadCounts.upperBound)
    return try JambaModel(try Layout(path, options), options, threads, progress)
  }

  /// Where the memory would go if the file were opened with these options. Loads nothing.
  public static func plan(_ path: String, options: ModelOptions = ModelOptions()) throws(JambaError) -> MemoryPlan {
    try Layout(path, options).plan
  }

  /// What is known about a file before anything is loaded.
  private struct Layout {
    let file: JambaFile
    let configuration: ModelConfiguration
    let catalog: WeightCatalog
    let keyValues: KeyValueLayout
    let plan: MemoryPlan

    init(_ path: String, _ options: ModelOptions) throws(JambaError) {
      try options.validate()
      do throws(FormatError) { file = try JambaFile(path: path) } catch { throw .format(error) }
      configuration = try JambaModel.configuration(of: file)
      catalog = try WeightCatalog(file, configuration)
      keyValues = KeyValueLayout(
        type: options.cacheType ?? JambaModel.preferredCacheType(file, configuration), window: options.window,
        sinks: options.sinks, chunk: options.chunk)
      let context = try options.context(within: configuration.maxPositionEmbeddings)
      plan = try MemoryPlan(
        MemoryNeeds(
          file, configuration, catalog, keyValues, draft: options.draft, sessions: options.sessions),
        limit: options.memory.map { MemoryLimit(byteCount: $0) } ?? .ofProcess, context: context, chunk: options.chunk,
        snapshots: options.snapshotByteCount, access: options.access, fileByteCount: file.byteCount)
    }
  }

  private init(
    _ layout: Layout, _ options: ModelOptions, _ threads: Int, _ progress: (Int, Int) -> Bool
  ) throws(JambaError) {
    let file = layout.file
    path = file.path
    self.file = file
    plan = layout.plan
    configuration = layout.configuration
    preferredLayout = layout.keyValues
    sessionDefaults = options.sessionDefaults
    // Text first: parsing a vocabulary takes more memory for a moment than keeping it, and the weights are not there yet.
    tokenizer = try JambaModel.optionalTokenizer(of: file)
    let templates = try ChatTemplates(file, override: options.chatTemplate)
    chatTemplate = templates.standard
    toolTemplate = templates.forTools
    chatFormat = ChatFormat(templates.source)
    endTokens = Set(configuration.eosTokenIDs.map { Int32($0) }).union(chatFormat.ends(tokenizer))
    markerTokens = chatFormat.markers(tokenizer)
    texts = [[], markerTokens].compactMap { [tokenizer, configuration] shown in
      tokenizer.map { TokenTexts($0, vocabularyCount: configuration.vocabSize, showing: shown) }
    }
    engine = try Engine(threads: threads, instructionSet: options.instructionSet)
    let share = Float(configuration.numExpertsPerTok) / Float(max(configuration.numExperts, 1))
    weights = try ModelWeights(
      file, layout.catalog, layout.plan, expertShare: min(share, 0.999), threads: threads, progress: progress)
    network = try Network(weights, configuration)
    sessionMemory = SessionMemory(layout.plan)
    batcher = try Batcher(
      network, engine, capacity: options.chunk, sessions: options.sessions, sessionMemory)
  }

  /// What passes over the weights have come to.
  public var passStatistics: PassStatistics { batcher.statistics }

  /// What reading weights has cost so far.
  public var memoryStatistics: MemoryStatistics { weights.cache?.statistics ?? MemoryStatistics() }

  /// Keys and values keep the precision of the weights that make them: f32 beside f32; else a byte does
  /// (docs/SESSIONS.md).
  private static func preferredCacheType(_ file: JambaFile, _ configuration: ModelConfiguration) -> CacheType {
    configuration.layers(with: .attention).contains { layer in
      file.entry(named: ModelTensors.layerPrefix(layer) + "self_attn.k_proj.weight")?.type == .f32
    } ? .f32 : .int8
  }

  private static func json(_ name: String, of file: JambaFile) throws(JambaError) -> JSON? {
    do { return try file.json(name) } catch { throw .format(error) }
  }

  /// The configuration that a file holds.
  public static func configuration(of file: JambaFile) throws(JambaError) -> ModelConfiguration {
    guard let config = try json(DocumentName.configuration, of: file) else {
      throw .format(.invalidModel(path: file.path, reason: "config.json is missing"))
    }
    let generation = try json(DocumentName.generationConfiguration, of: file)
    do { return try ModelConfiguration(config, generation: generation) } catch {
      throw .configuration(path: file.path, error)
    }
  }

  /// The tokenizer that a file holds.
  public static func tokenizer(of file: JambaFile) throws(JambaError) -> Tokenizer {
    guard let tokenizer = try optionalTokenizer(of: file) else { throw .missing("tokenizer") }
    return tokenizer
  }

  private static func optionalTokenizer(of file: JambaFile) throws(JambaError) -> Tokenizer? {
    guard let vocabulary = try json(DocumentName.tokenizer, of: file) else { return nil }
    let settings = try json(DocumentName.tokenizerConfiguration, of: file)
    do { return try Tokenizer(json: vocabulary, configuration: settings) } catch {
      throw .tokenizer(path: file.path, error)
    }
  }

  /// The texts of the model's tokens, for grammars; nil without a tokenizer.
  func tokenTexts(showingMarkers: Bool) -> TokenTexts? {
    texts.isEmpty ? nil : texts[showingMarkers && !markerTokens.isEmpty ? 1 : 0]
  }

  /// Starts a text.
  public func makeSession(options: SessionOptions = SessionOptions()) throws(JambaError) -> Session {
    try Session(self, options)
  }

  /// Starts a text of any length in constant memory: a token sees the first `sinks` tokens and the last `window` ones.
  public func makeSession(window: Int, sinks: Int = 0) throws(JambaError) -> Session {
    try Session(self, SessionOptions(window: window, sinks: sinks))
  }

  /// Frees the memory of all snapshots of texts.
  public func forgetSnapshots() { sessionMemory.snapshots.removeAll() }

  /// The tokenizer, or the error that says that there is none.
  public func requireTokenizer() throws(JambaError) -> Tokenizer {
    guard let tokenizer else { throw .missing("tokenizer; give token ids instead of text") }
    return tokenizer
  }
}
