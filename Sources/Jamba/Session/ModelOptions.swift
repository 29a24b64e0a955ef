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
  static let threadRange = 1...1024

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
