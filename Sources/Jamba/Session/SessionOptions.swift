/// Options for a session.
public struct SessionOptions: Sendable {
  /// Tokens of a prompt that are computed together, at most those of the model's options: more is faster and takes more
  /// memory. The result is the same bits.
  public var chunk: Int
  /// Of how many tokens, itself included, a token sees keys and values; nil takes what the model was opened with, and
  /// if that is nil, too, all. With a window a text can be of any length in constant memory.
  public var window: Int?
  /// How many tokens at the beginning are seen for ever. Only with a window, which must be larger.
  public var sinks: Int
  /// How keys and values are kept; nil takes what the model was opened with, and if that is nil, too, f32 beside f32
  /// weights, else int8.
  public var cacheType: CacheType?
  /// A snapshot is kept after every so many tokens of a prompt, and an eighth as many generated ones, so that `rewind` has
  /// no more to read again. Where memory is short the last ones stay dense and earlier ones become sparse. A chunk ends
  /// where a snapshot is due; nil takes what the model was opened with, and if that is nil, too, 256, or the chunk where
  /// that is larger.
  public var snapshotInterval: Int?
  /// The most tokens that generating guesses ahead, from what followed the like before, to verify them in one pass: the
  /// same tokens, sooner. It guesses as many as pays on this machine, often none. nil takes what the model was opened
  /// with.
  public var draft: Int?
  /// What the session computes with beside the model's weights: adapters that its model has loaded, whose changes are added
  /// in this order. They are the session's for good: a text that was read with others has to be read anew.
  public var adapters: [AppliedAdapter]
  /// Guesses whether it pays or not.
  package var draftsEagerly = false

  public init(
    chunk: Int = SessionOptions.usualChunk, window: Int? = nil, sinks: Int = 0, cacheType: CacheType? = nil,
    snapshotInterval: Int? = nil, draft: Int? = nil, adapters: [AppliedAdapter] = []
  ) {
    self.adapters = adapters
    self.chunk = chunk
    self.window = window
    self.sinks = sinks
    self.cacheType = cacheType
    self.snapshotInterval = snapshotInterval
    self.draft = draft
  }

  // MARK: Limits

  /// What `chunk` is unless something else is asked for.
  public static let usualChunk = 256
  /// What `chunk` may be.
  public static let chunkRange = 1...8192
  /// What `window` may be.
  public static let windowRange = 1...1 << 30
  /// What `draft` may be.
  public static let draftRange = 0...64

  /// - Throws: `invalidOption` for a value outside its range.
  public func validate() throws(JambaError) {
    guard SessionOptions.chunkRange ~= chunk else {
      throw .invalidOption("the chunk is \(chunk) tokens, which is not within \(SessionOptions.chunkRange)")
    }
    if let window, !(SessionOptions.windowRange ~= window) {
      throw .invalidOption("the window is \(window) tokens, which is not within \(SessionOptions.windowRange)")
    }
    guard sinks >= 0 else { throw .invalidOption("the number of sinks is \(sinks), which is negative") }
    if let window, sinks >= window {
      throw .invalidOption(
        "\(sinks) sinks and a window of \(window) tokens: the window must be larger than the sinks")
    }
    if let snapshotInterval, snapshotInterval <= 0 {
      throw .invalidOption("the interval of snapshots is \(snapshotInterval) tokens, which is not positive")
    }
    if let applied = adapters.first(where: { !$0.scale.isFinite }) {
      throw .invalidOption("the scale of \(applied.adapter.file.file.path) is not a finite number")
    }
    if let draft, !(SessionOptions.draftRange ~= draft) {
      throw .invalidOption("the draft is \(draft) tokens, which is not within \(SessionOptions.draftRange)")
    }
  }
}
