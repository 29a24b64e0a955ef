/// Distinct byte strings, numbered in order of arrival, and found again by content.
///
/// A vocabulary is read at every start, and each of its 65,000 merges names two pieces and makes a third. A dictionary of
/// strings hashes all of those; here the hash of two pieces joined follows from theirs (Rabin's polynomial hash modulo
/// 2⁶¹ − 1), and no string is made. The base is random, so that no file can be made to collide.
struct PieceTable: Sendable {
  private struct Bucket {
    /// The upper half of the scattered hash: most strangers are told apart without looking at their bytes.
    var mark: UInt32
    /// −1 for an empty bucket.
    var index: Int32
  }

  /// All pieces, end to end.
  private var bytes: [UInt8] = []
  /// Where each piece starts, and where the last one ends.
  private var starts = [0]
  private var hashes: [UInt64] = []
  /// Open addressing, linear; a power of two, at most half full.
  private var buckets = [Bucket](repeating: Bucket(mark: 0, index: -1), count: 16)
  private let base = UInt64.random(in: 1 << 32..<modulus)
  /// By length of a piece: the base to that power.
  private var powers: [UInt64] = [1]

  private static let modulus: UInt64 = (1 << 61) - 1

  var count: Int { hashes.count }

  mutating func reserveCapacity(_ count: Int) {
    starts.reserveCapacity(count + 1)
    hashes.reserveCapacity(count)
    bytes.reserveCapacity(8 * count)
    grow(toHold: count)
  }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index + 1]] }

  /// Adds a piece that is not in the table yet, and returns its number.
  @discardableResult
  mutating func append(_ piece: some Collection<UInt8>) -> Int {
    let start = bytes.count
    bytes += piece
    starts.append(bytes.count)
    hashes.append(hash(of: bytes[start...]))
    while powers.count <= bytes.count - start { powers.append(Self.product(powers.last!, base)) }
    grow(toHold: count)
    place(count - 1)
    return count - 1
  }

  func index(of piece: ArraySlice<UInt8>) -> Int? {
    index(hash: hash(of: piece)) { self[$0].elementsEqual(piece) }
  }

  /// The number of the piece that two pieces make, one behind the other.
  func index(joining left: Int, _ right: Int) -> Int? {
    let (head, tail) = (self[left], self[right])
    let hash = Self.sum(Self.product(hashes[left], powers[tail.count]), hashes[right])
    return index(hash: hash) { index in
      let joined = self[index]
      return joined.count == head.count + tail.count && joined.starts(with: head)
        && joined.dropFirst(head.count).elementsEqual(tail)
    }
  }

  private func index(hash: UInt64, where isEqual: (Int) -> Bool) -> Int? {
    let scattered = Self.scatter(hash)
    let mark = UInt32(scattered >> 32)
    var position = bucket(of: scattered)
    while buckets[position].index >= 0 {
      let index = Int(buckets[position].index)
      if buckets[position].mark == mark, isEqual(index) { return index }
      position = (position + 1) & (buckets.count - 1)
    }
    return nil
  }

  private mutating func place(_ index: Int) {
    let scattered = Self.scatter(hashes[index])
    var position = bucket(of: scattered)
    while buckets[position].index >= 0 { position = (position + 1) & (buckets.count - 1) }
    buckets[position] = Bucket(mark: UInt32(scattered >> 32), index: Int32(index))
  }

  private mutating func grow(toHold count: Int) {
    var capacity = buckets.count
    while capacity < 2 * count { capacity *= 2 }
    if capacity == buckets.count { return }
    buckets = Array(repeating: Bucket(mark: 0, index: -1), count: capacity)
    for index in hashes.indices { place(index) }
  }

  private func bucket(of scattered: UInt64) -> Int { Int(truncatingIfNeeded: scattered) & (buckets.count - 1) }

  private func hash(of piece: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0
    for byte in piece { hash = Self.sum(Self.product(hash, base), UInt64(byte) + 1) }
    return hash
  }

  /// Spreads a hash over all bits: short pieces have small ones.
  private static func scatter(_ hash: UInt64) -> UInt64 {
    let mixed = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ mixed >> 32
  }

  private static func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let sum = a + b
    return sum >= modulus ? sum - modulus : sum
  }

  private static func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return sum(low & modulus, high << 3 | low >> 61)
  }
}
