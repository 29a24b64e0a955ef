/// A grammar compiled to a recursive transition network over bytes of UTF-8: a state's edges take a byte, nothing, or call
/// a rule and go on behind it. Every state can reach an end, so whatever is begun can be finished.
struct Automaton: Sendable {
  struct Edge: Sendable {
    enum Kind: UInt8, Sendable { case bytes, empty, call, counter }

    let kind: Kind
    /// Of `.bytes`: the range taken.
    let low: UInt8
    let high: UInt8
    /// Of `.call`: the state behind the call.
    let following: Int32
    /// Of `.call`: the rule's first state; of `.counter`: the counter's number.
    let target: Int32
  }

  private(set) var edges: [Edge]
  /// By state: where its edges begin, those of bytes behind all others; one more at the end.
  private(set) var edgeStarts: [Int32]
  /// By state: where its edges of bytes begin.
  private(set) var byteStarts: [Int32] = []
  /// By state: whether a rule ends there.
  private(set) var isEnd: [Bool]
  /// By state: whether it only ends its rule, so that a call with nothing behind it need not be remembered.
  private var onlyEnds: [Bool]
  /// By state: whether it is one that takes a byte and has no other edges, and no rule ends there.
  private(set) var isPlain: [Bool] = []
  /// By state: whether its rule may end there, or behind nothing but rules that may be empty.
  private(set) var isNullable: [Bool] = []
  /// First states of the rules of all characters beyond ASCII, or all that are not rare.
  let wideStates: Set<Int32>
  /// By state: whether it is in a rule of few bytes that another repeats or labels its edges with, as a string does its
  /// characters, or in one that such a rule calls.
  private(set) var isPart: [Bool] = []
  /// Bytes of the same class have the same edges everywhere; classes are in the order of their bytes.
  private(set) var byteClass: [UInt8]
  private(set) var classCount: Int
  /// By class: a byte of it.
  private(set) var classByte: [UInt8]
  let start: Int32
  /// The first state of a rule of JSON's strings, if there is one that can be come to.
  let stringStart: Int32?
  /// First states of the counters of characters in rules of JSON's strings.
  let stringCounters: Set<Int32>
  private(set) var counters: [Counter]
  /// States behind the brackets that open arrays whose items must all differ.
  let uniqueStates: Set<Int32>

  init(_ rules: GrammarRules) throws(GrammarError) {
    var graph = AutomatonBuilder(rules)
    try graph.build()
    let outgoing = graph.edges
    start = graph.ruleStarts[rules.root]
    stringStart = graph.stringStart
    stringCounters = graph.stringCounters
    uniqueStates = graph.uniqueStates
    wideStates = graph.wideStates
    isEnd = graph.isEnd
    let (isProductive, isCounting) = AutomatonAnalysis.productiveStates(outgoing, isEnd, graph.counters)
    guard isProductive[Int(start)] else { throw .matchesNothing }
    let kept = outgoing.filter { (_, edge) in
      if edge.kind == .counter { return isCounting[Int(edge.target)] }
      return isProductive[Int(edge.target)] && (edge.kind != .call || isProductive[Int(edge.following)])
    }
    counters = graph.counters.map { $0.keeping { isProductive[Int($0)] } }
    onlyEnds = AutomatonAnalysis.endingStates(kept, isEnd)
    // By state, those of bytes last.
    var starts = [Int32](repeating: 0, count: 2 * isEnd.count + 1)
    for (from, edge) in kept { starts[2 * Int(from) + (edge.kind == .bytes ? 1 : 0) + 1] += 1 }
    for place in 1..<starts.count { starts[place] += starts[place - 1] }
    edgeStarts = stride(from: 0, to: starts.count, by: 2).map { starts[$0] }
    byteStarts = stride(from: 1, to: starts.count, by: 2).map { starts[$0] }
    edges = Array(repeating: Edge(kind: .empty, low: 0, high: 0, following: 0, target: 0), count: kept.count)
    for (from, edge) in kept {
      let place = 2 * Int(from) + (edge.kind == .bytes ? 1 : 0)
      edges[Int(starts[place])] = edge
      starts[place] += 1
    }

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

    isNullable = AutomatonAnalysis.nullableStates(self)
    isPlain = isEnd.indices.map { !isEnd[$0] && byteStarts[$0] == edgeStarts[$0] && edgeStarts[$0] < edgeStarts[$0 + 1] }
    isPart = AutomatonAnalysis.partStates(self, graph.owners, graph.partStarts)
    counters = counters.map { $0.judging { isNullable[Int($0)] } }
    let recursive = AutomatonAnalysis.leftRecursiveStates(self)
    if !recursive.isEmpty {
      let rule = graph.ruleStarts.firstIndex { recursive.contains($0) } ?? rules.root
      throw .leftRecursion(rule: rules.names[rule])
    }
  }

  /// About how much memory it takes.
  var byteCount: Int { edges.count * MemoryLayout<Edge>.stride + isEnd.count * 14 + counters.count * 256 }

  /// The edges of a state that is kept; none of one that a counter reckons.
  func edges(of state: Int32) -> Range<Int> {
    state >= Counter.firstState ? 0..<0 : Int(edgeStarts[Int(state)])..<Int(edgeStarts[Int(state) + 1])
  }

  /// The edges of a state that is kept by which a byte is taken.
  func byteEdges(of state: Int32) -> Range<Int> {
    state >= Counter.firstState ? 0..<0 : Int(byteStarts[Int(state)])..<Int(edgeStarts[Int(state) + 1])
  }

  /// The edges of a state that is kept which take nothing.
  func silentEdges(of state: Int32) -> Range<Int> {
    state >= Counter.firstState ? 0..<0 : Int(edgeStarts[Int(state)])..<Int(byteStarts[Int(state)])
  }

  func ends(_ state: Int32) -> Bool { state < Counter.firstState && isEnd[Int(state)] }

  func onlyEnds(_ state: Int32) -> Bool { state < Counter.firstState && onlyEnds[Int(state)] }

  /// The counter that reckons a state.
  func counter(of state: Int32) -> Counter {
    var (low, high) = (0, counters.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if counters[middle].base <= state { low = middle } else { high = middle }
    }
    return counters[low]
  }
}
