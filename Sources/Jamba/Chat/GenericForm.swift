import JambaSystem

/// Finds out which of its two forms an answer has in a chat whose template knows no tools, and hands out the text of
/// `{"response": "…"}` as it is written. Those of calls, `{"tool_calls": [{"name": …, "arguments": {…}}, …]}`, are a
/// `CallScanner`'s.
struct GenericForm {
  enum Outcome {
    case open
    /// The list of calls is next.
    case calls
    /// The response has ended.
    case response
    /// Neither; `raw` is all of it.
    case failed
  }

  private(set) var outcome = Outcome.open
  /// What has come, as far as none of it has been handed out.
  private(set) var raw: [UInt8] = []
  private let hasResponse: Bool
  private var object = JSONCompactor()
  /// How much of the response has been handed out; nil before it has begun.
  private var handedOut: Int?

  init(hasResponse: Bool) { self.hasResponse = hasResponse }

  private static let calls = Array(#"{"tool_calls":"#.utf8)
  private static let response = Array(#"{"response":""#.utf8)

  /// Takes bytes; returns how many, which is all of them while the form is open.
  mutating func push(_ bytes: ArraySlice<UInt8>, _ text: inout String) -> Int {
    for (count, byte) in bytes.enumerated() {
      if handedOut == nil { raw.append(byte) }
      object.take(byte)
      if handedOut == nil { decide() }
      if object.outcome != .open, outcome == .open { outcome = handedOut == nil ? .failed : .response }
      if outcome != .open {
        handOut(&text)
        return count + 1
      }
    }
    handOut(&text)
    return bytes.count
  }

  private mutating func decide() {
    let output = object.output
    if output.elementsEqual(GenericForm.calls) {
      outcome = .calls
    } else if hasResponse, output.elementsEqual(GenericForm.response) {
      handedOut = output.count
      raw = []
    } else if !GenericForm.calls.starts(with: output), !hasResponse || !GenericForm.response.starts(with: output) {
      outcome = .failed
    }
  }

  /// Hands out more of the response: the compactor writes whole characters and escapes.
  private mutating func handOut(_ text: inout String) {
    guard let from = handedOut else { return }
    let end = object.members.first?.end.map { $0 - 1 } ?? object.output.count
    guard end > from else { return }
    let quote = [UInt8(ascii: "\"")]
    text += (try? JSON.parse(quote + object.output[from..<end] + quote))?.string ?? ""
    handedOut = end
  }
}
