import JambaSystem

/// A part of a tool call that is being written.
public struct ToolCallDelta: Sendable, Equatable {
  /// Which of the answer's calls, from zero.
  public let index: Int
  /// The function's name, with the first part of a call.
  public let name: String?
  /// More of the text of the arguments, which is JSON when the call is complete.
  public let arguments: String
  /// Whether the call is complete with this part, which may be an empty one. One that never is was no call, or was cut.
  public let isComplete: Bool
}

/// Finds the calls between the marks of tool calls. A call's arguments are known as they are written, the call as soon as
/// its object ends.
struct CallScanner {
  enum Outcome {
    case open, closed, failed
  }

  private let style: ChatFormat.ToolStyle
  private(set) var outcome = Outcome.open
  /// All that has come since the last call, and before the first one the opening mark: what it is as text if it is no
  /// call.
  private(set) var raw: [UInt8]
  /// Whether a call has ended.
  private(set) var hasCall = false
  private var calls: [ToolCall] = []
  private var deltas: [ToolCallDelta] = []
  /// The object being read; nil between calls.
  private var object: JSONCompactor?
  private var mark: [UInt8] = []
  private var isList = false
  private var isListClosed = false
  private var wantsCall = true
  /// The number of the call being read, and how much of its arguments has been handed out; nil before its name has.
  private var index: Int
  private var handedOut: Int?

  static let byteLimit = 1 << 20

  /// - Parameter index: the number of the next call of the answer.
  init(_ style: ChatFormat.ToolStyle, index: Int) {
    self.style = style
    self.index = index
    raw = Array(style.opening.utf8)
  }

  /// The number of the call after those that have begun.
  var nextIndex: Int { handedOut == nil ? index : index + 1 }

  /// Whether the bytes since the last call are within an object.
  var isInObject: Bool { object != nil }

  mutating func takeCalls() -> (calls: [ToolCall], deltas: [ToolCallDelta]) {
    defer { (calls, deltas) = ([], []) }
    return (calls, deltas)
  }

  /// Takes bytes; returns how many, which is all of them unless the calls have ended or failed.
  mutating func push(_ bytes: ArraySlice<UInt8>) -> Int {
    for (count, byte) in bytes.enumerated() {
      raw.append(byte)
      take(byte)
      if raw.count > CallScanner.byteLimit { outcome = .failed }
      if outcome != .open { return count + 1 }
    }
    handOutArguments()
    return bytes.count
  }

  private mutating func take(_ byte: UInt8) {
    if object != nil { return takeInObject(byte) }
    if !mark.isEmpty || byte == style.closing.utf8.first && style != .generic { return takeInMark(byte) }
    switch byte {
    case _ where AnswerParser.isSpace(byte): break
    case UInt8(ascii: "{") where wantsCall && !isListClosed:
      object = JSONCompactor()
      takeInObject(byte)
    case UInt8(ascii: "[") where !hasCall && !isList: isList = true
    case UInt8(ascii: ",") where isList && !isListClosed: wantsCall = true
    case UInt8(ascii: "]") where isList && !isListClosed: isListClosed = true
    case UInt8(ascii: "}") where style == .generic && isListClosed: outcome = .closed
    // Models close one brace too many.
    case UInt8(ascii: "}") where hasCall && !wantsCall && !isListClosed: break
    default: outcome = .failed
    }
  }

  /// A closing mark; before a call also an opening one, which some models repeat.
  private mutating func takeInMark(_ byte: UInt8) {
    mark.append(byte)
    let (opening, closing) = (style.opening.utf8, style.closing.utf8)
    if mark.elementsEqual(closing) {
      outcome = hasCall || isListClosed ? .closed : .failed
    } else if mark.elementsEqual(opening), !hasCall, !isList {
      mark = []
    } else if !closing.starts(with: mark), !opening.starts(with: mark) || hasCall || isList {
      outcome = .failed
    }
  }

  private mutating func takeInObject(_ byte: UInt8) {
    object!.take(byte)
    switch object!.outcome {
    case .open: break
    case .complete: endObject()
    case .failed: outcome = .failed
    }
  }

  // MARK: Calls

  private static let argumentNames = ["arguments", "parameters"]
  /// Members of a call beside its name and its arguments. One with others and without arguments is none: they may be meant
  /// to be the arguments.
  private static let otherNames = ["id", "type", "index"]

  /// Hands out what there is of an object of arguments, once the function's name is known.
  private mutating func handOutArguments(isComplete: Bool = false) {
    guard let object, let place = object.members.first(where: { CallScanner.argumentNames.contains($0.name) }),
      let start = place.start, start < object.output.count, object.output[start] == UInt8(ascii: "{"),
      let name = CallScanner.name(in: object)
    else { return }
    let end = place.end ?? object.output.count
    let from = handedOut ?? start
    guard end > from || isComplete else { return }
    let text = String(decoding: object.output[from..<end], as: UTF8.self)
    deltas.append(
      ToolCallDelta(index: index, name: handedOut == nil ? name : nil, arguments: text, isComplete: isComplete))
    handedOut = end
  }

  private static func name(in object: JSONCompactor) -> String? {
    guard let member = object.members.first(where: { $0.name == "name" }), let start = member.start, let end = member.end,
      let name = (try? JSON.parse(object.output[start..<end]))?.string, !name.isEmpty
    else { return nil }
    return name
  }

  private mutating func endObject() {
    guard let json = try? JSON.parse(object!.output), let call = CallScanner.call(json) else {
      outcome = .failed
      return
    }
    handOutArguments(isComplete: true)
    if handedOut == nil {
      deltas.append(ToolCallDelta(index: index, name: call.name, arguments: call.arguments.text(), isComplete: true))
    }
    calls.append(call)
    index += 1
    (hasCall, wantsCall) = (true, false)
    (object, handedOut, raw) = (nil, nil, [])
  }

  private static func call(_ json: JSON) -> ToolCall? {
    if let function = json["function"], function.object != nil, json["name"] == nil { return call(function) }
    guard let members = json.object, let name = members["name"]?.string, !name.isEmpty else { return nil }
    if let found = members.keys.first(where: argumentNames.contains) {
      // Some models write the arguments as a string that holds them.
      return ToolCall(name: name, arguments: ToolCall.arguments(members[found] ?? .null))
    }
    guard members.keys.allSatisfy({ $0 == "name" || otherNames.contains($0) }) else { return nil }
    return ToolCall(name: name, arguments: .object([:]))
  }
}
