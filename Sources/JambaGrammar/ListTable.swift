/// Lists of numbers, each with a number of its own: equal ones share it.
struct ListTable<Element: FixedWidthInteger & Sendable> {
  private var pool: [Element] = []
  /// By list: where it begins in `pool`; one more at the end.
  private var starts: [Int32] = [0]
  private var numbers = HashedNumbers()

  /// About how much memory a list takes.
  static func bytes(of list: [Element]) -> Int { MemoryLayout<Element>.size * list.count + 24 }

  subscript(_ index: Int) -> Element { pool[index] }

  /// The places of a list's members.
  func entries(of list: Int32) -> Range<Int> { Int(starts[Int(list)])..<Int(starts[Int(list) + 1]) }

  func members(of list: Int32) -> ArraySlice<Element> { pool[entries(of: list)] }

  func find(_ list: [Element]) -> Int32? { find(list, hash(list)) }

  /// The number of a list: the next one if it is new.
  mutating func number(_ list: [Element]) -> Int32 {
    let hash = hash(list)
    return find(list, hash) ?? append(list, hash)
  }

  /// Gives the next number to a list that has none.
  mutating func append(_ list: [Element], _ hash: UInt32) -> Int32 {
    numbers.append(hash)
    pool += list
    starts.append(Int32(pool.count))
    return Int32(numbers.count - 1)
  }

  func find(_ list: [Element], _ hash: UInt32) -> Int32? {
    let (pool, starts, list) = (pool.span, starts.span, list.span)
    return numbers.find(hash) { number in
      let (first, end) = (Int(starts[number]), Int(starts[number + 1]))
      guard end - first == list.count else { return false }
      for index in list.indices where pool[first + index] != list[index] { return false }
      return true
    }.map { Int32($0) }
  }

  func hash(_ list: [Element]) -> UInt32 {
    var hash = HashedNumbers.Hash()
    for value in list { hash.add(UInt64(truncatingIfNeeded: value)) }
    return hash.value
  }
}
