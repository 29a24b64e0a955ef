import JambaSystem

/// The end of a prompt that stops within its last message, for an answer that goes on with it (prefill).
enum FinalMessage {
  /// A text that no message holds. The space at its end shows whether the template trims messages.
  static func tag(for messages: [ChatMessage]) -> String {
    var number = 0
    while messages.contains(where: { $0.content.contains("continued\(number)here") }) { number += 1 }
    return "continued\(number)here "
  }

  /// The prompt up to the tag at the end of its last message. Where the template trims messages, so is this one.
  ///
  /// - Returns: nil where the template has not printed the tag.
  static func cut(_ prompt: String, at tag: String) -> String? {
    let (bytes, whole) = (Array(prompt.utf8), Array(tag.utf8))
    let name = Array(whole.dropLast())
    guard bytes.count >= name.count,
      let start = (0...bytes.count - name.count).last(where: { bytes[$0..<$0 + name.count].elementsEqual(name) })
    else { return nil }
    var end = start
    if !bytes[start...].starts(with: whole) {
      while end > 0, AnswerParser.isSpace(bytes[end - 1]) { end -= 1 }
    }
    return String(decoding: bytes[..<end], as: UTF8.self)
  }

  /// Whether a message's text ends within a thought.
  static func isWithinThought(_ text: String) -> Bool {
    let (text, opening, closing) = (text.utf8, ChatFormat.thinkOpening.utf8, ChatFormat.thinkClosing.utf8)
    var isWithin = false
    var rest = text[...]
    while !rest.isEmpty {
      if rest.starts(with: opening) { isWithin = true } else if rest.starts(with: closing) { isWithin = false }
      rest = rest.dropFirst()
    }
    return isWithin
  }
}
