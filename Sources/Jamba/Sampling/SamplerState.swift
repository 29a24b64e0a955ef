import JambaSystem

/// What changes in a sampler from draw to draw, and all that a generation needs to draw on as if it had not stopped.
struct SamplerState: Sendable {
  var generator: SplitMix64
  /// The largest surprise that mirostat allows, in bits; nil before its first draw, and without mirostat.
  var mirostatMu: Double?
}
