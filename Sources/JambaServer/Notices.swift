import Synchronization

/// Lines for the log, each of which is told once.
final class Notices: Sendable {
  private let told = Mutex<Set<String>>([])
  private let tell: @Sendable (String) -> Void

  /// Clients make up names without end.
  private static let limit = 200

  init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

  /// Tells which members of a request were passed over, as far as it has not been told before.
  func passedOver(_ names: [String]) {
    let new = told.withLock { told in
      names.filter { told.count < Notices.limit && told.insert($0).inserted }
    }
    guard !new.isEmpty else { return }
    tell("Ignored in requests: \(new.joined(separator: ", ")) (told once; /metrics counts on, --strict refuses)")
  }
}
