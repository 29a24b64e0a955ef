import JambaFormat
import Synchronization

/// Options for a session.
public struct SessionOptions: Sendable {
  /// Tokens of a prompt that are computed together: more is faster and takes more memory. The result is the same bits.
  public var chunk: Int
  /// How keys and values are kept; nil follows the weights (f32 beside f32 weights, else f16).
  public var cacheType: CacheType?

  public init(chunk: Int = 256, cacheType: CacheType? = nil) {
    self.chunk = chunk
    self.cacheType = cacheType
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
    guard 1...8192 ~= options.chunk else {
      throw .invalidOption("the chunk is \(options.chunk) tokens, which is not within 1...8192")
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
  ///   returns false. After `cancelled` the session is empty.
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
