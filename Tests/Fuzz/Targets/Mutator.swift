import JambaSystem

/// Makes inputs out of seeds: the same for the same seed, on every machine.
package struct Mutator {
  private let seeds: [[UInt8]]
  private let dictionary: [[UInt8]]
  private var random: SplitMix64

  /// No input is longer than this, or than the longest seed and a little.
  private static let usualLength = 64 << 10
  /// Headers and directories stand at the ends of files: half of all changes are made there.
  private static let endLength = 2048
  private static let interesting: [UInt64] = [
    0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 1 << 24, 0x7FFF_FFFF, 0x8000_0000,
    0xFFFF_FFFF,
    1 << 32, 1 << 40, 1 << 62, 1 << 63 - 1, 1 << 63, .max,
  ]
  private static let brackets = Array("[{(<\"'\\]})>,:0123456789-e|.*+?".utf8)

  package init(_ target: FuzzTarget, seeds: [[UInt8]], random seed: UInt64) {
    self.seeds = seeds.isEmpty ? [[]] : seeds
    dictionary = target.dictionary.map { Array($0.utf8) }
    // FNV-1a, so that targets do not go through the same numbers.
    let name = target.name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    random = SplitMix64(seed: seed ^ name)
  }

  package mutating func next() -> [UInt8] {
    var bytes = seed()
    let limit = max(Mutator.usualLength, bytes.count + 1024)
    for _ in 0...below(5) { change(&bytes) }
    return bytes.count <= limit ? bytes : Array(bytes[..<limit])
  }

  private mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random.next() % UInt64(bound)) }

  private mutating func seed() -> [UInt8] { seeds[below(seeds.count)] }

  private mutating func position(in bytes: [UInt8]) -> Int {
    switch below(4) {
    case 0: below(min(bytes.count, Mutator.endLength) + 1)
    case 1: bytes.count - below(min(bytes.count, Mutator.endLength) + 1)
    default: below(bytes.count + 1)
    }
  }

  /// A few bytes, or many.
  private mutating func range(in bytes: [UInt8]) -> Range<Int> {
    let start = position(in: bytes)
    let length = below([2, 5, 17, 80, 1000][below(5)]) + 1
    return start..<min(start + length, bytes.count)
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let range = range(in: bytes)
    switch below(13) {
    case 0 where !range.isEmpty: bytes[range.lowerBound] ^= 1 << UInt8(below(8))
    case 1 where !range.isEmpty: bytes[range.lowerBound] = UInt8(truncatingIfNeeded: random.next())
    case 2: bytes.removeSubrange(range)
    case 3: if below(4) == 0 { bytes.removeSubrange(range.lowerBound...) }
    case 4:
      let other = seed()
      let piece = self.range(in: other)
      bytes.insert(contentsOf: other[piece], at: range.lowerBound)
    case 5: bytes.insert(contentsOf: bytes[range], at: position(in: bytes))
    case 6:
      // Nesting: one piece many times, now and then as often as there is room.
      let piece = Array(bytes[range.prefix(24)])
      let room = max(0, Mutator.usualLength - bytes.count) / max(piece.count, 1)
      let count = below(24) == 0 ? room : min(room, below([4, 40, 400][below(3)]))
      bytes.insert(contentsOf: repeatElement(piece, count: count).joined(), at: range.lowerBound)
    case 7: writeNumber(&bytes, at: range.lowerBound)
    case 8: bytes.insert(Mutator.brackets[below(Mutator.brackets.count)], at: range.lowerBound)
    case 9: changeDigits(&bytes, at: range.lowerBound)
    case 10 where !dictionary.isEmpty: bytes.replaceSubrange(range, with: dictionary[below(dictionary.count)])
    case _ where !dictionary.isEmpty:
      bytes.insert(contentsOf: dictionary[below(dictionary.count)], at: range.lowerBound)
    default: writeNumber(&bytes, at: range.lowerBound)
    }
  }

  /// A binary number over what is there.
  private mutating func writeNumber(_ bytes: inout [UInt8], at position: Int) {
    let width = [1, 2, 4, 8][below(4)]
    guard position + width <= bytes.count else { return }
    var value = Mutator.interesting[below(Mutator.interesting.count)]
    if below(3) == 0 { value &+= random.next() % 17 &- 8 }
    for index in 0..<width { bytes[position + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
  }

  /// Another number in place of the digits at or behind a place.
  private mutating func changeDigits(_ bytes: inout [UInt8], at position: Int) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[position...].prefix(200).firstIndex(where: digits.contains) else { return }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    let numbers = [
      "0", "1", "2", "-1", "100", "255", "65536", "1000000", "2147483648", "4294967295", "9223372036854775807",
      "9223372036854775808", "18446744073709551615", "99999999999999999999", "1e308", "1e999", "0.1", "1e-400",
    ]
    bytes.replaceSubrange(start..<end, with: Array(numbers[below(numbers.count)].utf8))
  }
}
