import JambaSystem

/// Watches arrays whose items must all differ, beside the grammar: what has been seen is no matter of states.
///
/// It follows the text from the bracket that opens such an array, and says when an item would come again. Items are compared
/// as JSON values: 1 and 1.0 are one, and so are objects whose members stand in another order.
struct UniqueItems {
  private struct Level {
    /// Brackets that are open within the outermost array, this one included.
    let depth: Int
    /// Where the item begins in `text`.
    var start: Int
    var seen: Set<ExactString> = []
    /// Whether the item has come to its end.
    var isWhole = false
  }

  /// An item that was written last, and what it is as a text that equal values share: tokens that end the same item ask for
  /// the same.
  struct Last {
    fileprivate var item: [UInt8] = []
    fileprivate var canonical: ExactString?
  }

  private var levels: [Level] = []
  private var depth = 0
  private(set) var isInString = false
  private var isEscaped = false
  /// From the outermost array's item on.
  private var text: [UInt8] = []

  /// Whether it is within such an array.
  var isActive: Bool { !levels.isEmpty }

  /// Whether nothing can come again before the item ends: none has been seen, and what stands here is no object's inside,
  /// which might name a member twice.
  var isFirst: Bool { isItem && levels.allSatisfy(\.seen.isEmpty) }

  /// Within a string that is an item of its own, written without escapes so far: what would make each of the strings seen
  /// of it, with the quotation mark. nil anywhere else.
  var repeatingEnds: [ArraySlice<UInt8>]? {
    guard isInString, isItem, let level = levels.last else { return nil }
    let item = text[level.start...].drop { $0 <= 0x20 }
    guard item.first == UInt8(ascii: "\""), !item.contains(UInt8(ascii: "\\")) else { return nil }
    return level.seen.compactMap { seen in
      let seen = Array(seen.text.utf8)
      return seen.starts(with: item) ? seen[item.count...] : nil
    }
  }

  /// False where a text leads, within a string that is an item of its own, to none of the strings seen, whatever follows.
  func mayRepeat(by text: ArraySlice<UInt8>) -> Bool {
    guard isItem, let level = levels.last else { return true }
    let begun = self.text[level.start...].drop { $0 <= 0x20 }
    let item = begun + (begun.isEmpty ? text.drop { $0 <= 0x20 } : text)
    guard item.first == UInt8(ascii: "\""), !item.contains(UInt8(ascii: "\\")), !item.dropFirst().contains(UInt8(ascii: "\""))
    else { return true }
    return level.seen.contains { $0.text.utf8.starts(with: item) }
  }

  /// Goes on by a byte that the grammar allows. False where an item would come again.
  ///
  /// - Parameters:
  ///   - opens: whether the byte opens such an array.
  ///   - last: the item that was looked at last, of this or another text.
  mutating func take(_ byte: UInt8, opens: Bool, _ last: inout Last) -> Bool {
    guard isActive || opens else { return true }
    if isInString {
      text.append(byte)
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
        return isItem ? finishItem(&last) : true
      }
      return true
    }
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      text.append(byte)
      depth += 1
      if opens { levels.append(Level(depth: depth, start: text.count)) }
    case UInt8(ascii: "]"), UInt8(ascii: "}"):
      if isItem {
        guard levels[levels.count - 1].isWhole || isBlank || finishItem(&last) else { return false }
        levels.removeLast()
      }
      text.append(byte)
      depth -= 1
      guard isActive else {
        self = UniqueItems()
        return true
      }
      return isItem ? finishItem(&last) : true
    case UInt8(ascii: ","):
      guard isItem else {
        text.append(byte)
        return true
      }
      guard levels[levels.count - 1].isWhole || finishItem(&last), let item = canonical(&last) else { return false }
      if levels.count == 1 { text.removeAll(keepingCapacity: true) } else { text.append(byte) }
      levels[levels.count - 1].seen.insert(item)
      levels[levels.count - 1].start = text.count
      levels[levels.count - 1].isWhole = false
    case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
      if isItem, !levels[levels.count - 1].isWhole, !isBlank, !finishItem(&last) { return false }
      text.append(byte)
    case UInt8(ascii: "\""):
      text.append(byte)
      isInString = true
    default:
      let begins = isItem && isBlank
      text.append(byte)
      // A word is known by its first letter.
      if begins, let word = ["t": "true", "f": "false", "n": "null"][Unicode.Scalar(byte)] {
        return !levels[levels.count - 1].seen.contains(ExactString(word))
      }
    }
    return true
  }

  /// Whether the innermost array's items stand here, rather than something within one of them.
  var isItem: Bool { levels.last?.depth == depth }

  private var isBlank: Bool { text[levels.last!.start...].allSatisfy { $0 <= 0x20 } }

  private mutating func finishItem(_ last: inout Last) -> Bool {
    if levels[levels.count - 1].seen.isEmpty, text.last == UInt8(ascii: "\""), text[levels.last!.start] == UInt8(ascii: "\"") {
      // A string that is the first item.
      levels[levels.count - 1].isWhole = true
      return true
    }
    guard let item = canonical(&last), !levels[levels.count - 1].seen.contains(item) else { return false }
    levels[levels.count - 1].isWhole = true
    return true
  }

  /// The item as a text that equal values share; nil for what is no value, such as an object that names a member twice.
  private func canonical(_ last: inout Last) -> ExactString? {
    let item = text[levels.last!.start...]
    if last.item.elementsEqual(item) { return last.canonical }
    last.item = Array(item)
    last.canonical = nil
    guard let value = try? JSON.parse(item) else { return nil }
    var text = ""
    UniqueItems.write(value, to: &text)
    last.canonical = ExactString(text)
    return last.canonical
  }

  private static func write(_ value: JSON, to text: inout String) {
    switch value {
    case .integer, .number, .numeral:
      guard let decimal = Decimal(value.text()) else { return text += value.text() }
      text += decimal.isNegative ? "-" : ""
      for digit in decimal.digits { text += String(digit) }
      text += "e\(decimal.exponent)"
    case .array(let elements):
      text += "["
      for element in elements {
        write(element, to: &text)
        text += ","
      }
      text += "]"
    case .object(let object):
      text += "{"
      for key in object.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        text += JSON.string(key).text() + ":"
        write(object[key]!, to: &text)
        text += ","
      }
      text += "}"
    default: text += value.text()
    }
  }
}
