import Jamba

/// An answer's parts in the order in which they come, as APIs have it whose answers are lists of blocks or items.
struct AnswerParts: Sendable {
  enum Part: Sendable {
    case thoughts(String)
    case text(String)
    case call(ToolCall)
  }

  /// What a piece does to the parts, in order.
  enum Change {
    case began(Int)
    /// Of a call: its arguments.
    case grew(Int, by: String)
    case ended(Int)
  }

  private(set) var list: [Part] = []
  /// The last part, while it may still grow.
  private var isOpen = false
  private(set) var finishReason: FinishReason?
  private(set) var stopText: String?

  mutating func add(_ piece: Piece) -> [Change] {
    var changes: [Change] = []
    if !piece.reasoning.isEmpty { grow(by: piece.reasoning, isThought: true, &changes) }
    if !piece.text.isEmpty { grow(by: piece.text, isThought: false, &changes) }
    for call in piece.toolCalls {
      end(&changes)
      list.append(.call(call))
      let index = list.count - 1
      changes += [.began(index), .grew(index, by: call.arguments.text()), .ended(index)]
    }
    guard let reason = piece.finishReason else { return changes }
    finishReason = reason
    stopText = reason == .stop ? piece.stopText : nil
    // Clients look for the first part's text.
    if list.isEmpty { open(.text(""), &changes) }
    end(&changes)
    return changes
  }

  private mutating func grow(by text: String, isThought: Bool, _ changes: inout [Change]) {
    switch (isOpen ? list.last : nil, isThought) {
    case (.thoughts(var all), true):
      list[list.count - 1] = .thoughts("")
      all += text
      list[list.count - 1] = .thoughts(all)
    case (.text(var all), false):
      list[list.count - 1] = .text("")
      all += text
      list[list.count - 1] = .text(all)
    default:
      end(&changes)
      open(isThought ? .thoughts(text) : .text(text), &changes)
    }
    changes.append(.grew(list.count - 1, by: text))
  }

  private mutating func open(_ part: Part, _ changes: inout [Change]) {
    list.append(part)
    isOpen = true
    changes.append(.began(list.count - 1))
  }

  private mutating func end(_ changes: inout [Change]) {
    if isOpen { changes.append(.ended(list.count - 1)) }
    isOpen = false
  }
}
