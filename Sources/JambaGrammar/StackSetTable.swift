/// Sorted lists of numbers, each with a number of its own: equal ones share it.
struct StackSetTable {
  private var pool: [UInt64] = []
  /// By list: where it begins in `pool`; one more at the end.
  private var starts: [Int32] = [0]
  private var hashes: [UInt32] = []
  /// Lists by their hash, at the first free place behind it; −1 for none. Its size is a power of two.
  private var places = [Int32](repeating: -1, count: 64)

  /// About how much memory a list takes.
  static func bytes(of list: [UInt64]) -> Int { 8 * list.count + 24 }

  subscript(_ index: Int) -> UInt64 { pool[index] }

  /// The places of a list's members.
  func entries(of list: Int32) -> Range<Int> { Int(starts[Int(list)])..<Int(starts[Int(list) + 1]) }

  func find(_ list: [UInt64]) -> Int32? {
    let place = place(of: list, StackSetTable.hash(list))
    return places[place] < 0 ? nil : places[place]
  }

  /// The number of a list: the next one if it is new.
  mutating func number(_ list: [UInt64]) -> Int32 {
    let hash = StackSetTable.hash(list)
    let place = place(of: list, hash)
    if places[place] >= 0 { return places[place] }
    let number = Int32(hashes.count)
    places[place] = number
    hashes.append(hash)
    pool += list
    starts.append(Int32(pool.count))
    if 2 * hashes.count > places.count { grow() }
    return number
  }

  private func place(of list: [UInt64], _ hash: UInt32) -> Int {
    var place = Int(hash) & (places.count - 1)
    while places[place] >= 0 {
      let other = places[place]
      if hashes[Int(other)] == hash, pool[entries(of: other)].elementsEqual(list) { return place }
      place = (place + 1) & (places.count - 1)
    }
    return place
  }

  private mutating func grow() {
    places = Array(repeating: -1, count: 2 * places.count)
    for (number, hash) in hashes.enumerated() {
      var place = Int(hash) & (places.count - 1)
      while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
      places[place] = Int32(number)
    }
  }

  private static func hash(_ list: [UInt64]) -> UInt32 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for value in list {
      hash = (hash ^ value) &* 0xBF58_476D_1CE4_E5B9
      hash ^= hash >> 29
    }
    return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
  }
}
