/// Makes states and edges of expressions.
struct AutomatonBuilder {
  private let rules: GrammarRules
  /// Edges and the states that they begin at.
  private(set) var edges: [(from: Int32, edge: Automaton.Edge)] = []
  private(set) var isEnd: [Bool] = []
  private(set) var ruleStarts: [Int32] = []
  private(set) var counters: [Counter] = []
  private(set) var uniqueStates: Set<Int32> = []
  private(set) var wideStates: Set<Int32> = []
  /// First states of the counters of strings' characters.
  private(set) var stringCounters: Set<Int32> = []
  /// The first state of a rule of JSON's strings.
  var stringStart: Int32? { rules.strings.min().map { ruleStarts[$0] } }
  /// By state: the first one of the rule that it is in.
  private(set) var owners: [Int32] = []
  /// First states of rules that others repeat or label their edges with, as a string does its characters.
  private(set) var partStarts: Set<Int32> = []
  /// The first state of the rule that is being made.
  private var owner: Int32 = 0
  private var nextCounterState = Int(Counter.firstState)
  /// Shared states for sets of characters beyond ASCII, each called like a rule.
  private var setStarts: [ScalarSet: Int32] = [:]

  /// All characters beyond ASCII but for rare ones.
  private static let wide = ScalarSet.all.subtracting(ScalarSet([0...0x7F])).subtracting(Alphabet.rare)

  init(_ rules: GrammarRules) { self.rules = rules }

  mutating func build() throws(GrammarError) {
    for _ in rules.names { ruleStarts.append(try ruleStart()) }
    for (rule, body) in rules.bodies.enumerated() {
      guard let body else { throw .unknownRule(rules.names[rule]) }
      owner = ruleStarts[rule]
      let known = counters.count
      isEnd[Int(try add(body, from: ruleStarts[rule]))] = true
      if counters.count == known + 1, rules.countedStrings.contains(rule) { stringCounters.insert(counters[known].base) }
    }
  }

  /// The first state of a rule.
  private mutating func ruleStart() throws(GrammarError) -> Int32 {
    let start = try state()
    owners[Int(start)] = start
    return start
  }

  private mutating func state() throws(GrammarError) -> Int32 {
    guard isEnd.count < GrammarLimits.states else { throw .tooLarge("more than \(GrammarLimits.states) states") }
    isEnd.append(false)
    owners.append(owner)
    return Int32(isEnd.count - 1)
  }

  private mutating func connect(
    _ from: Int32, _ kind: Automaton.Edge.Kind, low: UInt8 = 0, high: UInt8 = 0, following: Int32 = 0, to target: Int32
  ) {
    edges.append((from, Automaton.Edge(kind: kind, low: low, high: high, following: following, target: target)))
  }

  /// Adds an expression's states behind `from`; the state behind the expression.
  private mutating func add(_ expression: GrammarRules.Expression, from: Int32) throws(GrammarError) -> Int32 {
    switch expression {
    case .text(let text):
      var here = from
      for byte in text.utf8 {
        let next = try state()
        connect(here, .bytes, low: byte, high: byte, to: next)
        here = next
      }
      return here
    case .scalars:
      let behind = try state()
      try connect(from, label(expression), to: behind)
      return behind
    case .sequence(let items):
      var here = from
      for item in items { here = try add(item, from: here) }
      return here
    case .choice(let alternatives):
      let behind = try state()
      for alternative in alternatives {
        let first = try state()
        connect(from, .empty, to: first)
        connect(try add(alternative, from: first), .empty, to: behind)
      }
      return behind
    case .rule(let rule):
      let behind = try state()
      connect(from, .call, following: behind, to: ruleStarts[rule])
      return behind
    case .repeated(let body, let least, let most):
      return try add(repeating: body, least, most, from: from)
    case .machine(let machine): return try add(machine, from: from)
    case .members(let members): return try add(members, from: from)
    case .unique(let body):
      uniqueStates.insert(from)
      return try add(body, from: from)
    }
  }

  private mutating func add(
    repeating body: GrammarRules.Expression, _ least: Int, _ most: Int?, from: Int32
  ) throws(GrammarError) -> Int32 {
    if case .rule(let rule) = body { partStarts.insert(ruleStarts[rule]) }
    var here = from
    let behind = try state()
    if max(least, most ?? 0) > 2 {
      // What is repeated often is counted: its states are reckoned rather than kept.
      let counted = most ?? least
      if counted > 0 {
        // Counters come in the order of their states, so those within the body before this one.
        let start = try part(body)
        let counter = Counter(
          base: try counterStates(counted + 1), kind: .repetition(body: start, least: least, most: counted), behind: try state())
        connect(here, .counter, to: Int32(counters.count))
        counters.append(counter)
        here = counter.behind
      }
    } else {
      for _ in 0..<least { here = try add(body, from: here) }
      for _ in least..<(most ?? least) {
        connect(here, .empty, to: behind)
        here = try add(body, from: here)
      }
    }
    if most == nil {
      let loop = try state()
      connect(here, .empty, to: loop)
      connect(try add(body, from: loop), .empty, to: loop)
      here = loop
    }
    connect(here, .empty, to: behind)
    return behind
  }

  private mutating func counterStates(_ count: Int) throws(GrammarError) -> Int32 {
    guard count <= Int(Int32.max) - nextCounterState else { throw .tooLarge("its repetitions count too far") }
    defer { nextCounterState += count }
    return Int32(nextCounterState)
  }

  /// An expression as a rule: its first state.
  private mutating func called(_ body: GrammarRules.Expression) throws(GrammarError) -> Int32 {
    if case .rule(let rule) = body { return ruleStarts[rule] }
    let start = try ruleStart()
    let outer = owner
    owner = start
    isEnd[Int(try add(body, from: start))] = true
    owner = outer
    return start
  }

  /// The same of one that comes again and again.
  private mutating func part(_ body: GrammarRules.Expression) throws(GrammarError) -> Int32 {
    let start = try called(body)
    partStarts.insert(start)
    return start
  }

  private mutating func add(_ machine: GrammarRules.Machine, from: Int32) throws(GrammarError) -> Int32 {
    if let most = machine.most { return try add(machine, most, from: from) }
    var states: [Int32] = []
    for _ in machine.edges { states.append(try state()) }
    let behind = try state()
    connect(from, .empty, to: states[0])
    var labels: [Label] = []
    for label in machine.labels { labels.append(try self.label(label)) }
    for (index, edges) in machine.edges.enumerated() {
      for edge in edges { try connect(states[index], labels[edge.label], to: states[edge.target]) }
      if machine.isEnd[index] { connect(states[index], .empty, to: behind) }
    }
    return behind
  }

  private mutating func add(
    _ machine: GrammarRules.Machine, _ most: Int, from: Int32
  ) throws(GrammarError) -> Int32 {
    var calls: [Int32] = []
    for label in machine.labels { calls.append(try part(label)) }
    let edges = machine.edges.map { $0.map { BoundedMachine.Edge(call: calls[$0.label], target: $0.target) } }
    let bounded = BoundedMachine(edges: edges, isEnd: machine.isEnd, most: most)
    let counter = Counter(base: try counterStates(bounded.stateCount), kind: .bounded(bounded), behind: try state())
    connect(from, .counter, to: Int32(counters.count))
    counters.append(counter)
    return counter.behind
  }

  /// What edges of a machine have in common.
  private enum Label {
    /// Characters of ASCII, told apart at once, and the first state of what spells the others.
    case scalars([ClosedRange<UInt8>], wide: Int32?)
    case call(Int32)
    case other(GrammarRules.Expression)
  }

  private mutating func label(_ expression: GrammarRules.Expression) throws(GrammarError) -> Label {
    switch expression {
    case .scalars(let set):
      let ascii = set.ranges.prefix { $0.lowerBound < 0x80 }.map { UInt8($0.lowerBound)...UInt8(min($0.upperBound, 0x7F)) }
      guard let last = set.ranges.last, last.upperBound >= 0x80 else { return .scalars(ascii, wide: nil) }
      return .scalars(ascii, wide: try start(of: set.subtracting(ScalarSet([0...0x7F]))))
    case .rule(let rule):
      partStarts.insert(ruleStarts[rule])
      return .call(ruleStarts[rule])
    default: return .other(expression)
    }
  }

  private mutating func connect(_ from: Int32, _ label: Label, to target: Int32) throws(GrammarError) {
    switch label {
    case .scalars(let ascii, let wide):
      for range in ascii { connect(from, .bytes, low: range.lowerBound, high: range.upperBound, to: target) }
      if let wide { connect(from, .call, following: target, to: wide) }
    case .call(let start): connect(from, .call, following: target, to: start)
    case .other(let expression): connect(try add(expression, from: from), .empty, to: target)
    }
  }

  private mutating func add(_ members: GrammarRules.Members, from: Int32) throws(GrammarError) -> Int32 {
    var counts = MemberCounts(separator: try called(members.separator), least: members.least, most: members.most)
    for one in members.required { counts.required.append(try called(one)) }
    for (index, one) in members.optional.enumerated() {
      counts.optional.append(try called(one))
      counts.dependents.append(members.dependents[index].reduce(0) { $0 | 1 << $1 })
    }
    if let others = members.others { counts.others = try called(others) }
    let counter = Counter(base: try counterStates(counts.stateCount), kind: .members(counts), behind: try state())
    connect(from, .counter, to: Int32(counters.count))
    counters.append(counter)
    return counter.behind
  }

  /// The first state of the bytes of a set of characters.
  private mutating func start(of set: ScalarSet) throws(GrammarError) -> Int32 {
    if let start = setStarts[set] { return start }
    let start = try ruleStart()
    let outer = owner
    owner = start
    defer { owner = outer }
    partStarts.insert(start)
    let end = try state()
    isEnd[Int(end)] = true
    // States from which the same bytes follow are one. A tail of at most three ranges is known by its bytes.
    var tails: [UInt64: Int32] = [:]
    for sequence in UTF8Ranges.sequences(of: set) {
      var (behind, tail) = (end, UInt64(0))
      for range in sequence.dropFirst().reversed() {
        tail = tail << 16 | UInt64(range.lowerBound) << 8 | UInt64(range.upperBound)
        if let known = tails[tail] {
          behind = known
          continue
        }
        let here = try state()
        connect(here, .bytes, low: range.lowerBound, high: range.upperBound, to: behind)
        tails[tail] = here
        behind = here
      }
      connect(start, .bytes, low: sequence[0].lowerBound, high: sequence[0].upperBound, to: behind)
    }
    setStarts[set] = start
    if AutomatonBuilder.wide.subtracting(set).isEmpty { wideStates.insert(start) }
    return start
  }
}
