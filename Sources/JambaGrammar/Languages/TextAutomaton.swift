/// A deterministic automaton over Unicode scalars, from every state of which a text's end can be reached.
struct TextAutomaton: Sendable {
  /// What edges are labelled with, by number.
  var sets: [ScalarSet] = []
  var edges: [[GrammarRules.Machine.Edge]] = []
  var accepts: [Bool] = []

  /// Its texts, where a scalar of a set is written as `labels` say.
  func expression(_ labels: [GrammarRules.Expression]) -> GrammarRules.Expression {
    edges.isEmpty ? .choice([]) : .machine(GrammarRules.Machine(labels: labels, edges: edges, isEnd: accepts))
  }
}

extension LanguageTable {
  /// Scalars that no set within a language tells apart.
  private struct ScalarClasses {
    var members: [[ClosedRange<UInt32>]] = []
    var representatives: [UInt32] = []
    /// By set: which classes lie in it.
    private var contained: [Int32: [Int32]] = [:]
    /// By class: its group among those that behave alike, and by group its first class.
    private(set) var groupOf: [Int] = []
    private(set) var firsts: [Int32] = []
    /// By group, while a set takes classes out of it: the group that they make.
    private var split: [Int] = []

    private mutating func classes(in number: Int32, _ set: ScalarSet) -> [Int32] {
      if let known = contained[number] { return known }
      let classes = representatives.indices.filter { set.contains(representatives[$0]) }.map { Int32($0) }
      contained[number] = classes
      return classes
    }

    /// Groups classes that none of some sets tells apart. Groups are in the order of their first classes.
    mutating func group(by numbers: [Int32], _ sets: [ScalarSet]) {
      let count = representatives.count
      groupOf = Array(repeating: 0, count: count)
      var groupCount = 1
      for number in numbers {
        split = Array(repeating: 0, count: groupCount)
        for index in classes(in: number, sets[Int(number)]) {
          let group = groupOf[Int(index)]
          if split[group] == 0 {
            split[group] = groupCount
            groupCount += 1
          }
          groupOf[Int(index)] = split[group]
        }
      }
      split = Array(repeating: -1, count: groupCount)
      firsts = []
      for index in 0..<count {
        let group = groupOf[index]
        if split[group] < 0 {
          split[group] = firsts.count
          firsts.append(Int32(index))
        }
        groupOf[index] = split[group]
      }
    }
  }

  private func scalarClasses(of language: Language) throws(GrammarError) -> ScalarClasses {
    let used = setsUsed(in: language)
    var borders: Set<UInt32> = [0, 0xD800, 0xE000, 0x110000]
    for set in used {
      for range in set.ranges {
        borders.insert(range.lowerBound)
        borders.insert(range.upperBound + 1)
      }
    }
    let sorted = borders.sorted()
    guard sorted.count * used.count <= 8_000_000 else { throw .tooLarge("a pattern's classes of characters") }
    // Segments between borders, told apart by one set after the other.
    var classOf = [Int](repeating: 0, count: sorted.count - 1)
    var count = 1
    for set in used {
      var renamed: [Int: Int] = [:]
      var range = 0
      for segment in classOf.indices {
        while range < set.ranges.count, set.ranges[range].upperBound < sorted[segment] { range += 1 }
        guard range < set.ranges.count, set.ranges[range].lowerBound <= sorted[segment] else { continue }
        let old = classOf[segment]
        if let new = renamed[old] {
          classOf[segment] = new
        } else {
          renamed[old] = count
          classOf[segment] = count
          count += 1
        }
      }
    }
    var classes = ScalarClasses()
    var numbers: [Int: Int] = [:]
    for segment in classOf.indices where sorted[segment] != 0xD800 {
      let range = sorted[segment]...sorted[segment + 1] - 1
      if let number = numbers[classOf[segment]] {
        classes.members[number].append(range)
      } else {
        numbers[classOf[segment]] = classes.members.count
        classes.members.append([range])
        classes.representatives.append(range.lowerBound)
      }
    }
    return classes
  }

  /// An automaton of a language; nil where it has more states than the limit. Without states where the language is empty.
  func automaton(of language: Language, limit: Int) throws(GrammarError) -> TextAutomaton? {
    // Each count of a repetition is a state at least.
    if facts(language).isPlain, longestCount(in: language) > limit { return nil }
    var classes = try scalarClasses(of: language)
    if case .both(let members) = kind(language), let product = product(of: list(members), &classes, limit: limit) {
      return product.automaton(classes.members)
    }
    var states = [language]
    var numbers = [language: 0]
    // By state its edges, by edge its classes.
    var edges: [Edge] = []
    var edgeStarts = [0]
    var edgeClasses: [Int32] = []
    // By state, while another's edges are made: which of those leads there.
    var places = [-1]
    var edgeOf: [Int] = []
    while edgeStarts.count <= states.count {
      count(1)
      let here = states[edgeStarts.count - 1]
      classes.group(by: beginnings(of: here), sets)
      let first = edges.count
      edgeOf.removeAll(keepingCapacity: true)
      for index in classes.firsts {
        let next = derivative(here, by: classes.representatives[Int(index)])
        guard next != nothing else {
          edgeOf.append(-1)
          continue
        }
        var target = numbers[next] ?? -1
        if target < 0 {
          guard states.count < limit, !isFull else { return nil }
          target = states.count
          numbers[next] = target
          states.append(next)
          places.append(-1)
        }
        if places[target] < first {
          places[target] = edges.count
          edges.append(Edge(target: target))
        }
        edgeOf.append(places[target])
      }
      for group in classes.groupOf where edgeOf[group] >= 0 { edges[edgeOf[group]].end += 1 }
      var next = edgeClasses.count
      for index in first..<edges.count {
        let count = edges[index].end
        (edges[index].start, edges[index].end) = (next, next)
        next += count
      }
      edgeClasses += repeatElement(0, count: next - edgeClasses.count)
      for (index, group) in classes.groupOf.enumerated() where edgeOf[group] >= 0 {
        edgeClasses[edges[edgeOf[group]].end] = Int32(index)
        edges[edgeOf[group]].end += 1
      }
      edgeStarts.append(edges.count)
    }
    guard !isFull else { return nil }
    // States from which no text ends are left out.
    var users: [[Int]] = Array(repeating: [], count: states.count)
    for state in states.indices {
      for edge in edges[edgeStarts[state]..<edgeStarts[state + 1]] { users[edge.target].append(state) }
    }
    var leads = states.map { facts($0).isNullable }
    var waiting = leads.indices.filter { leads[$0] }
    while let state = waiting.popLast() {
      for user in users[state] where !leads[user] {
        leads[user] = true
        waiting.append(user)
      }
    }
    guard leads[0] else { return TextAutomaton() }
    var renumbered = [Int](repeating: 0, count: states.count)
    var count = 0
    for state in states.indices where leads[state] {
      renumbered[state] = count
      count += 1
    }
    var lists = ListTable<Int32>()
    var result = TextAutomaton()
    for state in states.indices where leads[state] {
      var row: [GrammarRules.Machine.Edge] = []
      for edge in edges[edgeStarts[state]..<edgeStarts[state + 1]] where leads[edge.target] {
        let list = Int(lists.number(Array(edgeClasses[edge.start..<edge.end])))
        if list == result.sets.count {
          result.sets.append(ScalarSet(edgeClasses[edge.start..<edge.end].flatMap { classes.members[Int($0)] }))
        }
        row.append(GrammarRules.Machine.Edge(label: list, target: renumbered[edge.target]))
      }
      result.edges.append(row)
      result.accepts.append(facts(states[state]).isNullable)
    }
    return result
  }

  // MARK: Products

  /// An automaton whose edges are known by class.
  private struct ClassAutomaton {
    let classCount: Int
    /// By state and class: the state behind; −1 for none.
    var targets: [Int32] = []
    var accepts: [Bool] = []

    init(classCount: Int) { self.classCount = classCount }

    /// Takes whatever it did not.
    func complemented() -> ClassAutomaton {
      var result = self
      let sink = Int32(accepts.count)
      result.targets = targets.map { $0 < 0 ? sink : $0 } + Array(repeating: sink, count: classCount)
      result.accepts = accepts.map { !$0 } + [true]
      return result.trimmed()
    }

    /// Without states from which no text ends.
    func trimmed() -> ClassAutomaton {
      var users: [[Int32]] = Array(repeating: [], count: accepts.count)
      for (place, target) in targets.enumerated() where target >= 0 {
        let user = Int32(place / classCount)
        if users[Int(target)].last != user { users[Int(target)].append(user) }
      }
      var leads = accepts
      var waiting = accepts.indices.filter { accepts[$0] }
      while let state = waiting.popLast() {
        for user in users[state] where !leads[Int(user)] {
          leads[Int(user)] = true
          waiting.append(Int(user))
        }
      }
      var result = ClassAutomaton(classCount: classCount)
      guard leads.first ?? false else { return result }
      var renumbered = [Int32](repeating: -1, count: accepts.count)
      for state in accepts.indices where leads[state] {
        renumbered[state] = Int32(result.accepts.count)
        result.accepts.append(accepts[state])
      }
      for state in accepts.indices where leads[state] {
        for target in targets[state * classCount..<(state + 1) * classCount] {
          result.targets.append(target < 0 ? -1 : renumbered[Int(target)])
        }
      }
      return result
    }

    /// - Parameter members: the scalars of each class.
    func automaton(_ members: [[ClosedRange<UInt32>]]) -> TextAutomaton {
      var lists = ListTable<Int32>()
      var result = TextAutomaton()
      for state in accepts.indices {
        // In the order of their first classes.
        var order: [Int32] = []
        var classes: [Int32: [Int32]] = [:]
        for (index, target) in targets[state * classCount..<(state + 1) * classCount].enumerated() where target >= 0 {
          if classes[target] == nil { order.append(target) }
          classes[target, default: []].append(Int32(index))
        }
        result.edges.append(
          order.map { target in
            let list = Int(lists.number(classes[target]!))
            if list == result.sets.count { result.sets.append(ScalarSet(classes[target]!.flatMap { members[Int($0)] })) }
            return GrammarRules.Machine.Edge(label: list, target: Int(target))
          })
        result.accepts.append(accepts[state])
      }
      return result
    }
  }

  /// Of members of an intersection, and of products of them.
  private static let productStates = 2000
  /// Targets, which are states times classes.
  private static let productSize = 200_000

  /// The automaton of an intersection, as the product of its members': a pair of states is less work than an expression. nil
  /// where one of them is large.
  private func product(of members: [Language], _ classes: inout ScalarClasses, limit: Int) -> ClassAutomaton? {
    var result: ClassAutomaton?
    for member in members {
      let isNegative: Bool
      let body: Language
      switch kind(member) {
      case .complement(let inner): (body, isNegative) = (inner, true)
      default: (body, isNegative) = (member, false)
      }
      guard !(facts(body).isPlain && longestCount(in: body) > LanguageTable.productStates),
        let one = classAutomaton(of: body, &classes)
      else { return nil }
      let next = isNegative ? one.complemented() : one
      guard let known = result else {
        result = next
        continue
      }
      guard let both = product(known, next, limit) else { return nil }
      result = both
    }
    return result
  }

  private func product(_ a: ClassAutomaton, _ b: ClassAutomaton, _ limit: Int) -> ClassAutomaton? {
    let classCount = a.classCount
    var result = ClassAutomaton(classCount: classCount)
    guard !a.accepts.isEmpty, !b.accepts.isEmpty else { return result }
    var pairs: [(Int, Int)] = [(0, 0)]
    var numbers: [Int: Int32] = [0: 0]
    while result.accepts.count < pairs.count {
      let (one, other) = pairs[result.accepts.count]
      result.accepts.append(a.accepts[one] && b.accepts[other])
      for index in 0..<classCount {
        let (x, y) = (Int(a.targets[one * classCount + index]), Int(b.targets[other * classCount + index]))
        guard x >= 0, y >= 0 else {
          result.targets.append(-1)
          continue
        }
        let key = x * b.accepts.count + y
        let number = numbers[key] ?? Int32(pairs.count)
        if number == pairs.count {
          guard pairs.count < limit, pairs.count * classCount < LanguageTable.productSize else { return nil }
          numbers[key] = number
          pairs.append((x, y))
        }
        result.targets.append(number)
      }
    }
    count(pairs.count * classCount / 16)
    return isFull ? nil : result.trimmed()
  }

  /// The automaton of a language by given classes; nil where it is large.
  private func classAutomaton(of language: Language, _ classes: inout ScalarClasses) -> ClassAutomaton? {
    let classCount = classes.representatives.count
    var result = ClassAutomaton(classCount: classCount)
    var states = [language]
    var numbers = [language: Int32(0)]
    while result.accepts.count < states.count {
      count(1)
      let here = states[result.accepts.count]
      result.accepts.append(facts(here).isNullable)
      classes.group(by: beginnings(of: here), sets)
      var found: [Int32] = []
      for index in classes.firsts {
        let next = derivative(here, by: classes.representatives[Int(index)])
        guard next != nothing else {
          found.append(-1)
          continue
        }
        let number = numbers[next] ?? Int32(states.count)
        if number == states.count {
          guard states.count < LanguageTable.productStates, states.count * classCount < LanguageTable.productSize, !isFull else {
            return nil
          }
          numbers[next] = number
          states.append(next)
        }
        found.append(number)
      }
      for group in classes.groupOf { result.targets.append(found[group]) }
    }
    count(states.count * classCount / 16)
    return isFull ? nil : result.trimmed()
  }

  /// To a state, by the classes of a range of a list.
  private struct Edge {
    let target: Int
    var start = 0
    var end = 0
  }

  /// Whether a language has no text. Throws where that takes too long to find out.
  func isEmpty(_ language: Language) throws(GrammarError) -> Bool {
    if language == nothing { return true }
    if facts(language).isNullable || facts(language).isPlain { return false }
    if let known = emptiness[language] { return known }
    if case .both(let members) = kind(language), count(of: members) == 2 {
      let members = list(members)
      // A pattern beside a length that its shortest text has.
      for (one, other) in [(members[0], members[1]), (members[1], members[0])] {
        guard case .repeated(scalar, let least, let most) = kind(other), facts(one).isPlain else { continue }
        if facts(one).least >= Int(least), most < 0 || facts(one).least <= Int(most) { return false }
      }
    }
    var classes = try scalarClasses(of: language)
    var seen: Set<Language> = [language]
    var waiting = [language]
    var next = 0
    while next < waiting.count {
      guard waiting.count < 20_000 else { throw .tooLarge("patterns that are hard to tell apart") }
      count(1)
      classes.group(by: beginnings(of: waiting[next]), sets)
      for index in classes.firsts {
        let behind = derivative(waiting[next], by: classes.representatives[Int(index)])
        if facts(behind).isNullable || behind != nothing && facts(behind).isPlain {
          try check()
          emptiness[language] = false
          return false
        }
        if behind != nothing, seen.insert(behind).inserted { waiting.append(behind) }
      }
      next += 1
    }
    try check()
    emptiness[language] = true
    return true
  }
}
