import JambaSystem
import Synchronization

/// Zeroed memory that belongs to sessions and snapshots and counts against the model's limit as long as it lives.
///
/// Sendable: who shares one does not write it (`KeyValueCache.makeWritable`).
final class StateBuffer: Sendable {
  private let buffer: AlignedBuffer
  private let budget: MemoryBudget
  private let charge: Int

  fileprivate init(_ buffer: AlignedBuffer, _ budget: MemoryBudget, charge: Int) {
    self.buffer = buffer
    self.budget = budget
    self.charge = charge
  }

  deinit { budget.giveBack(charge) }

  var byteCount: Int { buffer.byteCount }
  var bytes: UnsafeMutableRawBufferPointer { unsafe buffer.bytes }

  func copy(_ other: StateBuffer) { unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(other.bytes)) }
}

/// The memory that a model's sessions share: what the plan leaves them, and snapshots in the part that sessions do not
/// need now.
final class SessionMemory: Sendable {
  let budget: MemoryBudget
  let prefixCache: PrefixCache

  /// - Parameters:
  ///   - free: bytes of the limit that the model leaves to sessions.
  ///   - snapshots: bytes of them that snapshots may take.
  init(_ limit: MemoryLimit, free: Int, snapshots: Int) {
    budget = MemoryBudget(limit, free: free)
    prefixCache = PrefixCache(byteLimit: snapshots)
  }

  /// Raises a session's reservation. Snapshots go, the least recently used first, where they are in the way.
  func grow(_ reservation: MemoryBudget.Reservation, to byteCount: Int) throws(JambaError) {
    while true {
      do throws(JambaError) { return try reservation.grow(to: byteCount, context: 0) } catch {
        guard prefixCache.evictOldest() else { throw error }
      }
    }
  }

  /// Memory for a text of `context` tokens. Snapshots go, the least recently used first, where they are in the way.
  func makeBuffer(byteCount: Int, context: Int) throws(JambaError) -> StateBuffer {
    let charge = SystemMemory.wholePages(byteCount)
    while !budget.take(charge) {
      guard prefixCache.evictOldest() else { throw .memoryLimitReached(budget.limit, context: context) }
    }
    do throws(SystemError) {
      let buffer = try AlignedBuffer(byteCount: byteCount)
      // The Mamba states of a large model, which a fork copies: thousands of pages would be touched one by one.
      if byteCount >= 4 << 20 { buffer.preferLargePages() }
      return StateBuffer(buffer, budget, charge: charge)
    } catch {
      budget.giveBack(charge)
      throw .outOfMemory(byteCount: byteCount)
    }
  }
}
