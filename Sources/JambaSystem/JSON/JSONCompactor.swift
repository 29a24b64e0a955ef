/// Checks JSON text that comes in pieces and writes it again as `JSON.text(.compact)` would, byte by byte: what has been
/// written stays, so that it can be handed on before the value is complete. Control characters in strings, which models
/// write as they are, become escapes.
package struct JSONCompactor: Sendable {
  package enum Outcome: Sendable {
    case open, complete, failed
  }

  /// A member of the outermost object.
  package struct Member: Sendable {
    package let name: String
    /// Where its value begins in `output`; nil while only its name has come.
    package fileprivate(set) var start: Int?
    /// Where its value ends; nil while it is open.
    package fileprivate(set) var end: Int?
  }

  private enum Expected {
    /// A value; of an array also its end.
    case value, valueOrEnd
    /// A member's name; of an object also its end.
    case name, nameOrEnd
    case colon
    /// A comma, or the end of the array or the object.
    case separator
  }

  package private(set) var outcome = Outcome.open
  /// The text so far: nothing in it is taken back, and no escape or number is only half there.
  package private(set) var output: [UInt8] = []
  package private(set) var members: [Member] = []

  private var expected = Expected.value
  /// Opening brackets that wait for their ends.
  private var open: [UInt8] = []
  /// A number, `true`, `false` or `null`, as far as it has come.
  private var word: [UInt8] = []
  private var isInString = false
  private var isName = false
  private var stringStart = 0
  /// An escape, from its backslash on.
  private var escape: [UInt8] = []
  private static let escapeLimit = 12

  package init() {}

  /// How many arrays and objects are open.
  package var depth: Int { open.count }

  package mutating func take(_ byte: UInt8) {
    guard outcome == .open else { return }
    if isInString { return takeInString(byte) }
    if JSONCompactor.isWordByte(byte) {
      guard !word.isEmpty || expected == .value || expected == .valueOrEnd else { return fail() }
      if word.isEmpty { beginValue() }
      word.append(byte)
      return
    }
    guard endWord() else { return fail() }
    switch byte {
    case 0x20, 0x0A, 0x0D, 0x09: break
    case UInt8(ascii: "\""): beginString()
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard expected == .value || expected == .valueOrEnd, open.count < JSON.maximumDepth - 1 else { return fail() }
      beginValue()
      open.append(byte)
      output.append(byte)
      expected = byte == UInt8(ascii: "{") ? .nameOrEnd : .valueOrEnd
    case UInt8(ascii: "}"): close(UInt8(ascii: "{"), byte, empty: .nameOrEnd)
    case UInt8(ascii: "]"): close(UInt8(ascii: "["), byte, empty: .valueOrEnd)
    case UInt8(ascii: ":") where expected == .colon:
      output.append(byte)
      expected = .value
    case UInt8(ascii: ",") where expected == .separator:
      output.append(byte)
      expected = open.last == UInt8(ascii: "{") ? .name : .value
    default: fail()
    }
  }

  private mutating func fail() { outcome = .failed }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  // MARK: Values

  private mutating func beginValue() {
    if open.count == 1, open[0] == UInt8(ascii: "{"), !members.isEmpty { members[members.count - 1].start = output.count }
  }

  private mutating func endValue() {
    if open.isEmpty {
      outcome = .complete
    } else {
      expected = .separator
      if open.count == 1, open[0] == UInt8(ascii: "{"), !members.isEmpty { members[members.count - 1].end = output.count }
    }
  }

  private mutating func endWord() -> Bool {
    guard !word.isEmpty else { return true }
    guard let value = try? JSON.parse(word) else { return false }
    output += value.text().utf8
    word = []
    endValue()
    return outcome == .open
  }

  private mutating func close(_ opening: UInt8, _ byte: UInt8, empty: Expected) {
    guard open.last == opening, expected == .separator || expected == empty else { return fail() }
    open.removeLast()
    output.append(byte)
    endValue()
  }

  // MARK: Strings

  private mutating func beginString() {
    switch expected {
    case .value, .valueOrEnd:
      beginValue()
      isName = false
    case .name, .nameOrEnd: isName = true
    case .colon, .separator: return fail()
    }
    isInString = true
    stringStart = output.count
    output.append(UInt8(ascii: "\""))
  }

  private mutating func takeInString(_ byte: UInt8) {
    if !escape.isEmpty {
      escape.append(byte)
      return endEscape()
    }
    switch byte {
    case UInt8(ascii: "\""): endString()
    case UInt8(ascii: "\\"): escape = [byte]
    case 0..<0x20: write(Unicode.Scalar(byte))
    default: output.append(byte)
    }
  }

  private mutating func endString() {
    output.append(UInt8(ascii: "\""))
    isInString = false
    guard isName else { return endValue() }
    expected = .colon
    guard open.count == 1 else { return }
    guard let name = try? JSON.parse(output[stringStart...]).string,
      !members.contains(where: { ExactString($0.name) == ExactString(name) })
    else { return fail() }
    members.append(Member(name: name))
  }

  /// Writes an escape once it is complete; half of a pair of surrogates waits for the other.
  private mutating func endEscape() {
    if escape.count == 2, escape[1] != UInt8(ascii: "u") { return writeEscape() }
    if escape.count == 7, escape[6] != UInt8(ascii: "\\") { return fail() }
    if escape.count == 8, escape[7] != UInt8(ascii: "u") { return fail() }
    guard escape.count == 6 || escape.count == JSONCompactor.escapeLimit else { return }
    if escape.count == 6, escape[2] | 0x20 == UInt8(ascii: "d"), "89abAB".utf8.contains(escape[3]) { return }
    writeEscape()
  }

  private mutating func writeEscape() {
    let quote = [UInt8(ascii: "\"")]
    guard let text = try? JSON.parse(quote + escape + quote).string else { return fail() }
    escape = []
    for scalar in text.unicodeScalars { write(scalar) }
  }

  private mutating func write(_ scalar: Unicode.Scalar) {
    output += JSON.string(String(scalar)).text().utf8.dropFirst().dropLast()
  }
}
