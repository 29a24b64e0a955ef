/// States that are reckoned rather than kept: a repetition's, one a count, and those of parts that come each at most once.
struct Counter: Sendable {
  enum Kind: Sendable {
    /// A rule, called so many times.
    case repetition(body: Int32, least: Int, most: Int)
    case members(MemberCounts)
    case bounded(BoundedMachine)
  }

  /// The number of the first of its states, at which it begins. Behind all those that are kept.
  let base: Int32
  var kind: Kind
  /// The kept state behind it.
  let behind: Int32
  /// Whether each of its counts takes a byte at least.
  private(set) var takesBytes = false

  init(base: Int32, kind: Kind, behind: Int32) { (self.base, self.kind, self.behind) = (base, kind, behind) }

  static let firstState: Int32 = 1 << 20

  /// Calls what may come from one of its states: `follow` with a rule's first state and the state behind it. Returns whether
  /// it may end there.
  @inline(__always)
  func advance(from state: Int32, _ follow: (_ target: Int32, _ following: Int32) throws(GrammarError) -> Void)
    throws(GrammarError) -> Bool
  {
    let place = Int(state - base)
    switch kind {
    case .repetition(let body, let least, let most):
      if place < most { try follow(body, place + 1 == most ? behind : state + 1) }
      return place >= least
    case .bounded(let machine):
      return try machine.advance(from: place) { (call, next) throws(GrammarError) in try follow(call, base + Int32(next)) }
    case .members(let counts):
      return try counts.advance(from: place) { (part, next) throws(GrammarError) in try follow(part, base + Int32(next)) }
    }
  }

  /// Knowing which rules may be empty.
  func judging(_ isNullable: (Int32) -> Bool) -> Counter {
    var judged = self
    judged.takesBytes = !calls.contains(where: isNullable)
    return judged
  }

  /// A state from which the same texts of at most so many bytes may come, for all that are far enough from the counter's
  /// bounds: how far does not matter to a token.
  func equivalent(of state: Int32, within reach: Int) -> Int32 {
    guard let far = farthest(from: state, within: reach), state <= far else { return state }
    return far
  }

  /// The state that follows one, for texts that end within the reach of the first: far from the bounds the count stands still.
  func successor(of state: Int32, _ following: Int32, within reach: Int) -> Int32 {
    guard following >= Counter.firstState, let far = farthest(from: state, within: reach), state <= far else { return following }
    guard case .bounded(let machine) = kind else { return far }
    return far - Int32(Int(far - base) % machine.edges.count) + Int32(Int(following - base) % machine.edges.count)
  }

  /// The last of the states that are as good as one if they do not stand behind it.
  private func farthest(from state: Int32, within reach: Int) -> Int32? {
    guard takesBytes else { return nil }
    let place = Int(state - base)
    switch kind {
    case .repetition(_, let least, let most):
      let far = (place < least ? least : most) - reach - 1
      return far >= (place < least ? 0 : least) ? base + Int32(far) : nil
    case .bounded(let machine):
      let far = machine.most - reach - machine.longestDistance - 1
      return far >= 0 ? base + Int32(far * machine.edges.count + place % machine.edges.count) : nil
    case .members: return nil
    }
  }

  /// Without the parts from which no end can be reached.
  func keeping(_ isProductive: (Int32) -> Bool) -> Counter {
    var kept = self
    guard case .members(var counts) = kind else {
      if case .repetition(let body, let least, _) = kind, !isProductive(body) {
        kept.kind = .repetition(body: body, least: least, most: 0)
      }
      return kept
    }
    for index in counts.optional.indices where !isProductive(counts.optional[index]) { counts.drop(index) }
    if let others = counts.others, !isProductive(others) { counts.others = nil }
    kept.kind = .members(counts)
    return kept
  }

  /// Whether its end can be reached, where that is known of rules and states.
  func holds(_ known: (Int32) -> Bool) -> Bool {
    guard known(behind) else { return false }
    switch kind {
    case .repetition(let body, let least, _): return least == 0 || known(body)
    case .bounded(let machine): return machine.distances[0] <= machine.most
    case .members(var counts):
      guard counts.required.allSatisfy(known) else { return false }
      for index in counts.optional.indices where !known(counts.optional[index]) { counts.drop(index) }
      let optional = counts.optional.count - counts.isDropped.nonzeroBitCount
      let others = counts.others.map { known($0) ? 1 : 0 } ?? 0
      return counts.required.count + optional + others >= counts.least
    }
  }

  /// Whether its end may be reached without a byte, or might be: true where a rule that it calls may be empty.
  func mayBeEmpty(_ isNullable: (Int32) -> Bool) -> Bool {
    if calls.contains(where: isNullable) { return true }
    switch kind {
    case .repetition(_, let least, _): return least == 0
    case .bounded(let machine): return machine.isEnd[0]
    case .members(let counts): return counts.required.isEmpty && counts.least == 0
    }
  }

  /// The rules that it may call first.
  var firstCalls: [Int32] {
    switch kind {
    case .repetition(let body, _, _): return [body]
    case .bounded(let machine): return machine.edges[0].map(\.call)
    case .members(let counts):
      return counts.required.prefix(1) + counts.optional + (counts.others.map { [$0] } ?? [])
    }
  }

  /// The rules that it calls.
  var calls: [Int32] {
    switch kind {
    case .repetition(let body, _, _): return [body]
    case .bounded(let machine): return machine.edges.flatMap { $0.map(\.call) }
    case .members(let counts):
      return counts.required + counts.optional + (counts.others.map { [$0] } ?? []) + [counts.separator]
    }
  }
}

/// States of a machine of which only so many edges may be taken: the machine's, once for each count.
struct BoundedMachine: Sendable {
  struct Edge: Sendable {
    /// The rule that is called, and the state behind it.
    let call: Int32
    let target: Int
  }

  let edges: [[Edge]]
  let isEnd: [Bool]
  let most: Int
  /// By state: how many edges an end is away.
  let distances: [Int]
  /// The longest of those that are finite.
  let longestDistance: Int

  init(edges: [[Edge]], isEnd: [Bool], most: Int) {
    (self.edges, self.isEnd, self.most) = (edges, isEnd, most)
    var users: [[Int]] = Array(repeating: [], count: edges.count)
    for (state, list) in edges.enumerated() { for edge in list { users[edge.target].append(state) } }
    var distances = isEnd.map { $0 ? 0 : Int(Int32.max) }
    var waiting = isEnd.indices.filter { isEnd[$0] }
    var next = 0
    while next < waiting.count {
      for user in users[waiting[next]] where distances[user] == Int(Int32.max) {
        distances[user] = distances[waiting[next]] + 1
        waiting.append(user)
      }
      next += 1
    }
    self.distances = distances
    longestDistance = distances.filter { $0 < Int(Int32.max) }.max() ?? 0
  }

  var stateCount: Int { edges.count * (most + 1) }

  func advance(from place: Int, _ follow: (_ call: Int32, _ next: Int) throws(GrammarError) -> Void)
    throws(GrammarError) -> Bool
  {
    let (taken, state) = (place / edges.count, place % edges.count)
    for edge in edges[state] where taken + 1 + distances[edge.target] <= most {
      try follow(edge.call, (taken + 1) * edges.count + edge.target)
    }
    return isEnd[state]
  }
}

/// Parts between commas: some in their order, some at any place, some that count only.
///
/// A state is how many required parts there are, which optional ones, and how many others, up to as many as matter; and
/// whether a comma stands behind them.
struct MemberCounts: Sendable {
  /// Rules, by their first states: of the parts that must come in their order, of those that may, and of others.
  var required: [Int32] = []
  private(set) var isDropped = 0
  var optional: [Int32] = []
  /// By optional part: a bit for each that must be there, too.
  var dependents: [Int] = []
  var others: Int32?
  /// The rule of what stands between two.
  let separator: Int32
  let least: Int
  let most: Int?

  init(separator: Int32, least: Int, most: Int?) {
    self.separator = separator
    self.least = least
    self.most = most
  }

  private var othersLimit: Int { others == nil ? 0 : most ?? 1 }

  /// As many without a comma behind them as with one.
  private var countCount: Int { ((required.count + 1) << optional.count) * (othersLimit + 1) }

  var stateCount: Int { 2 * countCount }

  /// An optional part that cannot come, and those that need it.
  mutating func drop(_ index: Int) {
    isDropped |= 1 << index
    for other in dependents.indices where isDropped >> other & 1 == 0 && dependents[other] >> index & 1 == 1 { drop(other) }
  }

  /// What the parts of a set need that are not in it.
  private func missing(from mask: Int) -> Int {
    var needed = mask
    var seen = 0
    while needed & ~seen != 0 {
      let index = (needed & ~seen).trailingZeroBitCount
      seen |= 1 << index
      needed |= dependents[index]
    }
    return (needed & ~mask).nonzeroBitCount
  }

  @inline(__always)
  func advance(from place: Int, _ follow: (_ target: Int32, _ next: Int) throws(GrammarError) -> Void)
    throws(GrammarError) -> Bool
  {
    let isBehindComma = place >= countCount
    let place = isBehindComma ? place - countCount : place
    let mask = place & (1 << optional.count - 1)
    let (counted, written) = ((place >> optional.count) / (required.count + 1), (place >> optional.count) % (required.count + 1))
    func number(_ counted: Int, _ written: Int, _ mask: Int) -> Int {
      (counted * (required.count + 1) + written) << optional.count | mask
    }
    let takesPart = isBehindComma || place == 0
    let open = required.count - written
    let count = counted + written + mask.nonzeroBitCount
    let limit = most ?? Int.max
    var hasMore = open > 0
    if open > 0, takesPart { try follow(required[written], number(counted, written + 1, mask)) }
    for (index, part) in optional.enumerated() where (mask | isDropped) >> index & 1 == 0 {
      let next = mask | 1 << index
      guard count + 1 + open + missing(from: next) <= limit else { continue }
      hasMore = true
      if takesPart { try follow(part, number(counted, written, next)) }
    }
    let needed = missing(from: mask)
    if open == 0, let others, count + 1 + needed <= limit {
      hasMore = true
      if takesPart { try follow(others, number(min(counted + 1, othersLimit), written, mask)) }
    }
    if isBehindComma { return false }
    if hasMore, !takesPart { try follow(separator, countCount + place) }
    // Others may be one name written again, so they count for one.
    return open == 0 && needed == 0 && written + mask.nonzeroBitCount + min(counted, 1) >= least
  }
}
