import JambaSystem

/// A text of a template and of users, in which a mark parts every name of a control token that a user has written.
///
/// A template may cut, join, quote and change what it is given, so the mark goes into the values before they are rendered:
/// behind the first character of whatever begins like a control token. A user's `<|eom|>` thus reaches the tokenizer as
/// `<` mark `|eom|>`, in which no token is found, and neither is one in pieces that only together spell a name.
package struct MarkedText {
  /// The text, marks included.
  package let marked: String
  /// nil where nothing is marked.
  package let mark: Unicode.Scalar?

  package init(marked: String, mark: Unicode.Scalar?) {
    self.marked = marked
    self.mark = mark
  }

  /// The text as it is.
  package var text: String {
    guard let mark else { return marked }
    var text = String.UnicodeScalarView()
    for scalar in marked.unicodeScalars where scalar != mark { text.append(scalar) }
    return String(text)
  }
}

/// Why texts cannot be marked: they hold every character that could be the mark.
package struct UnmarkableText: Error {}

/// Puts marks into texts.
package struct Marker {
  package let mark: Unicode.Scalar
  private let prefixes: [[Unicode.Scalar]]

  /// A marker for values that do not hold its mark; nil if the tokenizer has no control tokens.
  ///
  /// The mark is a variation selector, or else a rare ideograph: characters that templates and Python's `repr` leave as
  /// they are, in whatever case. Throws when the values hold all of them, which takes 170 KiB written for the purpose.
  package init?(_ tokenizer: Tokenizer, avoiding values: [JSON]) throws(UnmarkableText) {
    prefixes = tokenizer.controlPrefixes
    if prefixes.isEmpty { return nil }
    var used: Set<UInt32> = []
    for value in values { Marker.collect(value, &used) }
    let candidates = [UInt32](0xE0100...0xE01EF).reversed() + [UInt32](0x20000...0x2A6DF).reversed()
    guard let free = candidates.first(where: { !used.contains($0) }) else {
      throw UnmarkableText()
    }
    mark = Unicode.Scalar(free)!
  }

  private static func collect(_ value: JSON, _ used: inout Set<UInt32>) {
    switch value {
    case .string(let text):
      for scalar in text.unicodeScalars where scalar.value >= 0x20000 { used.insert(scalar.value) }
    case .array(let elements): for element in elements { collect(element, &used) }
    case .object(let object):
      for (key, value) in object.members {
        collect(.string(key), &used)
        collect(value, &used)
      }
    default: break
    }
  }

  /// The text with its marks.
  ///
  /// - Parameter names: control tokens that may be in the text, such as `</think>` in what a model has said.
  package func marked(_ text: String, except names: [String] = []) -> String {
    let scalars = Array(text.unicodeScalars)
    let exceptions = names.map { Array($0.unicodeScalars) }
    var result = String.UnicodeScalarView()
    var position = 0
    while position < scalars.count {
      result.append(scalars[position])
      let rest = scalars[position...]
      if let name = exceptions.first(where: { rest.starts(with: $0) }) {
        result.append(contentsOf: name.dropFirst())
        position += name.count
        continue
      }
      if prefixes.contains(where: { mayBegin($0, rest) }) { result.append(mark) }
      position += 1
    }
    return String(result)
  }

  /// Whether a name may begin here: it does, or the text ends before that is decided, and another may be joined to it.
  private func mayBegin(_ prefix: [Unicode.Scalar], _ text: ArraySlice<Unicode.Scalar>) -> Bool {
    var count = 0
    while count < prefix.count, count < text.count, text[text.startIndex + count] == prefix[count] { count += 1 }
    if count == 0 || count == prefix.count { return count > 0 }
    return count == text.count || text[text.startIndex + count].properties.isWhitespace
  }

  /// A value with marks in all its texts.
  package func marked(_ value: JSON, except names: [String] = []) -> JSON {
    switch value {
    case .string(let text): return .string(marked(text, except: names))
    case .array(let elements): return .array(elements.map { marked($0, except: names) })
    case .object(let object):
      var result = JSONObject()
      for (key, value) in object.members { result[marked(key, except: names)] = marked(value, except: names) }
      return .object(result)
    default: return value
    }
  }
}

extension Tokenizer {
  /// The beginnings of control tokens: two characters, or as many more as it takes to tell them from added tokens that are
  /// ordinary text, which must still be found.
  var controlPrefixes: [[Unicode.Scalar]] {
    var prefixes: Set<[Unicode.Scalar]> = []
    let ordinary = addedTokens.tokens.values.filter { !$0.isSpecial }.map { Array($0.content.unicodeScalars) }
    for token in addedTokens.tokens.values where controlIDs.contains(token.id) {
      let name = Array(token.content.unicodeScalars)
      var count = min(2, name.count)
      while count < name.count, ordinary.contains(where: { $0.starts(with: name.prefix(count)) }) { count += 1 }
      prefixes.insert(Array(name.prefix(count)))
    }
    return Array(prefixes)
  }
}
