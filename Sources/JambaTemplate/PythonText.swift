/// Strings as Python sees them: sequences of code points.
enum PythonText {
  /// `repr` of a string: single quotes unless that needs more escapes.
  static func quoted(_ text: String) -> String {
    var hasSingle = false
    var hasDouble = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "'") { hasSingle = true }
      if byte == UInt8(ascii: "\"") { hasDouble = true }
    }
    let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case quote, "\\":
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      default:
        if scalar.isPythonPrintable {
          result.append(scalar)
        } else {
          result.append(contentsOf: escape(scalar).unicodeScalars)
        }
      }
    }
    result.append(quote)
    return String(result)
  }

  /// `\x`, `\u` or `\U` and the code.
  static func escape(_ scalar: Unicode.Scalar) -> String {
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    let digits = String(scalar.value, radix: 16)
    return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
  }

  /// A representation in ASCII.
  static func ascii(_ text: String) -> String {
    text.unicodeScalars.map { $0.isASCII ? String($0) : escape($0) }.joined()
  }

  static func equal(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  /// By code points, as UTF-8 sorts.
  static func less(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  static func contains(_ text: String, _ part: String) -> Bool {
    ByteSearch(part.utf8).first(in: Array(text.utf8), from: 0) != nil
  }

  static func string(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  static func split(_ text: String, by separator: String, limit: Int) -> [String] {
    let bytes = Array(text.utf8)
    let search = ByteSearch(separator.utf8)
    var pieces: [String] = []
    var start = 0
    while limit < 0 || pieces.count < limit, let found = search.first(in: bytes, from: start) {
      pieces.append(string(bytes[start..<found]))
      start = found + search.count
    }
    pieces.append(string(bytes[start...]))
    return pieces
  }

  static func splitFromRight(_ text: String, by separator: String, limit: Int) -> [String] {
    let bytes = Array(text.utf8.reversed())
    let search = ByteSearch(separator.utf8.reversed())
    var pieces: [String] = []
    var start = 0
    while limit < 0 || pieces.count < limit, let found = search.first(in: bytes, from: start) {
      pieces.append(string(bytes[start..<found].reversed()))
      start = found + search.count
    }
    pieces.append(string(bytes[start...].reversed()))
    return pieces.reversed()
  }

  /// At runs of white space; the remainder after `limit` splits keeps its inner and trailing space.
  static func splitAtSpace(_ text: String, limit: Int) -> [String] {
    var pieces: [String] = []
    var rest = Array(text.unicodeScalars)[...]
    while true {
      rest = rest.drop { $0.isPythonSpace }
      guard !rest.isEmpty else { return pieces }
      if limit >= 0, pieces.count == limit {
        pieces.append(String(rest))
        return pieces
      }
      let word = rest.prefix { !$0.isPythonSpace }
      pieces.append(String(word))
      rest = rest[word.endIndex...]
    }
  }

  static func splitAtSpaceFromRight(_ text: String, limit: Int) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var pieces: [String] = []
    var end = scalars.count
    while true {
      while end > 0, scalars[end - 1].isPythonSpace { end -= 1 }
      guard end > 0 else { return pieces.reversed() }
      if limit >= 0, pieces.count == limit {
        pieces.append(String(scalars[..<end]))
        return pieces.reversed()
      }
      var start = end
      while start > 0, !scalars[start - 1].isPythonSpace { start -= 1 }
      pieces.append(String(scalars[start..<end]))
      end = start
    }
  }

  static func splitLines(_ text: String, keepEnds: Bool) -> [String] {
    var lines: [String] = []
    let scalars = Array(text.unicodeScalars)
    var start = 0
    while start < scalars.count {
      var end = start
      while end < scalars.count, !scalars[end].isPythonLineBreak { end += 1 }
      var next = end
      if end < scalars.count {
        next = scalars[end] == "\r" && end + 1 < scalars.count && scalars[end + 1] == "\n" ? end + 2 : end + 1
      }
      lines.append(String(scalars[start..<(keepEnds ? next : end)]))
      start = next
    }
    return lines
  }

  /// Removes scalars of a set, or white space, from the ends.
  static func strip(_ text: String, _ characters: String?, left: Bool = true, right: Bool = true) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var view = text.unicodeScalars[...]
    if left { view = view.drop(while: goes) }
    if right { while let last = view.last, goes(last) { view.removeLast() } }
    return String(view)
  }

  static func upper(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars { result += scalar.properties.uppercaseMapping }
    return result
  }

  static func lower(_ text: String) -> String { lower(Array(text.unicodeScalars)[...], in: Array(text.unicodeScalars)) }

  private static func lower(_ part: ArraySlice<Unicode.Scalar>, in all: [Unicode.Scalar]) -> String {
    var result = ""
    for index in part.indices {
      if all[index] == "Σ" {
        result += isFinalSigma(at: index, in: all) ? "ς" : "σ"
      } else {
        result += all[index].properties.lowercaseMapping
      }
    }
    return result
  }

  private static func isFinalSigma(at index: Int, in all: [Unicode.Scalar]) -> Bool {
    let before = all[..<index].last { !$0.properties.isCaseIgnorable }
    let after = all[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    return before?.properties.isCased == true && after?.properties.isCased != true
  }

  /// `str.casefold`, by the mappings of case: they agree with Unicode's case folding but for a few characters.
  static func caseFold(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x131: result.unicodeScalars.append(scalar)
      case 0x1E9E: result += "ss"
      case 0x13A0...0x13FD, 0xAB70...0xABBF: result += scalar.properties.uppercaseMapping
      default:
        for upper in scalar.properties.uppercaseMapping.unicodeScalars { result += upper.properties.lowercaseMapping }
      }
    }
    return result
  }

  static func capitalize(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    guard let first = scalars.first else { return "" }
    return first.properties.titlecaseMapping + lower(scalars[1...], in: scalars)
  }

  /// `str.title`: a capital after everything that has no case.
  static func title(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var afterCased = false
    for index in scalars.indices {
      result += afterCased ? lower(scalars[index...index], in: scalars) : scalars[index].properties.titlecaseMapping
      afterCased = scalars[index].properties.isCased
    }
    return result
  }

  static func swapCase(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    for index in scalars.indices {
      let properties = scalars[index].properties
      if properties.isUppercase {
        result += lower(scalars[index...index], in: scalars)
      } else if properties.isLowercase {
        result += properties.uppercaseMapping
      } else {
        result.unicodeScalars.append(scalars[index])
      }
    }
    return result
  }

  static func escapedForHTML(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\"": result.append(contentsOf: "&#34;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}

extension String {
  /// A text many times: pieces are doubled, where `init(repeating:count:)` appends one by one, 18 ns each.
  func repeated(_ count: Int) -> String {
    var result = ""
    result.reserveCapacity(utf8.count * count)
    var (piece, rest) = (self, count)
    while rest > 0 {
      if rest % 2 == 1 { result += piece }
      rest /= 2
      if rest > 0 { piece += piece }
    }
    return result
  }

  init(_ scalars: some Swift.Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }
}

extension Unicode.Scalar {
  var isASCIIDigit: Bool { "0"..."9" ~= self }

  /// The value of a digit or a letter, up to 35.
  var asciiDigitValue: Int? {
    switch self {
    case "0"..."9": Int(value) - 48
    case "a"..."z": Int(value) - 87
    case "A"..."Z": Int(value) - 55
    default: nil
    }
  }

  /// The value of a decimal digit of any script.
  var decimalValue: Int? {
    properties.numericType == .decimal ? properties.numericValue.flatMap { Int(exactly: $0) } : nil
  }

  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85: true
    case 0..<0x80: false
    default: properties.generalCategory == .spaceSeparator || value == 0x2028 || value == 0x2029
    }
  }

  var isPythonLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  var isPythonAlphabetic: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  var isPythonDigit: Bool { properties.numericType == .digit || properties.numericType == .decimal }
  var isPythonAlphanumeric: Bool {
    if value < 0x80 { return asciiDigitValue != nil }
    return isPythonAlphabetic || properties.numericType != nil
  }

  var isPythonPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}
