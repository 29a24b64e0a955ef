import JambaSystem
import Synchronization

/// Responses that clients may come back to: in memory, so many of them and so many bytes, of which the oldest go first.
package final class ResponseStore: Sendable {
  package struct Entry: Sendable {
    /// As the client has got it.
    let response: JSON
    /// The conversation that the response ends: what came before, the request's own items, and those of the response.
    package let items: [JSON]
    /// Those that the request was answered from.
    let inputCount: Int

    package init(response: JSON, items: [JSON], inputCount: Int) {
      self.response = response
      self.items = items
      self.inputCount = inputCount
    }
  }

  private struct State {
    var entries: [String: (entry: Entry, byteCount: Int)] = [:]
    /// Oldest first.
    var order: [String] = []
    var byteCount = 0
    /// The last response in whose conversation an item is, by the item's id.
    var owners: [String: String] = [:]

    mutating func remove(_ id: String) -> Bool {
      guard let (entry, count) = entries.removeValue(forKey: id) else { return false }
      byteCount -= count
      order.removeAll { $0 == id }
      for item in entry.items {
        if let name = item["id"]?.string, owners[name] == id { owners[name] = nil }
      }
      return true
    }
  }

  private let state = Mutex(State())
  private let countLimit: Int
  private let byteLimit: Int

  package init(countLimit: Int = Limits.storedResponses, byteLimit: Int = Limits.storedResponseBytes) {
    self.countLimit = countLimit
    self.byteLimit = byteLimit
  }

  /// Keeps a response. One that is larger than the whole store is not kept.
  package func keep(_ entry: Entry, id: String) {
    // Items are counted with every response in whose conversation they are, though they share their memory.
    let count = entry.items.reduce(entry.response.text().utf8.count) { $0 + $1.text().utf8.count }
    guard count <= byteLimit else { return }
    state.withLock { state in
      _ = state.remove(id)
      while state.entries.count >= countLimit || state.byteCount + count > byteLimit, let oldest = state.order.first {
        _ = state.remove(oldest)
      }
      state.entries[id] = (entry, count)
      state.order.append(id)
      state.byteCount += count
      for item in entry.items { if let name = item["id"]?.string { state.owners[name] = id } }
    }
  }

  package func entry(_ id: String) -> Entry? { state.withLock { $0.entries[id]?.entry } }

  /// An item of a conversation, by its id.
  package func item(_ id: String) -> JSON? {
    state.withLock { state in
      state.owners[id].flatMap { state.entries[$0] }?.entry.items.last { $0["id"]?.string == id }
    }
  }

  /// Whether there was such a response.
  package func remove(_ id: String) -> Bool { state.withLock { $0.remove(id) } }
}
