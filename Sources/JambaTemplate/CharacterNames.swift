/// Characters by their names in Unicode, which are gathered when the first one is asked for: that takes some tenths of a
/// second.
struct CharacterNames {
  private var scalars: [String: Unicode.Scalar]?

  mutating func scalar(named name: String) -> Unicode.Scalar? {
    if scalars == nil { scalars = CharacterNames.all() }
    return scalars![PythonText.upper(name)]
  }

  private static func all() -> [String: Unicode.Scalar] {
    var all: [String: Unicode.Scalar] = [
      "NULL": "\0", "BACKSPACE": "\u{08}", "CHARACTER TABULATION": "\t", "LINE FEED": "\n", "FORM FEED": "\u{0C}",
      "CARRIAGE RETURN": "\r", "ESCAPE": "\u{1B}", "DELETE": "\u{7F}", "NEXT LINE": "\u{85}",
    ]
    // The planes that have characters with names.
    for value in [0...0x323AF, 0xE0000...0xE01EF] as [ClosedRange<UInt32>] {
      for value in value {
        guard let scalar = Unicode.Scalar(value) else { continue }
        if let name = scalar.properties.name { all[name] = scalar }
        if let alias = scalar.properties.nameAlias { all[alias] = scalar }
      }
    }
    return all
  }
}
