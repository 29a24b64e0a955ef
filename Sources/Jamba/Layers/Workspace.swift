import JambaFormat
import JambaSystem

/// The scratch memory of a forward pass over up to `capacity` tokens at once.
///
/// Buffers are named for what they hold and are reused from layer to layer; nothing in them survives a pass.
final class Workspace {
  /// The most tokens of a pass.
  let capacity: Int

  /// The residual stream, `[tokens, hidden]`.
  let residual: Activations
  /// The residual stream after a norm, `[tokens, hidden]`.
  let normed: Activations
  /// The output of a mixer or feed-forward part, added to the residual stream, `[tokens, hidden]`.
  let output: Activations

  // Mamba
  /// in_proj's output, `[tokens, 2 inner]`: x, then z.
  let projected: Activations
  /// x after convolution and silu, `[tokens, inner]`.
  let inner: Activations
  /// x_proj's output, `[tokens, dt_rank + 2 state]`: dt, B, C.
  let parameters: Activations
  /// dt, B and C after their norms, `[tokens, dt_rank]` and `[tokens, state]`.
  let dtNormed: Activations
  let b: Activations
  let c: Activations
  /// dt_proj's output, and the scan's, gated by z, `[tokens, inner]`.
  let dt: Activations
  let gated: Activations

  // Attention
  /// `[tokens, heads * head]`, and `[tokens, KV heads * head]` for keys and values.
  let queries: Activations
  let keys: Activations
  let values: Activations
  let attended: Activations
  /// What attention sees of parts of a text, a row.
  let attentionScratch: Activations

  // Feed-forward, or one expert's
  /// `[tokens, intermediate]`
  let gate: Activations
  let up: Activations
  /// The router's probabilities, `[tokens, experts]`, and those of the chosen experts, where others are negative.
  let routerWeights: Activations
  let expertWeights: Activations
  let expertOutput: Activations
  /// The residual stream as the next mixture of experts might see it, of the pass's last tokens.
  let predictorInput: Activations
  let predictorLogits: Activations
  private static let predictedTokens = 32
  /// The tokens of one expert.
  let expertTokens: ExpertTokens
  /// Of adapters; nil before a session has one.
  var adapters: AdapterScratch?
  /// Those that have a row a token of the pass.
  private let batch: [Activations]

  /// - Throws: `outOfMemory`.
  convenience init(_ c: ModelConfiguration, capacity: Int) throws(JambaError) {
    try self.init(c, capacity: capacity) { (width, capacity, codes) throws(JambaError) in
      try Activations(width: width, capacity: capacity, codes: codes)
    }
  }

  /// Bytes that a workspace takes.
  static func byteCount(_ c: ModelConfiguration, capacity: Int) throws(JambaError) -> Int {
    var byteCount = SystemMemory.wholePages(ExpertTokens.byteCount(capacity: capacity))
    _ = try Workspace(c, capacity: capacity) { (width, capacity, codes) throws(JambaError) in
      byteCount += SystemMemory.wholePages(Activations.byteCount(width: width, capacity: capacity, codes: codes))
      return try Activations(width: width, capacity: 0, codes: codes)
    }
    return byteCount
  }

  private init(
    _ c: ModelConfiguration, capacity: Int,
    make: (_ width: Int, _ capacity: Int, _ codes: Bool) throws(JambaError) -> Activations
  ) throws(JambaError) {
    self.capacity = capacity
    var batch: [Activations] = []
    /// - Parameter codes: whether matrices read the rows.
    func rows(_ width: Int, codes: Bool) throws(JambaError) -> Activations {
      batch.append(try make(width, capacity, codes))
      return batch[batch.count - 1]
    }
    residual = try rows(c.hiddenSize, codes: false)
    normed = try rows(c.hiddenSize, codes: true)
    output = try rows(c.hiddenSize, codes: false)
    projected = try rows(2 * c.innerSize, codes: false)
    inner = try rows(c.innerSize, codes: true)
    parameters = try rows(c.mambaDtRank + 2 * c.mambaDState, codes: false)
    dtNormed = try rows(c.mambaDtRank, codes: true)
    b = try rows(c.mambaDState, codes: false)
    self.c = try rows(c.mambaDState, codes: false)
    dt = try rows(c.innerSize, codes: false)
    gated = try rows(c.innerSize, codes: true)
    queries = try rows(c.numAttentionHeads * c.headDim, codes: false)
    keys = try rows(c.numKeyValueHeads * c.headDim, codes: false)
    values = try rows(c.numKeyValueHeads * c.headDim, codes: false)
    attended = try rows(c.numAttentionHeads * c.headDim, codes: true)
    gate = try rows(c.intermediateSize, codes: true)
    up = try rows(c.intermediateSize, codes: false)
    routerWeights = try rows(c.numExperts, codes: false)
    expertWeights = try rows(c.numExperts, codes: false)
    expertOutput = try rows(c.hiddenSize, codes: false)
    self.batch = batch
    predictorInput = try make(c.hiddenSize, Workspace.predictedTokens, true)
    predictorLogits = try make(c.numExperts, Workspace.predictedTokens, false)
    attentionScratch = try make(
      Engine.attentionScratchCount(heads: c.numAttentionHeads, headSize: c.headDim), 1, false)
    expertTokens = try ExpertTokens(capacity: capacity)
  }

  /// Uses `count` rows of each from now on.
  func resize(to count: Int) {
    for activations in batch { activations.resize(to: count) }
  }
}

/// The tokens of a pass that go to one expert, and their weights.
@safe
final class ExpertTokens {
  private let buffer: AlignedBuffer
  private let capacity: Int
  private var count = 0
  private var tokenCount = 0

  static func byteCount(capacity: Int) -> Int { capacity * 8 }

  /// - Throws: `outOfMemory`.
  init(capacity: Int) throws(JambaError) {
    self.capacity = capacity
    let byteCount = ExpertTokens.byteCount(capacity: capacity)
    do { buffer = try AlignedBuffer(byteCount: byteCount) } catch { throw .outOfMemory(byteCount: byteCount) }
  }

  private var indices: UnsafeMutablePointer<UInt32> { unsafe buffer.pointer(to: UInt32.self) }
  private var scales: UnsafeMutablePointer<Float> {
    unsafe (buffer.base! + capacity * 4).assumingMemoryBound(to: Float.self)
  }

  /// Lists the tokens whose weight for the expert is not negative.
  ///
  /// - Parameter weights: `[tokens, experts]`.
  func gather(_ expert: Int, of weights: Rows) {
    precondition(weights.count <= capacity, "more tokens than there is room for")
    (count, tokenCount) = (0, weights.count)
    for token in 0..<weights.count where weights[token, expert] >= 0 {
      unsafe indices[count] = UInt32(token)
      unsafe scales[count] = weights[token, expert]
      count += 1
    }
  }

  var rows: IndexList { unsafe IndexList(base: indices, count: count, end: tokenCount) }
  var weights: ScaleList { unsafe ScaleList(base: scales, count: count) }
}
