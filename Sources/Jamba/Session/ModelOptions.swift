public import JambaFormat

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
  /// Sessions that memory is kept for, each with a text of `context` tokens. More work as long as there is memory left.
  /// With several, a prompt is computed in parts of about a second, so that the others do not have to wait for it.
  public var sessions: Int
  /// What sessions are when they do not say it themselves. Memory is kept for such ones; their chunk is the most tokens
  /// that any session computes together.
  public var sessionDefaults: SessionOptions
  /// The most memory for snapshots of texts, in bytes; nil takes 64 MiB. It is never more than a sixteenth of the limit.
  public var snapshotByteCount: Int?
  /// How weights that do not all fit are read; nil decides by the limit and the file's size.
  public var access: FileAccess?
  /// Files of adapters that memory is kept for; `JambaModel.loadAdapter` loads them.
  public var adapters: [String] = []
  /// Files of text that answers are expected to repeat parts of: sessions with a `draft` guess from them, too. At most 16 MiB in all, of
  /// which each takes three in memory.
  public var draftTexts: [String] = []
  /// Whether counts of the experts that texts use are kept in `FILE.uses` beside the file, so that the next opening begins with
  /// the ones used most; where experts take turns in memory, that is. It changes no result, and where no file can be written
  /// there is none.
  public var keepsUses = false
  /// A chat template to use instead of the model's own.
  public var chatTemplate: String?

  public init(
    threads: Int? = nil, instructionSet: InstructionSet = .automatic, memory: Int? = nil, context: Int? = nil,
    sessions: Int = 1, sessionDefaults: SessionOptions, snapshotByteCount: Int? = nil, access: FileAccess? = nil,
    chatTemplate: String? = nil
  ) {
    self.threads = threads
    self.instructionSet = instructionSet
    self.memory = memory
    self.context = context
    self.sessions = sessions
    self.sessionDefaults = sessionDefaults
    self.snapshotByteCount = snapshotByteCount
    self.access = access
    self.chatTemplate = chatTemplate
  }

  /// - Parameters `chunk`, `window`, `sinks`, `cacheType`, `draft`: those of `sessionDefaults`.
  public init(
    threads: Int? = nil, instructionSet: InstructionSet = .automatic, memory: Int? = nil, context: Int? = nil,
    chunk: Int = SessionOptions.usualChunk, sessions: Int = 1, window: Int? = nil, sinks: Int = 0,
    cacheType: CacheType? = nil, draft: Int = 0, snapshotByteCount: Int? = nil, access: FileAccess? = nil,
    chatTemplate: String? = nil
  ) {
    self.init(
      threads: threads, instructionSet: instructionSet, memory: memory, context: context, sessions: sessions,
      sessionDefaults: SessionOptions(chunk: chunk, window: window, sinks: sinks, cacheType: cacheType, draft: draft),
      snapshotByteCount: snapshotByteCount, access: access, chatTemplate: chatTemplate)
  }

  // MARK: Limits

  /// What `threads` may be.
  public static let threadRange = 1...1024
  /// What `sessions` may be.
  public static let sessionRange = 1...1024
  /// What `context` is unless something else is asked for, where the model takes as many.
  public static let usualContext = 8192

  /// - Throws: `invalidOption` for a value outside its range.
  public func validate() throws(JambaError) {
    if let threads, !(ModelOptions.threadRange ~= threads) {
      throw .invalidOption("the number of threads is \(threads), which is not within \(ModelOptions.threadRange)")
    }
    guard ModelOptions.sessionRange ~= sessions else {
      throw .invalidOption("the number of sessions is \(sessions), which is not within \(ModelOptions.sessionRange)")
    }
    if let context, context < 1 {
      throw .invalidOption("the context is \(context) tokens, which is not positive")
    }
    if let snapshotByteCount, snapshotByteCount < 0 {
      throw .invalidOption("the memory for snapshots is \(snapshotByteCount) bytes, which is negative")
    }
    try sessionDefaults.validate()
  }

  /// The tokens of text that memory is kept for.
  ///
  /// - Parameter limit: the model's longest text without a window.
  func context(within limit: Int) throws(JambaError) -> Int {
    guard let context else { return min(ModelOptions.usualContext, limit) }
    // The model has no positions: with a window only memory bounds the text, and that not.
    guard context <= limit || window != nil else {
      throw .invalidOption("the context is \(context) tokens, which is not within 1...\(limit)")
    }
    return context
  }
}

// MARK: - Options of sessions

extension ModelOptions {
  /// The most tokens computed together: `sessionDefaults.chunk`.
  public var chunk: Int {
    get { sessionDefaults.chunk }
    set { sessionDefaults.chunk = newValue }
  }
  /// See `sessionDefaults`.
  public var window: Int? {
    get { sessionDefaults.window }
    set { sessionDefaults.window = newValue }
  }
  /// See `sessionDefaults`.
  public var sinks: Int {
    get { sessionDefaults.sinks }
    set { sessionDefaults.sinks = newValue }
  }
  /// See `sessionDefaults`.
  public var cacheType: CacheType? {
    get { sessionDefaults.cacheType }
    set { sessionDefaults.cacheType = newValue }
  }
  /// See `sessionDefaults`; memory is kept for as many.
  public var draft: Int {
    get { sessionDefaults.draft ?? 0 }
    set { sessionDefaults.draft = newValue }
  }
}
