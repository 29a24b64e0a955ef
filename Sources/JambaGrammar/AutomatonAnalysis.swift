/// Analysis of a grammar before it is followed. Linear in its edges, whatever the grammar.
enum AutomatonAnalysis {
  /// The states from which a rule's end can be reached, and the counters that can.
  static func productiveStates(
    _ outgoing: [[Automaton.Edge]], _ isEnd: [Bool], _ counters: [Counter]
  ) -> (states: [Bool], counters: [Bool]) {
    fixpoint(outgoing, isEnd, counters) { _ in true }
  }

  /// The states from which a rule's end can be reached without a byte.
  static func nullableStates(_ outgoing: [[Automaton.Edge]], _ isEnd: [Bool], _ counters: [Counter]) -> [Bool] {
    fixpoint(outgoing, isEnd, counters) { $0.kind != .bytes }.states
  }

  /// The states from which nothing leads but to the end of the rule, without a byte.
  static func endingStates(_ outgoing: [[Automaton.Edge]], _ isEnd: [Bool]) -> [Bool] {
    var users: [[Int32]] = Array(repeating: [], count: outgoing.count)
    var missing = outgoing.map(\.count)
    for (state, edges) in outgoing.enumerated() {
      for edge in edges where edge.kind == .empty { users[Int(edge.target)].append(Int32(state)) }
    }
    var ends = [Bool](repeating: false, count: outgoing.count)
    var waiting = outgoing.indices.filter { isEnd[$0] && outgoing[$0].isEmpty }
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
  private static func fixpoint(
    _ outgoing: [[Automaton.Edge]], _ isEnd: [Bool], _ counters: [Counter], where counts: (Automaton.Edge) -> Bool
  ) -> (states: [Bool], counters: [Bool]) {
    var users: [[(state: Int32, edge: Int32)]] = Array(repeating: [], count: outgoing.count)
    var gates: [[Int32]] = Array(repeating: [], count: counters.count)
    for (state, edges) in outgoing.enumerated() {
      for (index, edge) in edges.enumerated() where counts(edge) {
        if edge.kind == .counter {
          gates[Int(edge.target)].append(Int32(state))
          continue
        }
        users[Int(edge.target)].append((Int32(state), Int32(index)))
        if edge.kind == .call { users[Int(edge.following)].append((Int32(state), Int32(index))) }
      }
    }
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
        let edge = outgoing[Int(user.state)][Int(user.edge)]
        guard holds[Int(edge.target)], edge.kind != .call || holds[Int(edge.following)] else { continue }
        holds[Int(user.state)] = true
        waiting.append(Int(user.state))
      }
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
  static func leftRecursiveStates(_ automaton: Automaton, _ outgoing: [[Automaton.Edge]]) -> [Int32] {
    let count = automaton.isEnd.count
    let isNullable = automaton.isNullable
    func corners(_ state: Int) -> [Int32] {
      var corners: [Int32] = []
      for edge in outgoing[state] where edge.kind != .bytes {
        if edge.kind == .counter {
          let counter = automaton.counters[Int(edge.target)]
          corners += counter.firstCalls + [counter.behind]
          continue
        }
        corners.append(edge.target)
        if edge.kind == .call, isNullable[Int(edge.target)] { corners.append(edge.following) }
      }
      return corners
    }
    let component = components(count, corners)
    var states: [Int32] = []
    for state in 0..<count {
      for edge in outgoing[state] {
        switch edge.kind {
        case .call: if component[state] == component[Int(edge.target)] { states.append(edge.target) }
        case .counter:
          for call in automaton.counters[Int(edge.target)].firstCalls where component[state] == component[Int(call)] {
            states.append(call)
          }
        case .bytes, .empty: break
        }
      }
    }
    return states
  }

  /// Strongly connected components (Tarjan 1972), without recursion: a grammar may be as deep as it is large.
  private static func components(_ count: Int, _ successors: (Int) -> [Int32]) -> [Int32] {
    var index = [Int32](repeating: -1, count: count)
    var low = [Int32](repeating: 0, count: count)
    var component = [Int32](repeating: -1, count: count)
    var open: [Int] = []
    var next: Int32 = 0
    var componentCount: Int32 = 0
    for root in 0..<count where index[root] < 0 {
      var path: [(state: Int, successors: [Int32], done: Int)] = []
      func enter(_ state: Int) {
        index[state] = next
        low[state] = next
        next += 1
        open.append(state)
        path.append((state, successors(state), 0))
      }
      enter(root)
      while let top = path.last {
        if top.done < top.successors.count {
          path[path.count - 1].done += 1
          let successor = Int(top.successors[top.done])
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
