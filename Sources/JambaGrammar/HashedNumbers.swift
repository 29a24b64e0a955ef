/// Numbers from 0 on, found by the hashes of what they stand for, which is kept elsewhere. Keys of a few words cost less
/// here than in a dictionary; what a number is does not depend on the hashes.
struct HashedNumbers {
  /// Numbers at the first free place behind their hash; −1 for none. Its size is a power of two.
  private var places = [Int32](repeating: -1, count: 64)
  private var hashes: [UInt32] = []

  var count: Int { hashes.count }

  /// The number whose hash this is and that is a match.
  @inline(__always)
  func find(_ hash: UInt32, _ isMatch: (Int) -> Bool) -> Int? {
    var place = Int(hash) & (places.count - 1)
    while places[place] >= 0 {
      let number = Int(places[place])
      if hashes[number] == hash, isMatch(number) { return number }
      place = (place + 1) & (places.count - 1)
    }
    return nil
  }

  /// Gives the next number to what has this hash.
  mutating func append(_ hash: UInt32) {
    hashes.append(hash)
    if 2 * hashes.count > places.count {
      places = Array(repeating: -1, count: 2 * places.count)
      for number in hashes.indices { put(number) }
    } else {
      put(hashes.count - 1)
    }
  }

  private mutating func put(_ number: Int) {
    var place = Int(hashes[number]) & (places.count - 1)
    while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
    places[place] = Int32(number)
  }

  /// Differs from process to process, so that nobody can write a grammar whose hashes are all alike.
  private static let seed = UInt64.random(in: .min ... .max)

  /// The hash of a list of words; a later word's place matters.
  struct Hash {
    private var state = HashedNumbers.seed

    @inline(__always)
    mutating func add(_ word: UInt64) {
      state = (state ^ word) &* 0xBF58_476D_1CE4_E5B9
      state ^= state >> 29
    }

    var value: UInt32 { UInt32(truncatingIfNeeded: state ^ state >> 32) }
  }
}
