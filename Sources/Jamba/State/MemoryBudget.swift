import JambaSystem
import Synchronization

/// The memory that a model's sessions share.
final class MemoryBudget: Sendable {
  let limit: MemoryLimit
  private let free: Mutex<Int>

  /// - Parameter free: bytes of the limit that the model leaves to sessions.
  init(_ limit: MemoryLimit, free: Int) {
    self.limit = limit
    self.free = Mutex(free)
  }

  /// - Returns: false when that much is not left.
  func take(_ byteCount: Int) -> Bool {
    free.withLock { free in
      guard byteCount <= free else { return false }
      free -= byteCount
      return true
    }
  }

  func giveBack(_ byteCount: Int) { free.withLock { $0 += byteCount } }

  /// A session's part; given back when it goes.
  final class Reservation {
    private let budget: MemoryBudget
    private var byteCount = 0

    init(_ budget: MemoryBudget) { self.budget = budget }

    deinit {
      budget.giveBack(byteCount)
    }

    /// Raises the reservation to `byteCount` bytes, for a text of `context` tokens.
    func grow(to byteCount: Int, context: Int) throws(JambaError) {
      let more = byteCount - self.byteCount
      guard more > 0 else { return }
      guard budget.take(more) else { throw .memoryLimitReached(budget.limit, context: context) }
      self.byteCount = byteCount
    }
  }
}
