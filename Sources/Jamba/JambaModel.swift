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
  let loaded: LoadedModel
  let text: ModelText
  let draftText: DraftText?

  /// Opens a .jamba file, checks its directory and makes it ready to compute. Weights are checked before anything is
  /// computed with them: those that are copied into memory here, those that are mapped when a pass first comes to them,
  /// and those that take turns in memory whenever they are read. Damage that is found later fails the step that came to it
  /// with `format`, and empties its session.
  ///
  /// - Parameter progress: called on the calling thread while weights are copied, with the bytes done and all there are, of
  ///   which those that are mapped count as done; false cancels.
  /// - Throws: `format` when the file, or what has been checked of it, is damaged; `memoryTooSmall` before anything is loaded; `cancelled`.
  public static func open(
    _ path: String, options: ModelOptions = ModelOptions(),
    progress: (_ done: Int, _ total: Int) -> Bool = { _, _ in true }
  ) throws(JambaError) -> JambaModel {
    try JambaModel(path, options, progress)
  }

  private init(_ path: String, _ options: ModelOptions, _ progress: (Int, Int) -> Bool) throws(JambaError) {
    let outline = try LoadedModel.Outline(path, options)
    func readText() throws(JambaError) -> ModelText {
      try ModelText(
        outline.file, outline.configuration, template: options.chatTemplate, grammarByteCount: outline.plan.grammarByteCount)
    }
    guard outline.plan.residency == .mapped, outline.file.hasTokenizer else {
      // Text first: parsing a vocabulary takes more memory for a moment than keeping it, and the weights are not there yet.
      text = try readText()
      loaded = try LoadedModel(outline, progress: progress)
      draftText = try JambaModel.draftText(options, text, loaded)
      return
    }
    let loaded = try LoadedModel(outline, progress: progress)
    (text, draftText) = try loaded.checkingWeights { () throws(JambaError) in
      let text = try readText()
      return (text, try JambaModel.draftText(options, text, loaded))
    }
    self.loaded = loaded
  }

  private static func draftText(
    _ options: ModelOptions, _ text: ModelText, _ loaded: LoadedModel
  ) throws(JambaError) -> DraftText? {
    guard !options.draftTexts.isEmpty else { return nil }
    guard let tokenizer = text.tokenizer else { throw .missing("tokenizer for the texts to guess from") }
    return try DraftText.load(options.draftTexts, tokenizer, loaded.memory)
  }

  /// Where the memory would go if the file were opened with these options. Loads nothing.
  public static func plan(_ path: String, options: ModelOptions = ModelOptions()) throws(JambaError) -> MemoryPlan {
    try LoadedModel.Outline(path, options).plan
  }

  /// Where the memory would go for a file that is not there yet but would have such a directory.
  ///
  /// - Parameter path: what it is made from, for errors.
  package static func plan(
    _ directory: Directory, _ configuration: ModelConfiguration, path: String, options: ModelOptions
  ) throws(JambaError) -> MemoryPlan {
    try options.validate()
    let catalog = try WeightCatalog(directory, configuration, path: path)
    let byteCount = directory.segments.reduce(0) { $0 + $1.byteCount }
    return try LoadedModel.Outline.plan(directory, configuration, catalog, options, fileByteCount: byteCount)
  }

  // MARK: What it is

  /// Where the file is.
  public var path: String { file.path }
  /// The file, with its tensors and documents.
  public var file: JambaFile { loaded.file }
  /// The model's shape.
  public var configuration: ModelConfiguration { loaded.configuration }
  /// The tokenizer; nil for a file without one, which works with token ids alone.
  public var tokenizer: Tokenizer? { text.tokenizer }
  /// The model's own chat template; nil for a model that only completes text.
  public var chatTemplate: ChatTemplate? { text.template }
  /// Tokens that end an answer (EOS): the configuration's end-of-text tokens and the template's end-of-turn tokens.
  public var endTokens: Set<Int32> { text.endTokens }
  /// Where the memory goes.
  public var plan: MemoryPlan { loaded.plan }

  /// The tokenizer, or the error that says that there is none.
  public func requireTokenizer() throws(JambaError) -> Tokenizer {
    guard let tokenizer else { throw .missing("tokenizer; give token ids instead of text") }
    return tokenizer
  }

  /// The configuration that a file holds.
  public static func configuration(of file: JambaFile) throws(JambaError) -> ModelConfiguration {
    try file.modelConfiguration()
  }

  /// The tokenizer that a file holds.
  public static func tokenizer(of file: JambaFile) throws(JambaError) -> Tokenizer {
    guard let tokenizer = try file.tokenizer() else { throw .missing("tokenizer") }
    return tokenizer
  }

  // MARK: Adapters

  /// Loads an adapter for sessions of this model. Its memory counts against the limit; `ModelOptions.adapters` keeps room
  /// for it.
  ///
  /// - Throws: `format` for a file that is damaged, none, or of another model; `memoryLimitReached`.
  public func loadAdapter(_ path: String) throws(JambaError) -> Adapter {
    let adapter: AdapterFile
    do throws(FormatError) {
      adapter = try AdapterFile(path: path)
      if let reason = try adapter.misfit(file, configuration) { throw .foreignAdapter(path: path, reason: reason) }
    } catch { throw .format(error) }
    return try Adapter(adapter, loaded.memory)
  }

  // MARK: Sessions

  /// Starts a text.
  public func makeSession(options: SessionOptions = SessionOptions()) throws(JambaError) -> Session {
    try Session(self, options)
  }

  /// Starts a text of any length in constant memory: a token sees the first `sinks` tokens and the last `window` ones.
  public func makeSession(window: Int, sinks: Int = 0) throws(JambaError) -> Session {
    try Session(self, SessionOptions(window: window, sinks: sinks))
  }

  /// Whether sessions see a window of the text, unless they are told otherwise: then a text has no end.
  package var hasWindow: Bool { loaded.layout.window != nil }

  /// Frees the memory of all snapshots of texts (the prefix cache).
  public func forgetSnapshots() { loaded.memory.prefixCache.removeAll() }

  /// Frees the memory of the snapshots with which a text begins, and of those that begin with it.
  public func forgetSnapshots(of tokens: [Int32]) { loaded.memory.prefixCache.remove(tokens) }

  // MARK: What it has cost

  /// Writes the counts of experts' uses, if they are kept (`ModelOptions.keepsUses`): for a process that ends without closing the model.
  package func keepUses() { loaded.keepUses() }

  /// Statistics of passes over the weights.
  public var passStatistics: PassStatistics { loaded.batcher.statistics }

  /// The cost so far of weights that are offloaded to the file.
  public var memoryStatistics: MemoryStatistics { loaded.memoryStatistics }
}
