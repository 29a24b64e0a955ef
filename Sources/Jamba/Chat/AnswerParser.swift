import JambaSystem

/// Takes an answer apart while it comes in: thoughts, text and tool calls.
package struct AnswerParser {
  /// The marks that are looked for.
  package struct Style: Sendable {
    /// `<think>…</think>` at the beginning is a thought.
    package var thinks = false
    /// The prompt has opened a thought already.
    package var beginsThinking = false
    /// The answer has no room for a thought: the prompt has closed it, or it is not wanted.
    package var isThoughtOver = false
    /// The answer goes on with a message that the prompt has begun.
    package var continuesText = false
    package var tools: ChatFormat.ToolStyle?
    /// The generic form's text stands as it is, not as the member `response` of an object.
    package var hasPlainResponse = false
    /// Names of tokens that mark parts.
    var markers: [String] = []

    package init() {}

    var isPlain: Bool { !thinks && tools == nil }
  }

  package struct Parts: Equatable {
    package var text = ""
    package var reasoning = ""
    package var toolCalls: [ToolCall] = []
    package var toolCallDeltas: [ToolCallDelta] = []

    package init(text: String = "") { self.text = text }
  }

  private enum State {
    /// Nothing but white space has come.
    case beginning
    case thinking
    case text
    /// Where the generic form's object begins.
    case generic(GenericForm)
    /// Inside the marks of tool calls.
    case calling(CallScanner)
  }

  private let style: Style
  private var state: State
  /// Text that has come and is not decided yet.
  private var held: [UInt8] = []
  /// White space before the next thought or text, which is dropped at its beginning, before calls and at the end of
  /// thoughts.
  private var space: [UInt8] = []
  private var isAtStart: Bool
  /// The number of the next call.
  private var callIndex = 0
  /// Bytes that are looked at for calls a second time, as what seemed to be one was none.
  private var reviewedCount = 0

  /// Marks without calls in a long answer must not have all of it read again for each.
  private static let reviewLimit = 8 << 20

  package init(_ style: Style) {
    self.style = style
    state = style.isPlain || style.continuesText ? .text : .beginning
    if style.beginsThinking { state = .thinking }
    isAtStart = style.beginsThinking && !style.continuesText
  }

  package mutating func push(_ text: String) -> Parts {
    if style.isPlain { return Parts(text: text) }
    var parts = Parts()
    held += text.utf8
    while advance(&parts) {}
    return parts
  }

  /// The text held back, at the end.
  ///
  /// - Parameter isCut: the answer has been cut off, by its limit or in another way, so that a call without an end, or the
  ///   beginning of its mark, is a part of one, and no text.
  package mutating func finish(isCut: Bool = false) -> Parts {
    var parts = Parts()
    while true {
      switch state {
      case .beginning:
        // White space alone, or the beginning of a mark.
        if !isCut || held.allSatisfy(AnswerParser.isSpace) { parts.text += String(decoding: held, as: UTF8.self) }
      case .thinking:
        emit(held, to: &parts.reasoning)
        space = []
      case .text where !(isCut && style.tools != nil && !held.isEmpty):
        emit(held, to: &parts.text)
        if !isAtStart { parts.text += String(decoding: space, as: UTF8.self) }
      case .generic(let form) where !isCut: parts.text += String(decoding: form.raw, as: UTF8.self)
      case .calling(let scanner) where !isCut && (scanner.isInObject || !scanner.hasCall):
        // A call that has no end is no call, though one may stand in what seemed to be its text.
        held = giveUp(scanner, &parts)
        while advance(&parts) {}
        continue
      case .text, .generic, .calling: break
      }
      held = []
      space = []
      return parts
    }
  }

  /// Does one thing with what is held; false when more must come first.
  private mutating func advance(_ parts: inout Parts) -> Bool {
    guard !held.isEmpty else { return false }
    switch state {
    case .beginning: return begin()
    case .thinking: return think(&parts)
    case .text:
      guard let tools = style.tools, tools != .generic, reviewedCount <= AnswerParser.reviewLimit else {
        emit(held, to: &parts.text)
        held = []
        return false
      }
      let isOpened = take(until: tools.opening, into: &parts.text)
      if isOpened { state = .calling(CallScanner(tools, index: callIndex)) }
      return isOpened
    case .generic(var form):
      held.removeFirst(form.push(held[...], &parts.text))
      switch form.outcome {
      case .open: state = .generic(form)
      case .calls: state = .calling(CallScanner(.generic, index: callIndex))
      case .response, .failed:
        if form.outcome == .failed { parts.text += String(decoding: form.raw, as: UTF8.self) }
        isAtStart = form.outcome == .response
        state = .text
      }
      return true
    case .calling(var scanner):
      let end = scanner.push(held[...])
      let found = scanner.takeCalls()
      parts.toolCalls += found.calls
      parts.toolCallDeltas += found.deltas
      // Not before a call is whole: what begins as one may be text, with the space before it.
      if !found.calls.isEmpty { space = [] }
      held.removeFirst(end)
      switch scanner.outcome {
      case .open:
        state = .calling(scanner)
        return false
      case .closed:
        callIndex = scanner.nextIndex
        space = []
        isAtStart = true
        state = .text
      case .failed: held = giveUp(scanner, &parts) + held
      }
      return true
    }
  }

  /// What is no call is text, marks included, and may hold calls behind the first mark; calls that came before it count.
  private mutating func giveUp(_ scanner: CallScanner, _ parts: inout Parts) -> [UInt8] {
    callIndex = scanner.nextIndex
    state = .text
    var rest = scanner.raw
    if scanner.hasCall {
      isAtStart = true
    } else if let tools = style.tools {
      let mark = tools.opening.utf8.count
      emit(Array(rest[..<mark]), to: &parts.text)
      rest.removeFirst(mark)
    }
    reviewedCount += rest.count
    return rest
  }

  private mutating func begin() -> Bool {
    guard let start = held.firstIndex(where: { !AnswerParser.isSpace($0) }) else { return false }
    let rest = held[start...]
    if style.thinks, rest.starts(with: ChatFormat.thinkOpening.utf8) {
      held.removeFirst(start + ChatFormat.thinkOpening.utf8.count)
      state = .thinking
      isAtStart = true
    } else if style.thinks, ChatFormat.thinkOpening.utf8.starts(with: rest) {
      return false
    } else {
      beginText()
    }
    return true
  }

  private mutating func beginText() {
    state = style.tools == .generic ? .generic(GenericForm(hasResponse: !style.hasPlainResponse)) : .text
    isAtStart = false
  }

  private mutating func think(_ parts: inout Parts) -> Bool {
    // Models open a thought again that the prompt has opened.
    if isAtStart, let start = held.firstIndex(where: { !AnswerParser.isSpace($0) }) {
      let (rest, opening) = (held[start...], ChatFormat.thinkOpening.utf8)
      if rest.starts(with: opening) {
        held.removeFirst(start + opening.count)
        return true
      }
      if opening.starts(with: rest) { return false }
    }
    guard take(until: ChatFormat.thinkClosing, into: &parts.reasoning) else { return false }
    space = []
    beginText()
    isAtStart = true
    return true
  }

  /// Hands out what stands before a mark, and drops both; false, with what could become a mark held back, if it is not
  /// there.
  private mutating func take(until mark: String, into text: inout String) -> Bool {
    for start in held.indices where held[start] == mark.utf8.first {
      let rest = held[start...]
      let isWhole = rest.starts(with: mark.utf8)
      guard isWhole || mark.utf8.starts(with: rest) else { continue }
      emit(Array(held[..<start]), to: &text)
      held.removeFirst(start + (isWhole ? mark.utf8.count : 0))
      return isWhole
    }
    emit(held, to: &text)
    held = []
    return false
  }

  /// Hands out text, without white space at its beginning, and with that at its end only once more text comes.
  private mutating func emit(_ bytes: [UInt8], to text: inout String) {
    var bytes = bytes
    if isAtStart {
      guard let first = bytes.firstIndex(where: { !AnswerParser.isSpace($0) }) else { return }
      bytes.removeFirst(first)
      isAtStart = false
    }
    let end = bytes.lastIndex { !AnswerParser.isSpace($0) }.map { $0 + 1 } ?? 0
    if end > 0 {
      text += String(decoding: space + bytes[..<end], as: UTF8.self)
      space = []
    }
    space += bytes[end...]
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
