import Synchronization

/// What requests hold and nobody heeds: counted, and told to the log, each once.
final class Notices: Sendable {
  private let told = Mutex<Set<String>>([])
  private let metrics: Metrics
  private let tell: @Sendable (String) -> Void

  /// Clients make up names without end.
  private static let limit = 200

  init(_ metrics: Metrics, _ tell: @escaping @Sendable (String) -> Void) {
    self.metrics = metrics
    self.tell = tell
  }

  /// Counts members of a request that were passed over, and tells which they are, as far as it has not been told before.
  func passedOver(_ names: [String]) {
    metrics.countPassedOver(names.count)
    let new = told.withLock { told in
      names.filter { told.count < Notices.limit && told.insert($0).inserted }
    }
    guard !new.isEmpty else { return }
    tell("Ignored in requests: \(new.joined(separator: ", ")) (told once; /metrics counts on, --strict refuses)")
  }
}
