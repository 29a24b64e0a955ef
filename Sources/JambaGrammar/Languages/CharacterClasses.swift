/// A class of characters that readers of patterns take in more than one way: `\w` is ASCII's for ECMA-262, and Unicode's for
/// others.
struct CharacterClass: Sendable {
  private let sets: @Sendable (Reading) -> ScalarSet

  /// What every reader takes for a member, or what any reader does: found when it is asked for, as the latter may take the
  /// whole of Unicode.
  subscript(reading: Reading) -> ScalarSet { sets(reading) }

  init(inner: ScalarSet, outer: @autoclosure @escaping @Sendable () -> ScalarSet) {
    sets = { $0 == .inner ? inner : outer() }
  }

  init(_ set: ScalarSet) { sets = { _ in set } }

  /// What is a member of any.
  init(_ parts: [CharacterClass]) { sets = { reading in ScalarSet(parts.flatMap { $0[reading].ranges }) } }

  private init(_ sets: @escaping @Sendable (Reading) -> ScalarSet) { self.sets = sets }

  var inverted: CharacterClass {
    let sets = sets
    return CharacterClass { sets($0.opposite).inverted }
  }

  /// With small letters for large ones, and the other way round: ASCII's for every reader, Unicode's for some.
  var caseless: CharacterClass {
    let sets = sets
    return CharacterClass { reading in
      let set = sets(reading)
      guard reading == .outer else { return set.caseless }
      let others = CharacterClass.cases.filter { $0.contains { set.contains($0) } }
      return set.union(ScalarSet(others.joined().map { $0...$0 }))
    }
  }

  /// Letters that some reader takes for one another: found once.
  private static let cases: [[UInt32]] = {
    func single(_ text: String) -> Unicode.Scalar? { text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil }
    var groups: [UInt32: [UInt32]] = [:]
    for run in runs
    where [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .letterNumber, .otherSymbol, .nonspacingMark].contains(
      run.category)
    {
      for value in run.range {
        let scalar = Unicode.Scalar(value)!
        let large = single(scalar.properties.uppercaseMapping) ?? scalar
        let small = single(large.properties.lowercaseMapping) ?? large
        groups[small.value, default: []].append(value)
      }
    }
    // Some readers have the letters i of Turkish among them.
    return groups.values.filter { $0.count > 1 } + [[0x49, 0x69, 0x130, 0x131]]
  }()

  // MARK: Those with names

  static let digit = CharacterClass(inner: ScalarSet(["0"..."9"]), outer: decimalNumbers)

  private static let decimalNumbers = category { $0 == .decimalNumber }

  /// Outside: letters, marks, numbers and joining punctuation.
  static let word = CharacterClass(
    inner: ScalarSet(["0"..."9", "A"..."Z", "a"..."z", "_"..."_"]), outer: wordCharacters)

  private static let wordCharacters = category {
    switch $0 {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation:
      true
    default: false
    }
  }.union(ScalarSet(["\u{200C}"..."\u{200D}"]))

  static let space: CharacterClass = {
    let common = ScalarSet(of: "\t\n\u{0B}\u{0C}\r \u{A0}\u{1680}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}").union(
      ScalarSet(["\u{2000}"..."\u{200A}"]))
    return CharacterClass(
      inner: common, outer: common.union(ScalarSet(of: "\u{1C}\u{1D}\u{1E}\u{1F}\u{85}\u{180E}\u{200B}\u{FEFF}")))
  }()

  /// What a point stands for: no line break.
  static let point = CharacterClass(
    inner: ScalarSet(of: "\n\r\u{85}\u{2028}\u{2029}").inverted, outer: ScalarSet(of: "\n").inverted)

  /// A property of Unicode by its name, as `\p{…}` has it; nil for one that is not known.
  static func property(_ name: String) -> CharacterClass? {
    let name = name.split(separator: "=").last.map(String.init) ?? name
    if let known = ofASCII(name) { return known }
    if name == "L" || name == "Letter" || name == "Alphabetic" {
      let letters = category { categoryNames[$0]!.hasPrefix("L") }
      guard name == "Alphabetic" else { return CharacterClass(letters) }
      return CharacterClass(inner: letters, outer: lettersAndSymbols)
    }
    if let short = longNames[name] ?? (name.count <= 2 ? name : nil) {
      let isKnown = categoryNames.values.contains { $0.hasPrefix(short) }
      return isKnown ? CharacterClass(category { categoryNames[$0]!.hasPrefix(short) }) : nil
    }
    return nil
  }

  private static let lettersAndSymbols = wordCharacters.union(category { $0 == .otherSymbol })

  /// Properties whose members are ASCII's for some readers, and Unicode's for others.
  private static func ofASCII(_ name: String) -> CharacterClass? {
    switch name {
    case "ASCII": CharacterClass(ScalarSet([0...0x7F]))
    case "Any": CharacterClass(.all)
    case "Lower": CharacterClass(inner: ScalarSet(["a"..."z"]), outer: lettersAndSymbols)
    case "Upper": CharacterClass(inner: ScalarSet(["A"..."Z"]), outer: lettersAndSymbols)
    case "Alpha": CharacterClass(inner: ScalarSet(["A"..."Z", "a"..."z"]), outer: lettersAndSymbols)
    case "Digit": digit
    case "Alnum": CharacterClass(inner: ScalarSet(["0"..."9", "A"..."Z", "a"..."z"]), outer: lettersAndSymbols)
    case "Punct":
      CharacterClass(
        inner: ScalarSet(of: "!\"#%&'()*,-./:;?@[\\]_{}"), outer: category { "PS".contains(categoryNames[$0]!.first!) })
    case "Graph": CharacterClass(inner: ScalarSet(["!"..."~"]), outer: ScalarSet([0...0x20, 0x7F...0x7F]).inverted)
    case "Print": CharacterClass(inner: ScalarSet([" "..."~"]), outer: ScalarSet([0...0x1F, 0x7F...0x7F]).inverted)
    case "Blank": CharacterClass(inner: ScalarSet(of: " \t"), outer: space[.outer])
    case "Cntrl":
      CharacterClass(inner: ScalarSet([0...0x1F, 0x7F...0x7F]), outer: category { categoryNames[$0]!.hasPrefix("C") })
    case "XDigit":
      CharacterClass(inner: ScalarSet(["0"..."9", "A"..."F", "a"..."f"]), outer: lettersAndSymbols)
    case "Space": CharacterClass(inner: ScalarSet(of: " \t\n\u{0B}\u{0C}\r"), outer: space[.outer])
    default: nil
    }
  }

  private static let longNames = [
    "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me",
    "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No",
    "Punctuation": "P", "punct": "P",
    "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe",
    "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S",
    "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs",
    "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf",
    "Surrogate": "Cs", "Private_Use": "Co", "Unassigned": "Cn",
  ]

  private static let categoryNames: [Unicode.GeneralCategory: String] = [
    .uppercaseLetter: "Lu", .lowercaseLetter: "Ll", .titlecaseLetter: "Lt", .modifierLetter: "Lm", .otherLetter: "Lo",
    .nonspacingMark: "Mn", .spacingMark: "Mc", .enclosingMark: "Me", .decimalNumber: "Nd", .letterNumber: "Nl",
    .otherNumber: "No", .connectorPunctuation: "Pc", .dashPunctuation: "Pd", .openPunctuation: "Ps",
    .closePunctuation: "Pe", .initialPunctuation: "Pi", .finalPunctuation: "Pf", .otherPunctuation: "Po",
    .mathSymbol: "Sm", .currencySymbol: "Sc", .modifierSymbol: "Sk", .otherSymbol: "So", .spaceSeparator: "Zs",
    .lineSeparator: "Zl", .paragraphSeparator: "Zp", .control: "Cc", .format: "Cf", .surrogate: "Cs",
    .privateUse: "Co", .unassigned: "Cn",
  ]

  /// Runs of scalars of one category, in order: found once.
  private static let runs: [(range: ClosedRange<UInt32>, category: Unicode.GeneralCategory)] = {
    var runs: [(range: ClosedRange<UInt32>, category: Unicode.GeneralCategory)] = []
    func add(_ range: ClosedRange<UInt32>, _ category: Unicode.GeneralCategory) {
      if let last = runs.last, last.category == category, last.range.upperBound + 1 == range.lowerBound {
        runs[runs.count - 1].range = last.range.lowerBound...range.upperBound
      } else {
        runs.append((range, category))
      }
    }
    // Between its fourth and its last planes Unicode has nothing, and behind them only private use.
    for value in Array(UInt32(0)...0x3FFFF) + Array(0xE0000...0xE0FFF) {
      if value == 0xE0000 { add(0x40000...0xDFFFF, .unassigned) }
      guard let scalar = Unicode.Scalar(value) else { continue }
      add(value...value, scalar.properties.generalCategory)
    }
    add(0xE1000...0xEFFFF, .unassigned)
    add(0xF0000...0x10FFFF, .privateUse)
    return runs
  }()

  private static func category(_ isMember: (Unicode.GeneralCategory) -> Bool) -> ScalarSet {
    ScalarSet(runs.filter { isMember($0.category) }.map(\.range))
  }
}
