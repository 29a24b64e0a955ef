import Jamba

/// An answer's parts in the order in which they come, as APIs have it whose answers are lists of blocks or items.
struct AnswerParts: Sendable {
  enum Part: Sendable {
    case thoughts(String)
    case text(String)
    /// The arguments as they are written: JSON once the call is complete. One that never is has been cut, or was no call.
    case call(name: String, arguments: String, isComplete: Bool)

    var isCutCall: Bool { if case .call(_, _, isComplete: false) = self { true } else { false } }
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

  /// Takes a piece of an answer that is streamed: calls come as they are written.
  mutating func add(_ piece: Piece) -> [Change] { add(piece, isStreamed: true) }

  /// Takes a piece of an answer that is handed out as a whole: calls that never are complete are left out.
  mutating func addWhole(_ piece: Piece) -> [Change] { add(piece, isStreamed: false) }

  private mutating func add(_ piece: Piece, isStreamed: Bool) -> [Change] {
    var changes: [Change] = []
    let deltas = isStreamed ? piece.toolCallDeltas : []
    if !piece.reasoning.isEmpty {
      if !isThinking { begin(.thoughts(""), &changes) }
      grow(by: piece.reasoning, &changes)
    }
    // What a call still lacks comes before the text behind it.
    let rest = deltas.first?.name == nil ? deltas.prefix(1) : []
    for delta in rest { add(delta, &changes) }
    if !piece.text.isEmpty {
      if !isSpeaking { begin(.text(""), &changes) }
      grow(by: piece.text, &changes)
    }
    for delta in deltas.dropFirst(rest.count) { add(delta, &changes) }
    for call in isStreamed ? [] : piece.toolCalls {
      begin(.call(name: call.name, arguments: call.arguments.text(), isComplete: true), &changes)
      end(&changes)
    }
    guard let reason = piece.finishReason else { return changes }
    finishReason = reason
    stopText = reason == .stop ? piece.stopText : nil
    // Clients look for the first part's text.
    if list.isEmpty { begin(.text(""), &changes) }
    end(&changes)
    return changes
  }

  private mutating func add(_ delta: ToolCallDelta, _ changes: inout [Change]) {
    if let name = delta.name { begin(.call(name: name, arguments: "", isComplete: false), &changes) }
    if !delta.arguments.isEmpty { grow(by: delta.arguments, &changes) }
    guard delta.isComplete, case .call(let name, let arguments, _) = list.removeLast() else { return }
    list.append(.call(name: name, arguments: arguments, isComplete: true))
    end(&changes)
  }

  /// Adds to the last part. It is taken out of the list meanwhile, so that its text keeps its memory.
  private mutating func grow(by text: String, _ changes: inout [Change]) {
    switch list.removeLast() {
    case .thoughts(var all):
      all += text
      list.append(.thoughts(all))
    case .text(var all):
      all += text
      list.append(.text(all))
    case .call(let name, var all, let isComplete):
      all += text
      list.append(.call(name: name, arguments: all, isComplete: isComplete))
    }
    changes.append(.grew(list.count - 1, by: text))
  }

  private var isThinking: Bool { if isOpen, case .thoughts = list.last { true } else { false } }
  private var isSpeaking: Bool { if isOpen, case .text = list.last { true } else { false } }

  private mutating func begin(_ part: Part, _ changes: inout [Change]) {
    end(&changes)
    list.append(part)
    isOpen = true
    changes.append(.began(list.count - 1))
  }

  private mutating func end(_ changes: inout [Change]) {
    if isOpen { changes.append(.ended(list.count - 1)) }
    isOpen = false
  }
}
