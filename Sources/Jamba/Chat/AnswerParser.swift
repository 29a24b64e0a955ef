import JambaSystem

/// Takes an answer apart while it comes in: thoughts, text and tool calls.
package struct AnswerParser {
  /// The marks that are looked for.
  package struct Style: Sendable {
    /// `<think>…</think>` at the beginning is a thought.
    package var thinks = false
    /// The prompt has opened a thought already.
    package var beginsThinking = false
    package var tools: ChatFormat.ToolStyle?
    /// Names of tokens that mark parts.
    var markers: [String] = []

    package init() {}

    var isPlain: Bool { !thinks && tools == nil }
  }

  package struct Parts: Equatable {
    package var text = ""
    package var reasoning = ""
    package var toolCalls: [ToolCall] = []

    package init(text: String = "") { self.text = text }
  }

  private enum State {
    /// Nothing but white space has come.
    case beginning
    case thinking
    case text
    /// Inside the marks of tool calls.
    case calling(CallScanner)
  }

  private let style: Style
  private var state: State
  /// Text that has come and is not decided yet.
  private var held: [UInt8] = []
  /// White space before the next thought or text, which is dropped at its beginning and, of thoughts, at the end.
  private var space: [UInt8] = []
  private var isAtStart = true

  package init(_ style: Style) {
    self.style = style
    state = style.isPlain ? .text : style.beginsThinking ? .thinking : .beginning
    isAtStart = style.beginsThinking
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
  /// - Parameter isCut: the answer has been cut off by its limit, so that a call without an end, or the beginning of its
  ///   mark, is a part of one, and no text.
  package mutating func finish(isCut: Bool = false) -> Parts {
    var parts = Parts()
    switch state {
    case .text where isCut && style.tools != nil: break
    case .beginning, .text: emit(held, to: &parts.text)
    case .thinking: emit(held, to: &parts.reasoning)
    case .calling where isCut: break
    // A call that has no end is no call.
    case .calling(let scanner): parts.text += String(decoding: space + scanner.raw + held, as: UTF8.self)
    }
    held = []
    return parts
  }

  /// Does one thing with what is held; false when more must come first.
  private mutating func advance(_ parts: inout Parts) -> Bool {
    guard !held.isEmpty else { return false }
    switch state {
    case .beginning:
      guard let start = held.firstIndex(where: { !AnswerParser.isSpace($0) }) else { return false }
      let rest = held[start...]
      if style.thinks, rest.starts(with: ChatFormat.thinkOpening.utf8) {
        held.removeFirst(start + ChatFormat.thinkOpening.utf8.count)
        state = .thinking
        isAtStart = true
      } else if style.thinks, ChatFormat.thinkOpening.utf8.starts(with: rest) {
        return false
      } else {
        state = .text
        isAtStart = false
      }
      return true
    case .thinking:
      let isClosed = take(until: [ChatFormat.thinkClosing], into: &parts.reasoning) != nil
      if isClosed {
        space = []
        isAtStart = true
        state = .text
      }
      return isClosed
    case .text:
      guard let tools = style.tools else {
        emit(held, to: &parts.text)
        held = []
        return false
      }
      let isOpened = take(until: [tools.opening], into: &parts.text) != nil
      if isOpened { state = .calling(CallScanner(tools)) }
      return isOpened
    case .calling(var scanner):
      let end = scanner.push(held[...])
      parts.toolCalls += scanner.takeCalls()
      switch scanner.outcome {
      case .open:
        held = []
        state = .calling(scanner)
        return false
      case .closed:
        held.removeFirst(end)
        space = []
        isAtStart = true
        state = .text
      case .failed:
        // What is no call is text, marks included; calls that came before it count.
        parts.text += String(decoding: space + scanner.raw, as: UTF8.self)
        space = []
        held.removeFirst(end)
        isAtStart = false
        state = .text
      }
      return true
    }
  }

  /// Hands out what stands before a mark, and drops both; nil, with what could become a mark held back, if none is there.
  private mutating func take(until marks: [String], into text: inout String) -> String? {
    for start in held.indices {
      let rest = held[start...]
      for mark in marks {
        if rest.starts(with: mark.utf8) {
          emit(Array(held[..<start]), to: &text)
          held.removeFirst(start + mark.utf8.count)
          return mark
        }
        if mark.utf8.starts(with: rest) {
          emit(Array(held[..<start]), to: &text)
          held.removeFirst(start)
          return nil
        }
      }
    }
    emit(held, to: &text)
    held = []
    return nil
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

/// Finds the calls between the marks of tool calls, byte by byte: a call is known as soon as its object ends.
struct CallScanner {
  enum Outcome {
    case open, closed, failed
  }

  private let style: ChatFormat.ToolStyle
  private(set) var outcome = Outcome.open
  /// All that has come since the last call, the opening mark included: what it is as text if it is no call.
  private(set) var raw: [UInt8]
  private var calls: [ToolCall] = []
  private var object: [UInt8] = []
  private var depth = 0
  private var strings = JSONStrings()
  private var closing: [UInt8] = []
  /// Of a list: whether its bracket has come, and whether it has gone.
  private var isListOpen = false
  private var isListClosed = false

  static let byteLimit = 1 << 20

  init(_ style: ChatFormat.ToolStyle) {
    self.style = style
    raw = Array(style.opening.utf8)
  }

  mutating func takeCalls() -> [ToolCall] {
    defer { calls = [] }
    return calls
  }

  /// Takes bytes; returns how many, which is all of them unless the calls have ended or failed.
  mutating func push(_ bytes: ArraySlice<UInt8>) -> Int {
    for (count, byte) in bytes.enumerated() {
      raw.append(byte)
      take(byte)
      if raw.count > CallScanner.byteLimit { outcome = .failed }
      if outcome != .open { return count + 1 }
    }
    return bytes.count
  }

  private mutating func take(_ byte: UInt8) {
    if depth > 0 { return takeInObject(byte) }
    if !closing.isEmpty || byte == UInt8(ascii: "<") {
      closing.append(byte)
      let mark = style.closing.utf8
      if !mark.starts(with: closing) { outcome = .failed } else if closing.count == mark.count { outcome = .closed }
      return
    }
    switch byte {
    case _ where AnswerParser.isSpace(byte): break
    case UInt8(ascii: "{") where style == .single || isListOpen && !isListClosed: takeInObject(byte)
    case UInt8(ascii: "[") where style == .list && !isListOpen: isListOpen = true
    case UInt8(ascii: ",") where style == .list && isListOpen && !isListClosed: break
    case UInt8(ascii: "]") where style == .list && isListOpen && !isListClosed: isListClosed = true
    default: outcome = .failed
    }
  }

  private mutating func takeInObject(_ byte: UInt8) {
    object.append(byte)
    guard strings.isOutside(byte) else { return }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      if depth == 0 { endObject() }
    default: break
    }
  }

  private mutating func endObject() {
    defer { object = [] }
    let json: JSON
    do { json = try JSON.parse(object) } catch {
      outcome = .failed
      return
    }
    guard let name = json["name"]?.string else {
      outcome = .failed
      return
    }
    let arguments = json["arguments"] ?? json["parameters"] ?? .object([:])
    // Some models write the arguments as a string that holds them.
    calls.append(ToolCall(name: name, arguments: ToolCall.arguments(arguments)))
    raw = []
  }
}
