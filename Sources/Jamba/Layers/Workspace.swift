import JambaFormat
import JambaSystem

/// The scratch memory of a forward pass over up to `capacity` tokens at once.
///
/// Buffers are named for what they hold and are reused from layer to layer; nothing in them survives a pass.
final class Workspace {
  let capacity: Int
  let byteCount: Int

  /// The residual stream, `[tokens, hidden]`.
  let residual: Activations
  /// The residual stream after a norm.
  let normed: Activations
  /// What a mixer or feed-forward part adds to the residual stream.
  let output: Activations

  // Mamba
  /// in_proj's output, `[tokens, 2 inner]`: x, then z.
  let projected: Activations
  /// x after convolution and silu; later the mixer's gated output.
  let inner: Activations
  /// x_proj's output: dt, B, C.
  let parameters: Activations
  let dtNormed: Activations
  let b: Activations
  let c: Activations
  /// dt_proj's output.
  let dt: Activations
  let gated: Activations

  // Attention
  let queries: Activations
  let keys: Activations
  let values: Activations
  let attended: Activations

  // Feed-forward
  let gate: Activations
  let up: Activations
  /// The router's probabilities, and those of the chosen experts alone.
  let routerWeights: Activations
  let expertWeights: Activations
  let expertOutput: Activations
  /// The residual stream as the next mixture of experts might see it, of the pass's last tokens.
  let foresight: Activations
  let foresightLogits: Activations
  static let foresightCapacity = 32
  private let routing: AlignedBuffer

  init(_ configuration: ModelConfiguration, capacity: Int) throws(SystemError) {
    self.capacity = capacity
    let c = configuration
    var byteCount = 0
    func rows(_ width: Int, codes: Bool = true, capacity: Int = capacity) throws(SystemError) -> Activations {
      byteCount += SystemMemory.wholePages(Activations.byteCount(width: width, capacity: capacity, codes: codes))
      return try Activations(width: width, capacity: capacity, codes: codes)
    }
    residual = try rows(c.hiddenSize, codes: false)
    normed = try rows(c.hiddenSize)
    output = try rows(c.hiddenSize, codes: false)
    projected = try rows(2 * c.innerSize, codes: false)
    inner = try rows(c.innerSize)
    parameters = try rows(c.mambaDtRank + 2 * c.mambaDState, codes: false)
    dtNormed = try rows(c.mambaDtRank)
    b = try rows(c.mambaDState, codes: false)
    self.c = try rows(c.mambaDState, codes: false)
    dt = try rows(c.innerSize, codes: false)
    gated = try rows(c.innerSize)
    queries = try rows(c.numAttentionHeads * c.headDim, codes: false)
    keys = try rows(c.numKeyValueHeads * c.headDim, codes: false)
    values = try rows(c.numKeyValueHeads * c.headDim, codes: false)
    attended = try rows(c.numAttentionHeads * c.headDim)
    gate = try rows(c.intermediateSize)
    up = try rows(c.intermediateSize, codes: false)
    routerWeights = try rows(c.numExperts)
    expertWeights = try rows(c.numExperts, codes: false)
    expertOutput = try rows(c.hiddenSize, codes: false)
    foresight = try rows(c.hiddenSize, capacity: Workspace.foresightCapacity)
    foresightLogits = try rows(c.numExperts, codes: false, capacity: Workspace.foresightCapacity)
    routing = try AlignedBuffer(byteCount: capacity * 8)
    self.byteCount = byteCount + SystemMemory.wholePages(capacity * 8)
  }

  /// Bytes that a workspace takes. (Making one only reserves addresses.)
  static func byteCount(_ configuration: ModelConfiguration, capacity: Int) throws(SystemError) -> Int {
    try Workspace(configuration, capacity: capacity).byteCount
  }

  /// The tokens of one expert, and their weights.
  var expertRows: IndexList { unsafe IndexList(base: routing.pointer(to: UInt32.self)) }
  var expertScales: ScaleList {
    unsafe ScaleList(base: (routing.base! + capacity * 4).assumingMemoryBound(to: Float.self))
  }
}
