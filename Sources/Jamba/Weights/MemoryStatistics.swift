/// Statistics of offloaded weights since the model was opened: cache hits, reads, waiting. All zero where all weights are resident.
public struct MemoryStatistics: Sendable, Equatable {
  /// Experts (or, of a streamed model, layers) that were asked for.
  public internal(set) var requests = 0
  /// Those that were in memory.
  public internal(set) var hits = 0
  /// Hits that the prediction had read ahead.
  public internal(set) var prefetchHits = 0
  /// Those that were being read ahead, but not yet there.
  public internal(set) var lateHits = 0
  public var misses: Int { requests - hits - lateHits }
  /// Units read ahead, used or not.
  public internal(set) var prefetches = 0
  /// Bytes read from the file after loading.
  public internal(set) var bytesRead = 0
  /// Time that computing waited for reads.
  public internal(set) var stallSeconds = 0.0
}
