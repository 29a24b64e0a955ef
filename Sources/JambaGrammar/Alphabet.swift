/// Kinds of characters that texts in JSON are made of: a set of them stands for all texts that have no others.
///
/// Tokens whose texts have the same kinds are allowed or not together wherever a grammar lets every text of these kinds
/// pass, as a string's inside does.
struct Alphabet: OptionSet, Hashable, Sendable {
  let rawValue: UInt16

  static let digits = Alphabet(rawValue: 1 << 0)
  static let hexLower = Alphabet(rawValue: 1 << 1)
  static let lower = Alphabet(rawValue: 1 << 2)
  static let hexUpper = Alphabet(rawValue: 1 << 3)
  static let upper = Alphabet(rawValue: 1 << 4)
  /// Everything beyond ASCII but `rare`.
  static let wide = Alphabet(rawValue: 1 << 13)
  /// What means something within a string, and bytes that are no whole character.
  static let marks = Alphabet(rawValue: 1 << 15)
  /// What patterns leave out that hold all other characters beyond ASCII: controls, white space, what ends a line, and what
  /// is no character.
  static let rare = ScalarSet([
    0x80...0xA0, 0xAD...0xAD, 0x1680...0x1680, 0x180E...0x180E, 0x2000...0x200F, 0x2028...0x202F, 0x205F...0x206F,
    0x3000...0x3000, 0xFEFF...0xFEFF, 0xFFF0...0xFFFF, 0x10FFFE...0x10FFFF,
  ])
  /// Kinds of which there are so many tokens that they are worth being taken together.
  static let common: Alphabet = [.lower, .upper]

  static let lettersAndDigits: Alphabet = [.digits, .hexLower, .lower, .hexUpper, .upper]

  /// All but `.marks`.
  static let all = kinds.reduce(into: Alphabet.wide) { $0.formUnion($1.alphabet) }

  /// The kinds of ASCII characters. Space and what patterns often name stand for themselves.
  static let kinds: [(alphabet: Alphabet, characters: CharacterBits)] = {
    var kinds: [(Alphabet, CharacterBits)] = [
      (.digits, CharacterBits("0"..."9")), (.hexLower, CharacterBits("a"..."f")), (.lower, CharacterBits("g"..."z")),
      (.hexUpper, CharacterBits("A"..."F")), (.upper, CharacterBits("G"..."Z")),
    ]
    let singles: [Unicode.Scalar] = [" ", "_", "-", ".", "/", ":"]
    for (index, single) in singles.enumerated() {
      kinds.append((Alphabet(rawValue: 1 << UInt16(5 + index)), CharacterBits(single...single)))
    }
    var rest = CharacterBits(" "..."~")
    for (_, characters) in kinds { rest.subtract(characters) }
    rest.subtract(CharacterBits("\""..."\""))
    rest.subtract(CharacterBits("\\"..."\\"))
    return kinds + [(Alphabet(rawValue: 1 << 11), rest)]
  }()

  /// By ASCII character: its kind.
  private static let kindOf: [Alphabet] = (0..<128).map { byte in
    kinds.first { $0.characters.contains(UInt8(byte)) }?.alphabet ?? .marks
  }

  /// The kinds of a text's characters, and how many there are.
  static func kinds(of text: ArraySlice<UInt8>) -> (kinds: Alphabet, characters: Int) {
    guard let string = String(validating: text, as: UTF8.self) else { return (.marks, text.count) }
    var (kinds, characters): (Alphabet, Int) = ([], 0)
    for scalar in string.unicodeScalars {
      let value = scalar.value
      kinds.formUnion(value < 0x80 ? kindOf[Int(value)] : rare.contains(value) ? .marks : .wide)
      characters += 1
    }
    return (kinds, characters)
  }

  /// The kinds of which a set has every character.
  init(within characters: CharacterBits) {
    var alphabet: Alphabet = characters.isWide ? .wide : []
    for kind in Alphabet.kinds where characters.isSuperset(of: kind.characters) { alphabet.formUnion(kind.alphabet) }
    self = alphabet
  }

  init(rawValue: UInt16) { self.rawValue = rawValue }

  var characters: CharacterBits {
    var characters = CharacterBits()
    characters.isWide = contains(.wide)
    for kind in Alphabet.kinds where contains(kind.alphabet) { characters.formUnion(kind.characters) }
    return characters
  }
}

/// A set of ASCII characters, with or without all others that are not rare.
struct CharacterBits: Equatable, Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  var isWide = false

  init() {}

  init(_ range: ClosedRange<Unicode.Scalar>) {
    insert(UInt8(range.lowerBound.value)...UInt8(range.upperBound.value))
  }

  /// - Parameter range: of ASCII.
  mutating func insert(_ range: ClosedRange<UInt8>) {
    for byte in range {
      if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
    }
  }

  func contains(_ byte: UInt8) -> Bool { (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1 }

  var isEmpty: Bool { low | high == 0 && !isWide }

  mutating func formUnion(_ other: CharacterBits) {
    low |= other.low
    high |= other.high
    isWide = isWide || other.isWide
  }

  mutating func subtract(_ other: CharacterBits) {
    low &= ~other.low
    high &= ~other.high
    isWide = isWide && !other.isWide
  }

  func isSuperset(of other: CharacterBits) -> Bool {
    other.low & ~low == 0 && other.high & ~high == 0 && (isWide || !other.isWide)
  }

  func isDisjoint(with other: CharacterBits) -> Bool {
    low & other.low == 0 && high & other.high == 0 && !(isWide && other.isWide)
  }
}
