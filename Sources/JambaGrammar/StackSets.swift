

/// Where a text stands in a grammar, for all ways to read it at once.
///
/// A stack set is a set of pairs: a state, and the stack set of what waits below it. Sets are numbered and equal sets have
/// one number, so that a step made once is known, whatever the text before; and two stacks that differ only further down
/// share their top, so that an ambiguous grammar does not multiply them.
struct StackSets {
  /// A state in the upper half, the number of the set below in the lower. The state of all ones is the end of the text.
  typealias Entry = UInt64

  static let dead: Int32 = 0
  /// Nothing waits: the text may end.
  static let bottom: Int32 = 1

  private let automaton: Automaton
  private var sets: [[Entry]] = [[], [StackSets.endEntry]]
  private var depths: [Int32] = [0, 0]
  private var numbers: [[Entry]: Int32] = [[]: 0, [StackSets.endEntry]: 1]
  /// By set and byte class: the set behind the byte, −1 while unknown.
  private var transitions: [Int32]
  private var unions: [UInt64: Int32] = [:]
  /// The places in `transitions` whose byte opens an array of which the items must differ.
  private var opening: Set<Int> = []
  /// Steps done since it was set to zero.
  var work = 0
  // Scratch of `close`, empty between calls.
  private var waiting: [Int32] = []
  private var pending: [Int32: Int32] = [:]
  private var done: [Int32: Int32] = [:]

  private static let stateBits = Entry.max << 32
  private static let endEntry = stateBits

  init(_ automaton: Automaton) {
    self.automaton = automaton
    transitions = Array(repeating: 0, count: automaton.classCount)
    transitions += Array(repeating: 0, count: automaton.classCount)
  }

  /// About how much memory the sets take.
  private(set) var byteCount = 0

  func accepts(_ set: Int32) -> Bool { sets[Int(set)].last == StackSets.endEntry }

  /// Whether the text must end.
  func isComplete(_ set: Int32) -> Bool { set == StackSets.bottom }

  /// Where a text begins.
  mutating func initial() throws(GrammarError) -> Int32 {
    try add(automaton.start, above: StackSets.bottom)
    return try close()
  }

  /// The set behind a byte; `dead` where the byte cannot come.
  @inline(__always)
  mutating func step(_ set: Int32, byteClass: UInt8) throws(GrammarError) -> Int32 {
    let slot = Int(set) &* automaton.classCount &+ Int(byteClass)
    let known = transitions[slot]
    if known >= 0 { return known }
    return try computeStep(set, byteClass, slot)
  }

  /// Whether a byte that was stepped over opens an array whose items must all differ.
  func opensUnique(_ set: Int32, byteClass: UInt8) -> Bool {
    opening.contains(Int(set) &* automaton.classCount &+ Int(byteClass))
  }

  private mutating func computeStep(_ set: Int32, _ byteClass: UInt8, _ slot: Int) throws(GrammarError) -> Int32 {
    let byte = automaton.classByte[Int(byteClass)]
    for entry in sets[Int(set)] where entry != StackSets.endEntry {
      let below = Int32(truncatingIfNeeded: entry)
      for index in automaton.edges(of: Int32(truncatingIfNeeded: entry >> 32)) {
        let edge = automaton.edges[index]
        if edge.kind == .bytes, edge.low <= byte, byte <= edge.high {
          try add(edge.target, above: below)
          if !automaton.uniqueStates.isEmpty, automaton.uniqueStates.contains(edge.target) { opening.insert(slot) }
        }
      }
    }
    let next = try close()
    transitions[slot] = next
    return next
  }

  private mutating func count(_ steps: Int) throws(GrammarError) {
    work += steps
    if work > GrammarLimits.work { throw .tooAmbiguous }
  }

  private mutating func add(_ state: Int32, above below: Int32) throws(GrammarError) {
    try count(1)
    guard let known = pending[state] else {
      pending[state] = below
      waiting.append(state)
      return
    }
    pending[state] = try union(known, below)
  }

  /// Follows empty edges, calls and ends until only states are left that take a byte.
  private mutating func close() throws(GrammarError) -> Int32 {
    defer {
      waiting.removeAll(keepingCapacity: true)
      pending.removeAll(keepingCapacity: true)
      done.removeAll(keepingCapacity: true)
    }
    var mayEnd = false
    var next = 0
    while next < waiting.count {
      let state = waiting[next]
      next += 1
      guard let below = pending.removeValue(forKey: state) else { continue }
      if let known = done[state] {
        let all = try union(known, below)
        if all == known { continue }
        done[state] = all
      } else {
        done[state] = below
      }
      for index in automaton.edges(of: state) {
        try count(1)
        let edge = automaton.edges[index]
        switch edge.kind {
        case .bytes: break
        case .empty: try add(edge.target, above: below)
        case .call: try call(edge.target, edge.following, below)
        case .counter: try add(automaton.counters[Int(edge.target)].base, above: below)
        }
      }
      if state >= Counter.firstState {
        let counter = automaton.counter(of: state)
        let mayEnd = try counter.advance(from: state) { (target, following) throws(GrammarError) in
          try count(1)
          try call(target, following, below)
        }
        if mayEnd { try add(counter.behind, above: below) }
      }
      guard automaton.ends(state) else { continue }
      for entry in sets[Int(below)] {
        if entry == StackSets.endEntry {
          mayEnd = true
        } else {
          try add(Int32(truncatingIfNeeded: entry >> 32), above: Int32(truncatingIfNeeded: entry))
        }
      }
    }
    var entries: [Entry] = []
    for (state, below) in done
    where automaton.edges(of: state).contains(where: { automaton.edges[$0].kind == .bytes }) {
      entries.append(Entry(UInt32(state)) << 32 | Entry(UInt32(below)))
    }
    entries.sort()
    if mayEnd { entries.append(StackSets.endEntry) }
    return try number(entries)
  }

  private mutating func call(_ target: Int32, _ following: Int32, _ below: Int32) throws(GrammarError) {
    if automaton.onlyEnds(following) {
      try add(target, above: below)
    } else if Int(depths[Int(below)]) < GrammarLimits.depth {
      try add(target, above: try number([Entry(UInt32(following)) << 32 | Entry(UInt32(below))]))
    }
  }

  /// Leaves out counts from which nothing can come that does not come from another: of a repetition that may end, the
  /// lowest count has all that higher ones have.
  private func withoutHigherCounts(_ entries: [Entry]) -> [Entry] {
    var kept: [Entry] = []
    kept.reserveCapacity(entries.count)
    var (end, base, least): (Int, Int32, Int) = (-1, 0, 0)
    var lowest: [Int32: Bool] = [:]
    for entry in entries {
      let state = Int32(truncatingIfNeeded: entry >> 32)
      guard entry != StackSets.endEntry, state >= Counter.firstState else {
        kept.append(entry)
        continue
      }
      if Int(state) > end {
        let counter = automaton.counter(of: state)
        lowest.removeAll(keepingCapacity: true)
        (base, least, end) = (counter.base, Int.max, Int(Int32.max))
        if case .repetition(_, let low, let most) = counter.kind { (least, end) = (low, Int(counter.base) + most) }
        if case .bounded(let machine) = counter.kind { end = Int(counter.base) + machine.stateCount - 1 }
        if case .members(let counts) = counter.kind { end = Int(counter.base) + counts.stateCount - 1 }
      }
      let below = Int32(truncatingIfNeeded: entry)
      if Int(state - base) >= least, lowest.updateValue(true, forKey: below) != nil { continue }
      kept.append(entry)
    }
    return kept
  }

  private mutating func number(_ entries: [Entry]) throws(GrammarError) -> Int32 {
    if let number = numbers[entries] { return number }
    if entries.count > 1, entries.contains(where: { $0 != StackSets.endEntry && Int32(truncatingIfNeeded: $0 >> 32) >= Counter.firstState }) {
      let fewer = withoutHigherCounts(entries)
      if fewer.count < entries.count { return try number(fewer) }
    }
    try count(entries.count)
    byteCount += 8 * entries.count + 4 * automaton.classCount + 120
    guard byteCount < 2 * GrammarLimits.stackBytes else { throw .tooAmbiguous }
    let number = Int32(sets.count)
    numbers[entries] = number
    var depth: Int32 = 0
    for entry in entries where entry != StackSets.endEntry {
      depth = max(depth, depths[Int(truncatingIfNeeded: entry & 0xFFFF_FFFF)] + 1)
    }
    sets.append(entries)
    depths.append(depth)
    transitions += repeatElement(-1, count: automaton.classCount)
    return number
  }

  private mutating func union(_ a: Int32, _ b: Int32) throws(GrammarError) -> Int32 {
    if a == b || b == StackSets.dead { return a }
    if a == StackSets.dead { return b }
    let key = UInt64(UInt32(min(a, b))) << 32 | UInt64(UInt32(max(a, b)))
    if let known = unions[key] { return known }
    let (first, second) = (sets[Int(a)], sets[Int(b)])
    try count(first.count + second.count)
    var merged: [Entry] = []
    var (i, j) = (0, 0)
    while i < first.count || j < second.count {
      if j == second.count || i < first.count && first[i] >> 32 < second[j] >> 32 {
        merged.append(first[i])
        i += 1
      } else if i == first.count || second[j] >> 32 < first[i] >> 32 {
        merged.append(second[j])
        j += 1
      } else {
        if first[i] == second[j] {
          merged.append(first[i])
        } else {
          let below = try union(Int32(truncatingIfNeeded: first[i]), Int32(truncatingIfNeeded: second[j]))
          merged.append((first[i] & StackSets.stateBits) | Entry(UInt32(below)))
        }
        i += 1
        j += 1
      }
    }
    let result = try number(merged)
    unions[key] = result
    byteCount += 40
    return result
  }

  /// Forgets every set but those that some need; renumbers these.
  mutating func forgetAll(but kept: inout [Int32]) throws(GrammarError) {
    var fresh = StackSets(automaton)
    fresh.work = work
    var renumbered: [Int32: Int32] = [StackSets.dead: StackSets.dead, StackSets.bottom: StackSets.bottom]
    // Sets below have smaller numbers: in ascending order each finds those it needs.
    var needed = Set(kept)
    for number in stride(from: kept.max() ?? 0, to: StackSets.bottom, by: -1) where needed.contains(number) {
      for entry in sets[Int(number)] where entry != StackSets.endEntry {
        needed.insert(Int32(truncatingIfNeeded: entry))
      }
    }
    for number in needed.sorted() where renumbered[number] == nil {
      let entries = sets[Int(number)].map { entry in
        entry == StackSets.endEntry
          ? entry : (entry & StackSets.stateBits) | Entry(UInt32(renumbered[Int32(truncatingIfNeeded: entry)]!))
      }
      renumbered[number] = try fresh.number(entries)
    }
    self = fresh
    kept = kept.map { renumbered[$0]! }
  }
}
