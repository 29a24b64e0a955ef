import JambaSystem
import Synchronization

/// What each of the threads that answer has read and generated last, and whether it is at work.
final class Slots: Sendable {
  private struct Slot {
    var text: [Int32] = []
    var adapter: ServedAdapter?
    var isBusy = false
    var usage = AnswerUsage()
  }

  private let slots: Mutex<[Slot]>

  init(_ count: Int) { slots = Mutex(Array(repeating: Slot(), count: count)) }

  /// A text, and what it was read with beside the model's weights.
  func text(of slot: Int) -> (tokens: [Int32], adapter: ServedAdapter?) {
    slots.withLock { ($0[slot].text, $0[slot].adapter) }
  }

  func keep(_ text: [Int32], _ adapter: ServedAdapter?, in slot: Int) {
    slots.withLock { ($0[slot].text, $0[slot].adapter) = (text, adapter) }
  }

  func begin(_ slot: Int) { slots.withLock { $0[slot].isBusy = true } }

  /// - Parameter usage: of what has come to its end; nil for what has not.
  func end(_ slot: Int, _ usage: AnswerUsage?) {
    slots.withLock { slots in
      slots[slot].isBusy = false
      if let usage { slots[slot].usage = usage }
    }
  }

  /// As llama-server has it, as far as there is such a thing here, and without anybody's text.
  ///
  /// - Parameter context: tokens that a text may have.
  func json(context: Int) -> JSON {
    .array(
      slots.withLock { $0 }.enumerated().map { number, slot in
        .object([
          "id": .integer(number), "n_ctx": .integer(context), "speculative": .bool(false),
          "is_processing": .bool(slot.isBusy), "n_past": .integer(slot.text.count),
          "n_prompt_tokens": .integer(slot.usage.promptTokens), "n_decoded": .integer(slot.usage.completionTokens),
        ])
      })
  }
}
