/// A grammar compiled to a recursive transition network over bytes of UTF-8: a state's edges take a byte, nothing, or call
/// a rule and go on behind it. Every state can reach an end, so whatever is begun can be finished.
struct Automaton: Sendable {
  struct Edge: Sendable {
    enum Kind: UInt8, Sendable { case bytes, empty, call }

    let kind: Kind
    /// Of `.bytes`: the range taken.
    let low: UInt8
    let high: UInt8
    /// Of `.call`: the state behind the call.
    let following: Int32
    /// Of `.call`: the rule's first state.
    let target: Int32
  }

  private(set) var edges: [Edge]
  /// By state: where its edges begin; one more at the end.
  private(set) var edgeStarts: [Int32]
  /// By state: whether a rule ends there.
  private(set) var isEnd: [Bool]
  /// By state: whether it only ends its rule, so that a call with nothing behind it need not be remembered.
  private(set) var onlyEnds: [Bool]
  /// Bytes of the same class have the same edges everywhere.
  private(set) var byteClass: [UInt8]
  private(set) var classCount: Int
  /// By class: a byte of it.
  private(set) var classByte: [UInt8]
  let start: Int32

  init(_ rules: GrammarRules) throws(GrammarError) {
    var builder = AutomatonBuilder(rules)
    try builder.build()
    let graph = builder
    start = graph.ruleStarts[rules.root]
    edges = []
    edgeStarts = []
    isEnd = graph.isEnd
    let isProductive = AutomatonAnalysis.productiveStates(graph.outgoing, graph.isEnd)
    guard isProductive[Int(start)] else { throw .matchesNothing }
    let outgoing = graph.outgoing.map { edges in
      edges.filter { isProductive[Int($0.target)] && ($0.kind != .call || isProductive[Int($0.following)]) }
    }
    for list in outgoing {
      edgeStarts.append(Int32(edges.count))
      edges += list
    }
    edgeStarts.append(Int32(edges.count))
    onlyEnds = AutomatonAnalysis.endingStates(outgoing, isEnd)

    var isCut = [Bool](repeating: false, count: 257)
    for edge in edges where edge.kind == .bytes {
      isCut[Int(edge.low)] = true
      isCut[Int(edge.high) + 1] = true
    }
    byteClass = []
    classByte = [0]
    for byte in 0..<256 {
      if byte > 0, isCut[byte] { classByte.append(UInt8(byte)) }
      byteClass.append(UInt8(classByte.count - 1))
    }
    classCount = classByte.count

    let recursive = AutomatonAnalysis.leftRecursiveStates(self)
    if !recursive.isEmpty {
      let rule = graph.ruleStarts.firstIndex { recursive.contains($0) } ?? rules.root
      throw .leftRecursion(rule: rules.names[rule])
    }
  }

  func edges(of state: Int32) -> Range<Int> { Int(edgeStarts[Int(state)])..<Int(edgeStarts[Int(state) + 1]) }
}

/// Makes states and edges of expressions.
private struct AutomatonBuilder {
  private let rules: GrammarRules
  private(set) var outgoing: [[Automaton.Edge]] = []
  private(set) var isEnd: [Bool] = []
  private(set) var ruleStarts: [Int32] = []
  /// Shared states for sets of characters beyond ASCII, each called like a rule.
  private var setStarts: [ScalarSet: Int32] = [:]

  init(_ rules: GrammarRules) { self.rules = rules }

  mutating func build() throws(GrammarError) {
    for _ in rules.names { ruleStarts.append(try state()) }
    for (rule, body) in rules.bodies.enumerated() {
      guard let body else { throw .unknownRule(rules.names[rule]) }
      isEnd[Int(try add(body, from: ruleStarts[rule]))] = true
    }
  }

  private mutating func state() throws(GrammarError) -> Int32 {
    guard outgoing.count < GrammarLimits.states else { throw .tooLarge("more than \(GrammarLimits.states) states") }
    outgoing.append([])
    isEnd.append(false)
    return Int32(outgoing.count - 1)
  }

  private mutating func connect(
    _ from: Int32, _ kind: Automaton.Edge.Kind, low: UInt8 = 0, high: UInt8 = 0, following: Int32 = 0, to target: Int32
  ) {
    outgoing[Int(from)].append(
      Automaton.Edge(kind: kind, low: low, high: high, following: following, target: target))
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
    case .scalars(let set):
      let behind = try state()
      if let last = set.ranges.last, last.upperBound >= 0x80 {
        connect(from, .call, following: behind, to: try start(of: set))
      } else {
        for range in set.ranges {
          connect(from, .bytes, low: UInt8(range.lowerBound), high: UInt8(range.upperBound), to: behind)
        }
      }
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
    }
  }

  private mutating func add(
    repeating body: GrammarRules.Expression, _ least: Int, _ most: Int?, from: Int32
  ) throws(GrammarError) -> Int32 {
    // What is repeated often is called, so that a repetition costs two states a time whatever it repeats.
    var called: Int32?
    if max(least, most ?? 0) > 2 {
      let start = try state()
      isEnd[Int(try add(body, from: start))] = true
      called = start
    }
    func once(_ builder: inout AutomatonBuilder, from: Int32) throws(GrammarError) -> Int32 {
      guard let called else { return try builder.add(body, from: from) }
      let behind = try builder.state()
      builder.connect(from, .call, following: behind, to: called)
      return behind
    }
    var here = from
    for _ in 0..<least { here = try once(&self, from: here) }
    let behind = try state()
    if let most {
      for _ in least..<most {
        connect(here, .empty, to: behind)
        here = try once(&self, from: here)
      }
      connect(here, .empty, to: behind)
    } else {
      let loop = try state()
      connect(here, .empty, to: loop)
      connect(try once(&self, from: loop), .empty, to: loop)
      connect(loop, .empty, to: behind)
    }
    return behind
  }

  /// The first state of the bytes of a set of characters.
  private mutating func start(of set: ScalarSet) throws(GrammarError) -> Int32 {
    if let start = setStarts[set] { return start }
    let start = try state()
    let end = try state()
    isEnd[Int(end)] = true
    // States from which the same bytes follow are one.
    var tails: [[ClosedRange<UInt8>]: Int32] = [[]: end]
    for sequence in UTF8Ranges.sequences(of: set) {
      for length in 1..<max(sequence.count, 1) {
        let tail = Array(sequence.suffix(length))
        guard tails[tail] == nil else { continue }
        let here = try state()
        connect(here, .bytes, low: tail[0].lowerBound, high: tail[0].upperBound, to: tails[Array(tail.dropFirst())]!)
        tails[tail] = here
      }
      connect(
        start, .bytes, low: sequence[0].lowerBound, high: sequence[0].upperBound,
        to: tails[Array(sequence.dropFirst())]!)
    }
    setStarts[set] = start
    return start
  }
}
