/// Text of HTML.
enum HTMLText {
  private static let named = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "copy": "©", "reg": "®",
    "trade": "™", "hellip": "…", "mdash": "—", "ndash": "–", "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”",
    "laquo": "«", "raquo": "»", "bull": "•", "middot": "·", "deg": "°", "plusmn": "±", "times": "×", "divide": "÷",
    "euro": "€", "pound": "£", "yen": "¥", "cent": "¢", "sect": "§", "para": "¶", "larr": "←", "rarr": "→", "uarr": "↑",
    "darr": "↓", "szlig": "ß", "auml": "ä", "ouml": "ö", "uuml": "ü", "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "eacute": "é",
    "egrave": "è", "agrave": "à", "ccedil": "ç", "ntilde": "ñ", "aring": "å", "oslash": "ø", "aelig": "æ",
  ]
  /// Those that the standard reads without a semicolon, too.
  private static let open: Set<String> = ["amp", "lt", "gt", "quot", "nbsp", "copy", "reg"]

  /// Entities as characters: numbers, and the names in common use.
  static func unescaped(_ text: String) -> String {
    let pieces = PythonText.split(text, by: "&", limit: -1)
    var result = pieces[0]
    for piece in pieces.dropFirst() {
      if let (decoded, rest) = entity(piece[...]) { result += decoded + rest } else { result += "&" + piece }
    }
    return result
  }

  private static func entity(_ piece: Substring) -> (String, Substring)? {
    var scalars = piece.unicodeScalars
    if scalars.first == "#" {
      scalars.removeFirst()
      let isHexadecimal = scalars.first == "x" || scalars.first == "X"
      if isHexadecimal { scalars.removeFirst() }
      let digits = scalars.prefix { scalar in
        scalar.asciiDigitValue.map { $0 < (isHexadecimal ? 16 : 10) } ?? false
      }
      guard !digits.isEmpty else { return nil }
      var rest = scalars.dropFirst(digits.count)
      if rest.first == ";" { rest.removeFirst() }
      let code = UInt32(String(digits), radix: isHexadecimal ? 16 : 10) ?? .max
      let character = code == 0 ? "\u{FFFD}" : Unicode.Scalar(code).map { String($0) } ?? "\u{FFFD}"
      return (character, Substring(rest))
    }
    let name = String(scalars.prefix { $0.isASCII && $0.asciiDigitValue != nil })
    let rest = scalars.dropFirst(name.unicodeScalars.count)
    if rest.first == ";", let character = named[name] { return (character, Substring(rest.dropFirst())) }
    guard let prefix = open.filter({ name.hasPrefix($0) }).max(by: { $0.count < $1.count }) else { return nil }
    return (named[prefix]!, piece.dropFirst(prefix.count))
  }
}
