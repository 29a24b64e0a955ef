import Synchronization

/// The memory that a model's sessions share.
final class MemoryBudget: Sendable {
  private let limit: MemoryLimit
  private let free: Mutex<Int>

  init(_ plan: MemoryPlan) {
    limit = plan.limit
    free = Mutex(plan.sessionByteCount)
  }

  /// A session's part; given back when it goes.
  final class Reservation {
    private let budget: MemoryBudget
    private var byteCount = 0

    init(_ budget: MemoryBudget) { self.budget = budget }

    deinit {
      let byteCount = byteCount
      budget.free.withLock { $0 += byteCount }
    }

    /// Raises the reservation to `byteCount` bytes, for a text of `context` tokens.
    func grow(to byteCount: Int, context: Int) throws(JambaError) {
      let more = byteCount - self.byteCount
      guard more > 0 else { return }
      let isGranted = budget.free.withLock { free in
        guard more <= free else { return false }
        free -= more
        return true
      }
      guard isGranted else { throw .memoryLimitReached(budget.limit, context: context) }
      self.byteCount = byteCount
    }
  }
}
