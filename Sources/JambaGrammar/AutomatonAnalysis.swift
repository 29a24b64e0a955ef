/// Analysis of a grammar before it is followed. Linear in its edges, whatever the grammar.
enum AutomatonAnalysis {
  /// Lists of numbers by state, one behind the other.
  private struct Lists {
    private var starts: [Int32]
    private var elements: [Int32]

    /// - Parameter emit: says each state and number, the same ones whenever it is called.
    init(count: Int, _ emit: ((_ state: Int32, _ element: Int32) -> Void) -> Void) {
      var starts = [Int32](repeating: 0, count: count + 1)
      emit { state, _ in starts[Int(state) + 1] += 1 }
      for state in 0..<count { starts[state + 1] += starts[state] }
      var next = starts
      var elements = [Int32](repeating: 0, count: Int(starts[count]))
      emit { state, element in
        elements[Int(next[Int(state)])] = element
        next[Int(state)] += 1
      }
      (self.starts, self.elements) = (starts, elements)
    }

    subscript(state: Int) -> ArraySlice<Int32> { elements[Int(starts[state])..<Int(starts[state + 1])] }
  }

  typealias Edges = [(from: Int32, edge: Automaton.Edge)]

  /// The states from which a rule's end can be reached, and the counters that can.
  static func productiveStates(
    _ edges: Edges, _ isEnd: [Bool], _ counters: [Counter]
  ) -> (states: [Bool], counters: [Bool]) {
    fixpoint(edges, isEnd, counters)
  }

  /// The states from which a rule's end can be reached without a byte.
  static func nullableStates(_ automaton: Automaton) -> [Bool] {
    fixpoint(silentEdges(automaton), automaton.isEnd, automaton.counters).states
  }

  private static func silentEdges(_ automaton: Automaton) -> Edges {
    var edges: Edges = []
    for state in 0..<Int32(automaton.isEnd.count) {
      for index in automaton.silentEdges(of: state) { edges.append((state, automaton.edges[index])) }
    }
    return edges
  }

  /// The states from which nothing leads but to the end of the rule, without a byte.
  static func endingStates(_ edges: Edges, _ isEnd: [Bool]) -> [Bool] {
    var missing = [Int32](repeating: 0, count: isEnd.count)
    for (from, _) in edges { missing[Int(from)] += 1 }
    let users = Lists(count: isEnd.count) { emit in
      for (from, edge) in edges where edge.kind == .empty { emit(edge.target, from) }
    }
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
    _ edges: Edges, _ isEnd: [Bool], _ counters: [Counter]
  ) -> (states: [Bool], counters: [Bool]) {
    let users = Lists(count: isEnd.count) { emit in
      for (index, (_, edge)) in edges.enumerated() where edge.kind != .counter {
        emit(edge.target, Int32(index))
        if edge.kind == .call { emit(edge.following, Int32(index)) }
      }
    }
    let gates = Lists(count: counters.count) { emit in
      for (from, edge) in edges where edge.kind == .counter { emit(edge.target, from) }
    }
    // The counters that a state may open: asked again when it holds.
    let waitingCounters = Lists(count: counters.isEmpty ? 0 : isEnd.count) { emit in
      for (number, counter) in counters.enumerated() {
        for state in counter.calls { emit(state, Int32(number)) }
        emit(counter.behind, Int32(number))
      }
    }
    var holds = isEnd
    var isOpen = [Bool](repeating: false, count: counters.count)
    var waiting = isEnd.indices.filter { isEnd[$0] }
    while let state = waiting.popLast() {
      for index in users[state] {
        let (user, edge) = edges[Int(index)]
        guard !holds[Int(user)], holds[Int(edge.target)], edge.kind != .call || holds[Int(edge.following)] else { continue }
        holds[Int(user)] = true
        waiting.append(Int(user))
      }
      guard !counters.isEmpty else { continue }
      for number in waitingCounters[state] where !isOpen[Int(number)] && counters[Int(number)].holds({ holds[Int($0)] }) {
        isOpen[Int(number)] = true
        for gate in gates[Int(number)] where !holds[Int(gate)] {
          holds[Int(gate)] = true
          waiting.append(Int(gate))
        }
      }
    }
    return (holds, isOpen)
  }

  /// The bytes of an escaped character beyond the first plane.
  private static let partBytes = 12

  /// The states of rules of few bytes that others repeat, and of those that they call.
  ///
  /// - Parameters:
  ///   - owners: by state, the first one of its rule.
  ///   - starts: first states of rules that are repeated.
  static func partStates(_ automaton: Automaton, _ owners: [Int32], _ starts: Set<Int32>) -> [Bool] {
    var steps = 1 << 16
    /// The most bytes from a state to its rule's end; nil where that is not soon found.
    func longest(from state: Int32, _ levels: Int, _ seen: inout Set<Int32>) -> Int? {
      steps -= 1
      guard state < Counter.firstState, levels > 0, steps > 0 else { return nil }
      seen.insert(owners[Int(state)])
      var most = 0
      for index in automaton.edges(of: state) {
        let edge = automaton.edges[index]
        var (target, following, times) = (edge.target, edge.following, 1)
        if edge.kind == .counter {
          let counter = automaton.counters[Int(edge.target)]
          guard case .repetition(let body, _, let most) = counter.kind, most <= partBytes else { return nil }
          (target, following, times) = (body, counter.behind, most)
        }
        guard var length = longest(from: target, levels - 1, &seen) else { return nil }
        if edge.kind == .bytes { length += 1 }
        if edge.kind == .call || edge.kind == .counter {
          guard let rest = longest(from: following, levels - 1, &seen) else { return nil }
          length = times * length + rest
        }
        most = max(most, length)
      }
      return most
    }
    var parts: Set<Int32> = []
    for start in starts.sorted() where !parts.contains(start) {
      var seen: Set<Int32> = []
      if let length = longest(from: start, 32, &seen), length <= partBytes { parts.formUnion(seen) }
    }
    return owners.map { parts.contains($0) }
  }

  /// The first states of rules that come to themselves without a byte, by way of a call; empty if there are none.
  ///
  /// Such rules would wait for themselves without end. Circles of empty edges alone are harmless.
  static func leftRecursiveStates(_ automaton: Automaton) -> [Int32] {
    let count = automaton.isEnd.count
    let edges = silentEdges(automaton)
    let isNullable = automaton.isNullable
    let corners = Lists(count: count) { emit in
      for (from, edge) in edges {
        if edge.kind == .counter {
          let counter = automaton.counters[Int(edge.target)]
          for call in counter.firstCalls { emit(from, call) }
          if counter.mayBeEmpty({ isNullable[Int($0)] }) { emit(from, counter.behind) }
        } else {
          emit(from, edge.target)
          if edge.kind == .call, isNullable[Int(edge.target)] { emit(from, edge.following) }
        }
      }
    }
    let component = components(count) { corners[$0] }
    var states: [Int32] = []
    for (from, edge) in edges {
      switch edge.kind {
      case .call:
        if component[Int(from)] == component[Int(edge.target)] { states.append(edge.target) }
      case .counter:
        for call in automaton.counters[Int(edge.target)].firstCalls
        where component[Int(from)] == component[Int(call)] { states.append(call) }
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
