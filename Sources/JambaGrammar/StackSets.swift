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
  private let classCount: Int
  private var table = ListTable<Entry>()
  private var depths: [Int32] = [0, 0]
  /// By row and byte class: the set behind the byte, −1 while unknown. The first row knows nothing.
  private var transitions: [Int32]
  /// By set: where its row begins in `transitions`; 0 until a byte is asked for, as it is of few sets.
  private var rows: [Int32]
  private var unions: [UInt64: Int32] = [:]
  /// By set: the set that no token can tell from it, −1 while unknown.
  private var equivalents: [Int32] = []
  /// By set: whether the text may end.
  private var accepting: [Bool] = [false, true]
  /// By set: what comes when what stands on top of it has ended, −1 while unknown.
  private var returns: [Int32] = []
  /// By set that waits: its tops, where it is known.
  private var waitingTops: [Int32: [Top]] = [:]
  /// The tops within any string, once they have been asked for.
  private var anyStringTops: [Int32?]?
  /// The most rules that wait for one another in any set.
  private(set) var maximumDepth: Int32 = 0
  /// Sets and byte classes whose byte opens an array of which the items must differ.
  private var opening: Set<Int> = []
  /// Steps done since it was set to zero.
  var work = 0
  private var closing: Closing

  private static let stateBits = Entry.max << 32
  static let endEntry = stateBits

  /// What is at hand while a set is made: states, and what waits below each.
  private struct Closing {
    struct Item {
      let state: Int32
      /// Below it, still to be followed; −1 for nothing.
      var pending: Int32
      /// Below it, and followed; −1 for nothing.
      var done: Int32 = -1
    }

    var items: [Item] = []
    /// Items to be followed, in their order.
    var waiting: [Int32] = []
    /// By state that is kept: its item, which is to be trusted if the item is that state's.
    var places: [Int32]
    var counterPlaces: [Int32: Int32] = [:]
    /// By item: what is pending besides, united only when it is followed.
    var alsoPending: [Int: [Int32]] = [:]
    var entries: [Entry] = []

    func place(of state: Int32) -> Int? {
      guard state < Counter.firstState else { return counterPlaces[state].map { Int($0) } }
      let place = Int(places[Int(state)])
      return place < items.count && items[place].state == state ? place : nil
    }

    mutating func add(_ state: Int32, _ below: Int32) {
      if state < Counter.firstState {
        places[Int(state)] = Int32(items.count)
      } else {
        counterPlaces[state] = Int32(items.count)
      }
      waiting.append(Int32(items.count))
      items.append(Item(state: state, pending: below))
    }

    mutating func clear() {
      items.removeAll(keepingCapacity: true)
      waiting.removeAll(keepingCapacity: true)
      if !counterPlaces.isEmpty { counterPlaces.removeAll(keepingCapacity: true) }
    }
  }

  init(_ automaton: Automaton) {
    self.automaton = automaton
    classCount = automaton.classCount
    transitions = Array(repeating: -1, count: classCount) + Array(repeating: StackSets.dead, count: classCount)
    rows = [Int32(classCount), Int32(classCount)]
    closing = Closing(places: Array(repeating: 0, count: automaton.isEnd.count))
    _ = table.number([])
    _ = table.number([StackSets.endEntry])
  }

  /// About how much memory the sets take.
  private(set) var byteCount = 0

  func accepts(_ set: Int32) -> Bool { accepting[Int(set)] }

  /// Whether the text must end.
  func isComplete(_ set: Int32) -> Bool { set == StackSets.bottom }

  /// The pairs of a set, without the end of the text.
  func pairs(_ set: Int32) -> [(state: Int32, below: Int32)] {
    table.entries(of: set).compactMap { index in
      let entry = table[index]
      return entry == StackSets.endEntry ? nil : (StackSets.state(entry), StackSets.below(entry))
    }
  }

  private static func state(_ entry: Entry) -> Int32 { Int32(truncatingIfNeeded: entry >> 32) }
  private static func below(_ entry: Entry) -> Int32 { Int32(truncatingIfNeeded: entry) }
  private static func entry(_ state: Int32, _ below: Int32) -> Entry { Entry(UInt32(state)) << 32 | Entry(UInt32(below)) }

  /// Where a text begins.
  mutating func initial() throws(GrammarError) -> Int32 {
    try add(automaton.start, above: StackSets.bottom)
    return try close()
  }

  /// The set behind a byte; `dead` where the byte cannot come.
  @inline(__always)
  mutating func step(_ set: Int32, byteClass: UInt8) throws(GrammarError) -> Int32 {
    let known = transitions[Int(rows[Int(set)]) &+ Int(byteClass)]
    if known >= 0 { return known }
    return try computeStep(set, byteClass)
  }

  /// Where a set's row begins. In a new one bytes that no state takes are known to lead nowhere.
  private mutating func row(of set: Int32) -> Int {
    let known = Int(rows[Int(set)])
    if known > 0 { return known }
    let row = transitions.count
    transitions += repeatElement(StackSets.dead, count: classCount)
    byteCount += 4 * classCount
    for place in table.entries(of: set) where table[place] != StackSets.endEntry {
      for index in automaton.byteEdges(of: StackSets.state(table[place])) {
        let edge = automaton.edges[index]
        for byteClass in automaton.byteClass[Int(edge.low)]...automaton.byteClass[Int(edge.high)] {
          transitions[row + Int(byteClass)] = -1
        }
      }
    }
    rows[Int(set)] = Int32(row)
    return row
  }

  /// Appends the bytes that may come, in ascending order.
  mutating func appendBytes(of set: Int32, to bytes: inout [UInt8]) {
    let first = row(of: set)
    for byteClass in 0..<classCount where transitions[first + byteClass] != StackSets.dead {
      let last = byteClass + 1 < classCount ? automaton.classByte[byteClass + 1] - 1 : UInt8.max
      for byte in automaton.classByte[byteClass]...last { bytes.append(byte) }
    }
  }

  /// False where a byte is known to lead nowhere.
  @inline(__always)
  mutating func mayStep(_ set: Int32, byteClass: UInt8) -> Bool {
    transitions[row(of: set) &+ Int(byteClass)] != StackSets.dead
  }

  /// The byte that must come next; nil where others may, or the text may end.
  func onlyByte(_ set: Int32) -> UInt8? {
    var only: UInt8?
    for place in table.entries(of: set) {
      let entry = table[place]
      guard entry != StackSets.endEntry else { return nil }
      for index in automaton.byteEdges(of: StackSets.state(entry)) {
        let edge = automaton.edges[index]
        guard edge.low == edge.high, only ?? edge.low == edge.low else { return nil }
        only = edge.low
      }
    }
    return only
  }

  /// Whether a byte that was stepped over opens an array whose items must all differ.
  func opensUnique(_ set: Int32, byteClass: UInt8) -> Bool {
    opening.contains(Int(set) &* classCount &+ Int(byteClass))
  }

  @inline(never)
  private mutating func computeStep(_ set: Int32, _ byteClass: UInt8) throws(GrammarError) -> Int32 {
    let row = row(of: set)
    let known = transitions[row + Int(byteClass)]
    if known >= 0 { return known }
    let byte = automaton.classByte[Int(byteClass)]
    let hasUnique = !automaton.uniqueStates.isEmpty
    var (targets, isPlain): ([Entry], Bool) = ([], true)
    // Bytes of a range are taken by the same edges: what is found out of one holds for all.
    var (low, high, opens) = (UInt8.min, UInt8.max, false)
    for place in table.entries(of: set) {
      let entry = table[place]
      guard entry != StackSets.endEntry else { continue }
      for index in automaton.byteEdges(of: StackSets.state(entry)) {
        let edge = automaton.edges[index]
        guard edge.low <= byte, byte <= edge.high else {
          if edge.high < byte { low = max(low, edge.high + 1) } else { high = min(high, edge.low - 1) }
          continue
        }
        (low, high) = (max(low, edge.low), min(high, edge.high))
        if hasUnique, automaton.uniqueStates.contains(edge.target) { opens = true }
        targets.append(StackSets.entry(edge.target, StackSets.below(entry)))
        isPlain = isPlain && automaton.isPlain[Int(edge.target)]
      }
    }
    let next: Int32
    if isPlain {
      // All of them take a byte, as within names that are written out: nothing is to be followed.
      try count(targets.count)
      if targets.count > 1 {
        targets.sort()
        targets = try unitingStates(targets)
      }
      next = try number(targets)
    } else {
      for entry in targets { try add(StackSets.state(entry), above: StackSets.below(entry)) }
      next = try close()
    }
    for other in automaton.byteClass[Int(low)]...automaton.byteClass[Int(high)] {
      transitions[row + Int(other)] = next
      if opens { opening.insert(Int(set) &* classCount &+ Int(other)) }
    }
    return next
  }

  private mutating func count(_ steps: Int) throws(GrammarError) {
    work += steps
    if work > GrammarLimits.work { throw .tooAmbiguous }
  }

  private mutating func add(_ state: Int32, above below: Int32) throws(GrammarError) {
    try count(1)
    guard let place = closing.place(of: state) else { return closing.add(state, below) }
    let pending = closing.items[place].pending
    if pending < 0 {
      closing.items[place].pending = below
      closing.waiting.append(Int32(place))
    } else if pending != below {
      closing.alsoPending[place, default: []].append(below)
    }
  }

  /// Follows empty edges, calls and ends until only states are left that take a byte.
  private mutating func close(mayEnd: Bool = false) throws(GrammarError) -> Int32 {
    defer { closing.clear() }
    var mayEnd = mayEnd
    var next = 0
    while next < closing.waiting.count {
      let place = Int(closing.waiting[next])
      next += 1
      let (state, first, known) = (closing.items[place].state, closing.items[place].pending, closing.items[place].done)
      guard first >= 0 else { continue }
      closing.items[place].pending = -1
      var below = first
      if !closing.alsoPending.isEmpty, let others = closing.alsoPending.removeValue(forKey: place) {
        below = try union(of: others + [first])
      }
      let all = known < 0 ? below : try union(known, below)
      if all == known { continue }
      closing.items[place].done = all
      try follow(state, below)
      guard automaton.ends(state) else { continue }
      for index in table.entries(of: below) {
        let entry = table[index]
        if entry == StackSets.endEntry {
          mayEnd = true
        } else {
          try add(StackSets.state(entry), above: StackSets.below(entry))
        }
      }
    }
    closing.entries.removeAll(keepingCapacity: true)
    for item in closing.items where !automaton.byteEdges(of: item.state).isEmpty {
      closing.entries.append(StackSets.entry(item.state, item.done))
    }
    closing.entries.sort()
    if mayEnd { closing.entries.append(StackSets.endEntry) }
    return try number(closing.entries)
  }

  private mutating func follow(_ state: Int32, _ below: Int32) throws(GrammarError) {
    for index in automaton.silentEdges(of: state) {
      try count(1)
      let edge = automaton.edges[index]
      switch edge.kind {
      case .bytes: break
      case .empty: try add(edge.target, above: below)
      case .call: try call(edge.target, edge.following, below)
      case .counter: try add(automaton.counters[Int(edge.target)].base, above: below)
      }
    }
    guard state >= Counter.firstState else { return }
    let counter = automaton.counter(of: state)
    let mayEnd = try counter.advance(from: state) { (target, following) throws(GrammarError) in
      try count(1)
      try call(target, following, below)
    }
    if mayEnd { try add(counter.behind, above: below) }
  }

  private mutating func call(_ target: Int32, _ following: Int32, _ below: Int32) throws(GrammarError) {
    if automaton.onlyEnds(following) {
      try add(target, above: below)
    } else if Int(depths[Int(below)]) < GrammarLimits.depth {
      try add(target, above: try number([StackSets.entry(following, below)]))
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
      let state = StackSets.state(entry)
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
      let below = StackSets.below(entry)
      if Int(state - base) >= least, lowest.updateValue(true, forKey: below) != nil { continue }
      kept.append(entry)
    }
    return kept
  }

  private mutating func number(_ entries: [Entry]) throws(GrammarError) -> Int32 {
    let hash = table.hash(entries)
    if let known = table.find(entries, hash) { return known }
    if entries.count > 1, entries.contains(where: { $0 != StackSets.endEntry && StackSets.state($0) >= Counter.firstState }) {
      let fewer = withoutHigherCounts(entries)
      if fewer.count < entries.count { return try number(fewer) }
    }
    try count(entries.count)
    byteCount += ListTable.bytes(of: entries) + 4
    guard byteCount < 2 * GrammarLimits.stackBytes else { throw .tooAmbiguous }
    let number = table.append(entries, hash)
    var depth: Int32 = 0
    for entry in entries where entry != StackSets.endEntry { depth = max(depth, depths[Int(StackSets.below(entry))] + 1) }
    rows.append(0)
    depths.append(depth)
    maximumDepth = max(maximumDepth, depth)
    accepting.append(entries.last == StackSets.endEntry)
    return number
  }

  private mutating func union(_ a: Int32, _ b: Int32) throws(GrammarError) -> Int32 {
    if a == b || b == StackSets.dead { return a }
    if a == StackSets.dead { return b }
    let key = UInt64(UInt32(min(a, b))) << 32 | UInt64(UInt32(max(a, b)))
    if let known = unions[key] { return known }
    let result = try merge([a, b])
    unions[key] = result
    byteCount += 40
    return result
  }

  /// The union of many at once: one after the other, each of them would be a set to be kept.
  private mutating func union(of sets: [Int32]) throws(GrammarError) -> Int32 {
    let sets = Set(sets).subtracting([StackSets.dead]).sorted()
    if sets.count > 2 { return try merge(sets) }
    return sets.count == 2 ? try union(sets[0], sets[1]) : sets.first ?? StackSets.dead
  }

  private mutating func merge(_ sets: [Int32]) throws(GrammarError) -> Int32 {
    var entries: [Entry] = []
    for set in sets { for index in table.entries(of: set) { entries.append(table[index]) } }
    try count(entries.count)
    entries.sort()
    return try number(unitingStates(entries))
  }

  /// Entries with one for each state, which has below it what all of its had.
  ///
  /// - Parameter entries: sorted.
  private mutating func unitingStates(_ entries: [Entry]) throws(GrammarError) -> [Entry] {
    var merged: [Entry] = []
    merged.reserveCapacity(entries.count)
    var index = 0
    while index < entries.count {
      let first = entries[index]
      var next = index + 1
      while next < entries.count, entries[next] >> 32 == first >> 32 { next += 1 }
      if first == entries[next - 1] {
        merged.append(first)
      } else {
        let below = try union(of: entries[index..<next].map { StackSets.below($0) })
        merged.append(StackSets.entry(StackSets.state(first), below))
      }
      index = next
    }
    return merged
  }

  /// A set behind which the same texts of at most `reach` bytes may come: one for all places of a long repetition that are
  /// far from its bounds, so that what is known of one is known of all.
  mutating func equivalent(of set: Int32, within reach: Int) throws(GrammarError) -> Int32 {
    guard !automaton.counters.isEmpty, set > StackSets.bottom else { return set }
    while equivalents.count <= Int(set) { equivalents.append(-1) }
    let known = equivalents[Int(set)]
    if known >= 0 { return known }
    var (entries, changed): ([Entry], Bool) = ([], false)
    for index in table.entries(of: set) {
      let entry = table[index]
      guard entry != StackSets.endEntry else { continue }
      var state = StackSets.state(entry)
      if state >= Counter.firstState { state = automaton.counter(of: state).equivalent(of: state, within: reach) }
      let other = StackSets.entry(state, try equivalent(of: StackSets.below(entry), within: reach))
      if other != entry, !changed {
        changed = true
        // Those before are as they were.
        entries += table.members(of: set).prefix(index - table.entries(of: set).lowerBound)
      }
      if changed { entries.append(other) }
    }
    var result = set
    if changed {
      entries.sort()
      entries = try unitingStates(entries)
      if accepting[Int(set)] { entries.append(StackSets.endEntry) }
      result = try number(entries)
    }
    equivalents[Int(set)] = result
    return result
  }

  // MARK: Tops

  /// What stands on top of a set, as a set of its own that ends where what is below it would go on, and what that is.
  struct Top {
    let set: Int32
    let below: Int32
  }

  /// Rules within rules that are kept with what calls them.
  private static let partDepth = 4

  /// The tops that a set consists of: those that wait for the same are one. Many places of a text differ only in what is
  /// below, and what comes before that is alike at all of them.
  mutating func tops(of set: Int32) throws(GrammarError) -> [Top] { try tops(of: set, StackSets.partDepth) }

  /// Where in one of JSON's strings, of any characters, a text is.
  struct StringPlace: Hashable {
    /// How many characters must follow at least, and how many may: as far as it matters to a token.
    let least: Int
    let most: Int
    /// Whether it is behind the mark that begins an escape.
    let isEscaped: Bool
  }

  /// The tops of such a place, and behind the mark that begins an escape there.
  private mutating func stringTops(of place: Int32) throws(GrammarError) -> [Int32?] {
    let escaped = try step(place, byteClass: automaton.byteClass[Int(UInt8(ascii: "\\"))])
    return [try tops(of: place).first?.set, try tops(of: escaped).first?.set]
  }

  /// The place that a top is, where it is one within a string.
  mutating func stringPlace(of top: Int32, within reach: Int) throws(GrammarError) -> StringPlace? {
    if anyStringTops == nil {
      anyStringTops = []
      if let start = automaton.stringStart {
        try add(start, above: StackSets.bottom)
        let opened = try step(try close(), byteClass: automaton.byteClass[Int(UInt8(ascii: "\""))])
        anyStringTops = try stringTops(of: opened)
      }
    }
    if let index = anyStringTops!.firstIndex(of: top) { return StringPlace(least: 0, most: reach + 1, isEscaped: index == 1) }
    guard !automaton.stringCounters.isEmpty else { return nil }
    // A part of a character stands on top, and how many there were below it.
    for index in table.entries(of: top).prefix(StackSets.partDepth) where table[index] != StackSets.endEntry {
      let waiting = table.entries(of: StackSets.below(table[index]))
      guard waiting.count == 1, table[waiting.lowerBound] != StackSets.endEntry else { continue }
      let state = StackSets.state(table[waiting.lowerBound])
      guard state >= Counter.firstState else { continue }
      let counter = automaton.counter(of: state)
      guard automaton.stringCounters.contains(counter.base), state > counter.base,
        case .repetition(_, let least, let most) = counter.kind
      else { continue }
      let count = Int(state - counter.base) - 1
      try add(state - 1, above: StackSets.bottom)
      guard let place = try stringTops(of: try close()).firstIndex(of: top) else { return nil }
      return StringPlace(least: min(max(least - count, 0), reach + 1), most: min(most - count, reach + 1), isEscaped: place == 1)
    }
    return nil
  }

  private mutating func tops(of set: Int32, _ levels: Int) throws(GrammarError) -> [Top] {
    var pieces: [(below: Int32, entry: Entry)] = []
    pieces.reserveCapacity(table.entries(of: set).count)
    for index in table.entries(of: set) {
      let entry = table[index]
      guard entry != StackSets.endEntry else { continue }
      let (state, below) = (StackSets.state(entry), StackSets.below(entry))
      // A character's rest says little: it stays with the string that it is in.
      if levels > 0, below != StackSets.bottom, !accepting[Int(below)], state < Counter.firstState, automaton.isPart[Int(state)] {
        for top in try waitingTops(of: below, levels - 1) { pieces.append((top.below, StackSets.entry(state, top.set))) }
      } else {
        pieces.append((below, StackSets.entry(state, StackSets.bottom)))
      }
    }
    if pieces.count > 1 { pieces.sort { ($0.below, $0.entry) < ($1.below, $1.entry) } }
    var tops: [Top] = []
    var first = 0
    var entries: [Entry] = []
    while first < pieces.count {
      let below = pieces[first].below
      entries.removeAll(keepingCapacity: true)
      while first < pieces.count, pieces[first].below == below {
        let entry = pieces[first].entry
        if let last = entries.last, StackSets.state(last) == StackSets.state(entry) {
          let both = try union(StackSets.below(last), StackSets.below(entry))
          entries[entries.count - 1] = StackSets.entry(StackSets.state(entry), both)
        } else {
          entries.append(entry)
        }
        first += 1
      }
      tops.append(Top(set: try number(entries), below: below))
    }
    return tops
  }

  private mutating func waitingTops(of set: Int32, _ levels: Int) throws(GrammarError) -> [Top] {
    if let known = waitingTops[set] { return known }
    let tops = try tops(of: set, levels)
    waitingTops[set] = tops
    byteCount += 48 + 8 * tops.count
    return tops
  }

  /// What may come when what stood on top of a set has ended.
  mutating func behind(_ below: Int32) throws(GrammarError) -> Int32 {
    while returns.count <= Int(below) { returns.append(-1) }
    let known = returns[Int(below)]
    if known >= 0 { return known }
    for index in table.entries(of: below) {
      let entry = table[index]
      if entry != StackSets.endEntry { try add(StackSets.state(entry), above: StackSets.below(entry)) }
    }
    let result = try close(mayEnd: accepting[Int(below)])
    returns[Int(below)] = result
    return result
  }

  // MARK: Trees of texts

  /// Goes through a tree of texts as far as steps are known.
  ///
  /// - Parameters:
  ///   - index: the node to go on at; afterwards the one whose step is not known, or the end.
  ///   - path: by depth: the set before the byte; the one behind it is put at the next.
  ///   - others: the kinds of texts that are looked at.
  ///   - tokens: gets those that may come.
  ///   - open: gets the nodes behind which what is cut off goes on; nil where nothing is.
  func follow(
    _ tree: TokenTree, from index: inout Int, to end: Int, path: inout [Int32], others: UInt16, tokens: inout [Int32],
    open: inout [Int32]?
  ) {
    let (nodes, byteClass, transitions, rows) = (tree.nodes.span, automaton.byteClass.span, transitions.span, rows.span)
    let treeTokens = tree.tokens.span
    var sets = path.mutableSpan
    // Tokens that lie behind one another are taken together.
    var (first, behind) = (0, 0)
    func take(_ tokens: inout [Int32]) {
      if behind - first < 8 {
        for place in first..<behind { tokens.append(treeTokens[place]) }
      } else {
        tokens += tree.tokens[first..<behind]
      }
    }
    defer { take(&tokens) }
    while index < end {
      let node = nodes[index]
      let depth = Int(node.depth)
      guard node.kinds.rawValue & others != 0 else {
        index = Int(node.end)
        continue
      }
      let next = transitions[Int(rows[Int(sets[depth])]) &+ Int(byteClass[Int(node.byte)])]
      if next <= StackSets.dead {
        if next < StackSets.dead { return }
        index = Int(node.end)
        continue
      }
      sets[depth + 1] = next
      index += 1
      let (start, end) = (Int(node.tokenStart), Int(nodes[index].tokenStart))
      if start < end {
        if start != behind {
          take(&tokens)
          first = start
        }
        behind = end
      }
      if accepting[Int(next)], Int(node.end) > index { open?.append(Int32(index - 1)) }
    }
  }

  /// Forgets every set but those that some need; renumbers these.
  mutating func forgetAll(but kept: inout [Int32]) throws(GrammarError) {
    var fresh = StackSets(automaton)
    fresh.work = work
    var renumbered: [Int32: Int32] = [StackSets.dead: StackSets.dead, StackSets.bottom: StackSets.bottom]
    // Sets below have smaller numbers: in ascending order each finds those it needs.
    var needed = Set(kept)
    for number in stride(from: kept.max() ?? 0, to: StackSets.bottom, by: -1) where needed.contains(number) {
      for (_, below) in pairs(number) { needed.insert(below) }
    }
    for number in needed.sorted() where renumbered[number] == nil {
      let entries = table.entries(of: number).map { index in
        let entry = table[index]
        return entry == StackSets.endEntry
          ? entry : StackSets.entry(StackSets.state(entry), renumbered[StackSets.below(entry)]!)
      }
      renumbered[number] = try fresh.number(entries)
    }
    self = fresh
    kept = kept.map { renumbered[$0]! }
  }
}
