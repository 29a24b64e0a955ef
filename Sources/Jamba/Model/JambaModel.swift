public import JambaFormat
public import JambaTemplate

/// Options for opening a model.
public struct ModelOptions: Sendable {
  /// Threads that compute; nil takes as many as the process may use.
  public var threads: Int?
  /// Which kernels compute; all give the same bits.
  public var instructionSet: InstructionSet
  /// The most memory that the process may use, in bytes; nil takes what its control group and the machine allow.
  public var memory: Int?
  /// Tokens of text that memory is kept for; nil takes 8192, or the model's limit where it is smaller. Longer texts work
  /// as long as there is memory left.
  public var context: Int?
  /// The most tokens computed together.
  public var chunk: Int
  /// Sessions that memory is kept for, each with a text of `context` tokens. More work as long as there is memory left.
  /// With several, a prompt is computed in parts of about a second, so that the others do not have to wait for it.
  public var sessions: Int
  /// How sessions keep keys and values when they do not say it themselves: see `SessionOptions`.
  public var window: Int?
  /// See `SessionOptions`.
  public var sinks: Int
  /// See `SessionOptions`.
  public var cacheType: CacheType?
  /// See `SessionOptions`; memory is kept for as many.
  public var draft: Int
  /// The most memory for snapshots of texts, in bytes; nil takes 64 MiB. It is never more than a sixteenth of the limit.
  public var snapshotByteCount: Int?
  /// How weights that do not all fit are read; nil decides by the limit and the file's size.
  public var access: FileAccess?
  /// A chat template to use instead of the model's own.
  public var chatTemplate: String?

  static let maximumSessions = 1024

  public init(
    threads: Int? = nil, instructionSet: InstructionSet = .automatic, memory: Int? = nil, context: Int? = nil,
    chunk: Int = SessionOptions().chunk, sessions: Int = 1, window: Int? = nil, sinks: Int = 0,
    cacheType: CacheType? = nil, draft: Int = 0, snapshotByteCount: Int? = nil, access: FileAccess? = nil, chatTemplate: String? = nil
  ) {
    self.threads = threads
    self.instructionSet = instructionSet
    self.memory = memory
    self.context = context
    self.chunk = chunk
    self.sessions = sessions
    self.window = window
    self.sinks = sinks
    self.cacheType = cacheType
    self.draft = draft
    self.snapshotByteCount = snapshotByteCount
    self.access = access
    self.chatTemplate = chatTemplate
  }
}

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
  /// Where the memory goes.
  public let plan: MemoryPlan
  let engine: Engine
  let network: Network
  let batcher: Batcher
  let sessionMemory: SessionMemory
  /// How sessions keep keys and values, and how many tokens they compute together, when they do not say it themselves.
  let preferredLayout: KeyValueLayout
  let preferredDraft: Int
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
    let threads = options.threads ?? Processors.available
    guard 1...1024 ~= threads else {
      throw .invalidOption("the number of threads is \(threads), which is not within 1...1024")
    }
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
      do throws(FormatError) { file = try JambaFile(path: path) } catch { throw .format(error) }
      configuration = try JambaModel.configuration(of: file)
      catalog = try WeightCatalog(file, configuration)
      keyValues = try KeyValueLayout(
        type: options.cacheType ?? JambaModel.preferredCacheType(file, configuration), window: options.window,
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
          file, configuration, catalog, keyValues, draft: Lookahead.checked(options.draft), sessions: options.sessions),
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
    preferredDraft = options.draft
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
      file.entry(of: TensorID(.keyProjection, layer: layer))?.type == .f32
    } ? .f32 : .int8
  }

  private static func json(_ name: String, of file: JambaFile) throws(JambaError) -> JSON? {
    do { return try file.json(name) } catch { throw .format(error) }
  }

  /// The configuration that a file holds.
  public static func configuration(of file: JambaFile) throws(JambaError) -> ModelConfiguration {
    let configuration: Result<ModelConfiguration, ConfigurationError>
    do { configuration = try file.configuration() } catch { throw .format(error) }
    do { return try configuration.get() } catch { throw .configuration(path: file.path, error) }
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
