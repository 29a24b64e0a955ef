/// A set of Unicode scalars, as sorted ranges that do not touch. Surrogates are never members.
package struct ScalarSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>]

  static let all = ScalarSet([0...0xD7FF, 0xE000...0x10FFFF])

  package init(_ ranges: [ClosedRange<UInt32>]) {
    self.ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound + 1 {
        self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
    if self.ranges.contains(where: { $0.overlaps(0xD800...0xDFFF) }) { self = subtracting([0xD800...0xDFFF]) }
  }

  package init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

  /// The scalars of a text.
  package init(of text: String) { self.init(text.unicodeScalars.map { $0.value...$0.value }) }

  var isEmpty: Bool { ranges.isEmpty }

  func contains(_ value: UInt32) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= value
  }

  /// - Parameter others: sorted, not overlapping.
  private func subtracting(_ others: [ClosedRange<UInt32>]) -> ScalarSet {
    var result = self
    result.ranges = []
    var first = 0
    for range in ranges {
      var start = range.lowerBound
      var isUsedUp = false
      while first < others.count, others[first].upperBound < start { first += 1 }
      var index = first
      while index < others.count, others[index].lowerBound <= range.upperBound, !isUsedUp {
        let other = others[index]
        if other.lowerBound > start { result.ranges.append(start...other.lowerBound - 1) }
        if other.upperBound >= range.upperBound { isUsedUp = true } else { start = max(start, other.upperBound + 1) }
        index += 1
      }
      if !isUsedUp { result.ranges.append(start...range.upperBound) }
    }
    return result
  }

  func subtracting(_ other: ScalarSet) -> ScalarSet { subtracting(other.ranges) }

  package var inverted: ScalarSet { ScalarSet.all.subtracting(self) }

  /// With every small letter of ASCII its large one, and the other way round.
  var caseless: ScalarSet {
    let small = intersection(ScalarSet([0x61...0x7A])).ranges.map { $0.lowerBound - 0x20...$0.upperBound - 0x20 }
    let large = intersection(ScalarSet([0x41...0x5A])).ranges.map { $0.lowerBound + 0x20...$0.upperBound + 0x20 }
    return ScalarSet(ranges + small + large)
  }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  func intersection(_ other: ScalarSet) -> ScalarSet { subtracting(other.inverted) }
}

/// Sequences of byte ranges that spell exactly the scalars of a range in UTF-8.
enum UTF8Ranges {
  static func sequences(of set: ScalarSet) -> [[ClosedRange<UInt8>]] {
    var result: [[ClosedRange<UInt8>]] = []
    for range in set.ranges { add(range.lowerBound, range.upperBound, to: &result) }
    return result
  }

  private static func add(_ low: UInt32, _ high: UInt32, to result: inout [[ClosedRange<UInt8>]]) {
    for last: UInt32 in [0x7F, 0x7FF, 0xFFFF] where low <= last && last < high {
      add(low, last, to: &result)
      add(last + 1, high, to: &result)
      return
    }
    // Cut until the bytes behind the first that differs run through all their values.
    let continuations = high < 0x80 ? 0 : high < 0x800 ? 1 : high < 0x10000 ? 2 : 3
    for position in 0..<continuations {
      let mask: UInt32 = (1 << (6 * UInt32(position + 1))) - 1
      guard low & ~mask != high & ~mask else { continue }
      if low & mask != 0 {
        add(low, low | mask, to: &result)
        add((low | mask) + 1, high, to: &result)
        return
      }
      if high & mask != mask {
        add(low, (high & ~mask) - 1, to: &result)
        add(high & ~mask, high, to: &result)
        return
      }
    }
    let first = bytes(low, continuations)
    let last = bytes(high, continuations)
    result.append(zip(first, last).map { $0...$1 })
  }

  private static func bytes(_ value: UInt32, _ continuations: Int) -> [UInt8] {
    guard continuations > 0 else { return [UInt8(value)] }
    let lead: [UInt32] = [0, 0xC0, 0xE0, 0xF0]
    var bytes = [UInt8(lead[continuations] | value >> (6 * UInt32(continuations)))]
    for position in (0..<continuations).reversed() {
      bytes.append(UInt8(0x80 | value >> (6 * UInt32(position)) & 0x3F))
    }
    return bytes
  }
}
