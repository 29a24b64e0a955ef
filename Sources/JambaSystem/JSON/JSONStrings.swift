/// Tells a JSON text's structure from what its strings say, byte by byte, without parsing it.
package struct JSONStrings: Sendable {
  /// Whether the last byte was within a string.
  package private(set) var isInString = false
  private var isEscaped = false

  package init() {}

  /// Takes the next byte; returns whether it stands outside of strings, quotes aside.
  package mutating func isOutside(_ byte: UInt8) -> Bool {
    let quote = UInt8(ascii: "\"")
    guard isInString else {
      isInString = byte == quote
      return !isInString
    }
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      isEscaped = true
    } else if byte == quote {
      isInString = false
    }
    return false
  }
}
