import JambaFormat
import Synchronization

/// Options for a session.
public struct SessionOptions: Sendable {
  /// Tokens of a prompt that are computed together: more is faster and takes more memory. The result is the same bits.
  public var chunk: Int
  /// Of how many tokens, itself included, a token sees keys and values; nil takes what the model was opened with, and
  /// if that is nil, too, all. With a window a text can be of any length in constant memory.
  public var window: Int?
  /// How many tokens at the beginning are seen for ever. Only with a window, which must be larger.
  public var sinks: Int
  /// How keys and values are kept; nil takes what the model was opened with, and if that is nil, too, f32 beside f32
  /// weights, else int8.
  public var cacheType: CacheType?
  /// A snapshot is kept after every so many tokens, so that `rewind` has no more to read again.
  public var snapshotInterval: Int

  public init(
    chunk: Int = 256, window: Int? = nil, sinks: Int = 0, cacheType: CacheType? = nil, snapshotInterval: Int = 1024
  ) {
    self.chunk = chunk
    self.window = window
    self.sinks = sinks
    self.cacheType = cacheType
    self.snapshotInterval = snapshotInterval
  }
}

/// One text in the making: the state after the tokens it has seen.
///
/// A session may be handed from task to task; two calls at the same time are refused with `sessionBusy`.
public final class Session: Sendable {
  public let model: JambaModel
  let core: Mutex<SessionCore>

  init(_ model: JambaModel, _ options: SessionOptions) throws(JambaError) {
    self.model = model
    guard options.snapshotInterval > 0 else {
      throw .invalidOption("the interval of snapshots is \(options.snapshotInterval) tokens, which is not positive")
    }
    core = Mutex(try SessionCore(model, options))
  }

  /// Tokens in the session's text so far.
  public var tokenCount: Int { core.withLock { $0.state.position } }

  /// Empties the session.
  public func reset() throws(JambaError) {
    try withCore { (core) throws(JambaError) in core.reset() }
  }

  /// Appends tokens and hands out the logits after the last one, `[vocabulary]`.
  ///
  /// - Throws: `invalidToken`, `contextFull`, `outOfMemory` before anything is computed; `cancelled` when `progress`
  ///   returns false, `format` when weights cannot be read. After these two the session is empty.
  /// - Parameter progress: called between chunks with the number of tokens done.
  public func append(
    _ tokens: [Int32], progress: (Int) -> Bool = { _ in true }
  ) throws(JambaError) -> [Float] {
    try withCore { (core) throws(JambaError) in
      try core.append(tokens, progress: progress, isCancelled: { false })
      return core.lastLogits()
    }
  }

  /// Appends tokens and hands the logits after each to `body`, in order.
  public func append(_ tokens: [Int32], logits body: (_ index: Int, _ logits: Span<Float>) -> Void) throws(JambaError) {
    try withCore { (core) throws(JambaError) in try core.append(tokens, eachLogits: body) }
  }

  /// Appends at most a chunk of tokens; the residual stream before each layer, `[layers][tokens * hidden]`.
  package func hiddenStates(_ tokens: [Int32]) throws(JambaError) -> [[Float]] {
    try withCore { (core) throws(JambaError) in try core.hiddenStates(tokens) }
  }

  /// Bytes of the session's state: Mamba states, keys and values.
  public var stateByteCount: Int { core.withLock { $0.state.byteCount } }

  func withCore<Result>(_ body: (inout SessionCore) throws(JambaError) -> sending Result) throws(JambaError) -> Result {
    var outcome: Swift.Result<Result, JambaError>?
    let entered = core.withLockIfAvailable { core in
      do throws(JambaError) { outcome = .success(try body(&core)) } catch { outcome = .failure(error) }
      return true
    }
    guard entered != nil, let outcome else { throw .sessionBusy }
    return try outcome.get()
  }
}
