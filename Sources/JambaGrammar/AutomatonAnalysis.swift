/// Analysis of a grammar before it is followed. Linear in its edges, whatever the grammar.
enum AutomatonAnalysis {
  /// Lists by state, one behind the other.
  private struct Lists<Element> {
    private var starts: [Int32]
    private var elements: [Element]

    init(_ pairs: [(state: Int32, element: Element)], count: Int) {
      starts = Array(repeating: 0, count: count + 1)
      for pair in pairs { starts[Int(pair.state) + 1] += 1 }
      for state in 0..<count { starts[state + 1] += starts[state] }
      var next = starts
      var order = [Int32](repeating: 0, count: pairs.count)
      for (index, pair) in pairs.enumerated() {
        order[Int(next[Int(pair.state)])] = Int32(index)
        next[Int(pair.state)] += 1
      }
      elements = order.map { pairs[Int($0)].element }
    }

    subscript(state: Int) -> ArraySlice<Element> { elements[Int(starts[state])..<Int(starts[state + 1])] }
  }

  private struct User {
    let state: Int32
    let edge: Automaton.Edge
  }

  /// The states from which a rule's end can be reached, and the counters that can.
  static func productiveStates(
    _ outgoing: [(from: Int32, edge: Automaton.Edge)], _ isEnd: [Bool], _ counters: [Counter]
  ) -> (states: [Bool], counters: [Bool]) {
    fixpoint(outgoing.map { User(state: $0.from, edge: $0.edge) }, isEnd, counters)
  }

  /// The states from which a rule's end can be reached without a byte.
  static func nullableStates(_ automaton: Automaton) -> [Bool] {
    fixpoint(silentEdges(automaton), automaton.isEnd, automaton.counters).states
  }

  private static func silentEdges(_ automaton: Automaton) -> [User] {
    var edges: [User] = []
    for state in 0..<Int32(automaton.isEnd.count) {
      for index in automaton.silentEdges(of: state) { edges.append(User(state: state, edge: automaton.edges[index])) }
    }
    return edges
  }

  /// The states from which nothing leads but to the end of the rule, without a byte.
  static func endingStates(_ outgoing: [(from: Int32, edge: Automaton.Edge)], _ isEnd: [Bool]) -> [Bool] {
    var pairs: [(state: Int32, element: Int32)] = []
    var missing = [Int32](repeating: 0, count: isEnd.count)
    for (from, edge) in outgoing {
      missing[Int(from)] += 1
      if edge.kind == .empty { pairs.append((edge.target, from)) }
    }
    let users = Lists(pairs, count: isEnd.count)
    var ends = [Bool](repeating: false, count: isEnd.count)
    var waiting = isEnd.indices.filter { isEnd[$0] && missing[$0] == 0 }
    for state in waiting { ends[state] = true }
    while let state = waiting.popLast() {
      for user in users[state] {
        missing[Int(user)] -= 1
        guard missing[Int(user)] == 0 else { continue }
        ends[Int(user)] = true
        waiting.append(Int(user))
      }
    }
    return ends
  }

  /// Spreads a property from the ends back over edges; one over a call needs it of the rule and of what follows.
  ///
  /// - Parameter edges: those that count, with their states.
  private static func fixpoint(
    _ edges: [User], _ isEnd: [Bool], _ counters: [Counter]
  ) -> (states: [Bool], counters: [Bool]) {
    var pairs: [(state: Int32, element: User)] = []
    pairs.reserveCapacity(edges.count)
    var gatePairs: [(state: Int32, element: Int32)] = []
    for user in edges {
      if user.edge.kind == .counter {
        gatePairs.append((user.edge.target, user.state))
        continue
      }
      pairs.append((user.edge.target, user))
      if user.edge.kind == .call { pairs.append((user.edge.following, user)) }
    }
    let users = Lists(pairs, count: isEnd.count)
    let gates = Lists(gatePairs, count: counters.count)
    // The counters that a state may open: asked again when it holds.
    var waitingCounters: [Int32: [Int]] = [:]
    for (number, counter) in counters.enumerated() {
      for state in counter.calls + [counter.behind] { waitingCounters[state, default: []].append(number) }
    }
    var holds = isEnd
    var isOpen = [Bool](repeating: false, count: counters.count)
    var waiting = isEnd.indices.filter { isEnd[$0] }
    while let state = waiting.popLast() {
      for user in users[state] where !holds[Int(user.state)] {
        guard holds[Int(user.edge.target)], user.edge.kind != .call || holds[Int(user.edge.following)] else { continue }
        holds[Int(user.state)] = true
        waiting.append(Int(user.state))
      }
      guard !waitingCounters.isEmpty else { continue }
      for number in waitingCounters[Int32(state)] ?? [] where !isOpen[number] && counters[number].holds({ holds[Int($0)] }) {
        isOpen[number] = true
        for gate in gates[number] where !holds[Int(gate)] {
          holds[Int(gate)] = true
          waiting.append(Int(gate))
        }
      }
    }
    return (holds, isOpen)
  }

  /// The first states of rules that come to themselves without a byte, by way of a call; empty if there are none.
  ///
  /// Such rules would wait for themselves without end. Circles of empty edges alone are harmless.
  static func leftRecursiveStates(_ automaton: Automaton) -> [Int32] {
    let count = automaton.isEnd.count
    let edges = silentEdges(automaton)
    let isNullable = automaton.isNullable
    var pairs: [(state: Int32, element: Int32)] = []
    for user in edges {
      if user.edge.kind == .counter {
        let counter = automaton.counters[Int(user.edge.target)]
        for call in counter.firstCalls { pairs.append((user.state, call)) }
        pairs.append((user.state, counter.behind))
      } else {
        pairs.append((user.state, user.edge.target))
        if user.edge.kind == .call, isNullable[Int(user.edge.target)] { pairs.append((user.state, user.edge.following)) }
      }
    }
    let corners = Lists(pairs, count: count)
    let component = components(count) { corners[$0] }
    var states: [Int32] = []
    for user in edges {
      switch user.edge.kind {
      case .call:
        if component[Int(user.state)] == component[Int(user.edge.target)] { states.append(user.edge.target) }
      case .counter:
        for call in automaton.counters[Int(user.edge.target)].firstCalls
        where component[Int(user.state)] == component[Int(call)] { states.append(call) }
      case .bytes, .empty: break
      }
    }
    return states
  }

  /// Strongly connected components (Tarjan 1972), without recursion: a grammar may be as deep as it is large.
  private static func components(_ count: Int, _ successors: (Int) -> ArraySlice<Int32>) -> [Int32] {
    var index = [Int32](repeating: -1, count: count)
    var low = [Int32](repeating: 0, count: count)
    var component = [Int32](repeating: -1, count: count)
    var open: [Int] = []
    var path: [(state: Int, rest: ArraySlice<Int32>)] = []
    var next: Int32 = 0
    var componentCount: Int32 = 0
    for root in 0..<count where index[root] < 0 {
      func enter(_ state: Int) {
        index[state] = next
        low[state] = next
        next += 1
        open.append(state)
        path.append((state, successors(state)))
      }
      enter(root)
      while let top = path.last {
        if let successor = path[path.count - 1].rest.popFirst().map(Int.init) {
          if index[successor] < 0 {
            enter(successor)
          } else if component[successor] < 0 {
            low[top.state] = min(low[top.state], index[successor])
          }
          continue
        }
        path.removeLast()
        if let caller = path.last { low[caller.state] = min(low[caller.state], low[top.state]) }
        if low[top.state] == index[top.state] {
          while let state = open.popLast() {
            component[state] = componentCount
            if state == top.state { break }
          }
          componentCount += 1
        }
      }
    }
    return component
  }
}
