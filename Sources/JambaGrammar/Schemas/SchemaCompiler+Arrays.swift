import JambaSystem

extension SchemaCompiler {
  /// Items that are told apart while they are counted, at most.
  private static let countedLimit = 2000

  mutating func array(_ arrays: ArrayValues) throws(GrammarError) -> Expression {
    if let literal = arrays.literal { return try self.literal(literal) }
    let ws = try rule("ws")
    var arrays = arrays
    if arrays.isUnique, arrays.most.map({ $0 > 1 }) ?? true {
      if let few = try fewItems(&arrays, ws) { return .sequence([.text("["), ws, few, .text("]")]) }
      let content = try arrays.containing.isEmpty ? items(arrays, ws) : containing(arrays, ws)
      return .sequence([.text("["), .unique(.sequence([ws, content])), .text("]")])
    }
    let content = try arrays.containing.isEmpty ? items(arrays, ws) : containing(arrays, ws)
    return .sequence([.text("["), ws, content, .text("]")])
  }

  // Of the type: a method would hold a copy of the compiler while its argument changes it.
  private static func separated(_ item: Expression, _ ws: Expression, isFirst: Bool) -> Expression {
    isFirst ? .sequence([item, ws]) : .sequence([.text(","), ws, item, ws])
  }

  private mutating func items(_ arrays: ArrayValues, _ ws: Expression) throws(GrammarError) -> Expression {
    let hasOthers = try !normalizer.isEmpty(arrays.rest, .inner)
    let limit = min(arrays.most ?? Int.max, hasOthers ? Int.max : arrays.leading.count)
    let least = arrays.least
    guard least <= limit, least <= GrammarLimits.repetitions else {
      if least <= limit { throw .tooLarge("\"minItems\" may be at most \(GrammarLimits.repetitions)") }
      return .choice([])
    }
    let top = limit > GrammarLimits.repetitions ? nil : limit
    // What may come from place n on, from the last place backwards.
    var rest = Expression.empty
    let fixed = arrays.leading.prefix(limit)
    if hasOthers, limit > fixed.count {
      let others = try value(of: arrays.rest)
      if fixed.isEmpty {
        let tail = Expression.repeated(SchemaCompiler.separated(others, ws, isFirst: false), max(0, least - 1), top.map { $0 - 1 })
        rest = .sequence([SchemaCompiler.separated(others, ws, isFirst: true), tail])
        if least == 0 { rest = .optional(rest) }
      } else {
        rest = .repeated(
          SchemaCompiler.separated(others, ws, isFirst: false), max(0, least - fixed.count), top.map { $0 - fixed.count })
      }
    }
    for (index, goal) in fixed.enumerated().reversed() {
      rest = .sequence([SchemaCompiler.separated(try value(of: goal), ws, isFirst: index == 0), rest])
      if index >= least { rest = .optional(rest) }
      rest = try add(rest)
    }
    return rest
  }

  /// Items of which some must, or only so many may, fit a schema: states that count both.
  private mutating func containing(_ arrays: ArrayValues, _ ws: Expression) throws(GrammarError) -> Expression {
    let wanted = Array(arrays.containing).sorted { $0.goal.parts.lexicographicallyPrecedes($1.goal.parts) }
    let top = arrays.most ?? max(arrays.leading.count, arrays.least, 1)
    var size = top + 1
    for one in wanted { size = size.multipliedReportingOverflow(by: (one.most ?? one.least) + 1).partialValue }
    guard wanted.count <= 3, top < 1000, wanted.allSatisfy({ ($0.most ?? $0.least) < 1000 }),
      size <= SchemaCompiler.countedLimit
    else { throw .unsupported(keyword: "contains", path: path, reason: "more than \(SchemaCompiler.countedLimit) ways to count") }
    struct Counts: Hashable {
      var items: Int
      var found: [Int]
    }
    var states = [Counts(items: 0, found: wanted.map { _ in 0 })]
    var numbers = [states[0]: 0]
    var machine = GrammarRules.Machine()
    var here = 0
    while here < states.count {
      let counts = states[here]
      var edges: [GrammarRules.Machine.Edge] = []
      for choice in 0..<(1 << wanted.count) where arrays.most.map({ counts.items < $0 }) ?? true {
        var goal = arrays.goal(at: counts.items)
        var next = Counts(items: min(counts.items + 1, top), found: counts.found)
        var isPossible = true
        for (index, one) in wanted.enumerated() {
          if choice >> index & 1 == 1 {
            goal = goal.and(one.goal)
            if let most = one.most, next.found[index] >= most { isPossible = false }
            next.found[index] = min(next.found[index] + 1, one.most ?? one.least)
          } else if one.most != nil {
            // Only what certainly does not fit is not counted.
            let misfits = one.goal.parts.map { SchemaGoal(SchemaGoal.Part(place: $0.place, isNegated: !$0.isNegated)) }
            guard misfits.count == 1 else {
              isPossible = false
              continue
            }
            goal = goal.and(misfits[0])
          }
        }
        guard isPossible, try !normalizer.isEmpty(goal, .inner) else { continue }
        let target: Int
        if let known = numbers[next] {
          target = known
        } else {
          target = states.count
          numbers[next] = target
          states.append(next)
        }
        // The first item has no comma before it; its state is left at once and never entered again.
        let item = try add(SchemaCompiler.separated(value(of: goal), ws, isFirst: here == 0))
        edges.append(machine.edge(item, to: target))
      }
      machine.edges.append(edges)
      machine.isEnd.append(
        counts.items >= arrays.least && zip(counts.found, wanted).allSatisfy { $0 >= $1.least })
      here += 1
    }
    return .machine(machine)
  }

  /// Items that all differ, where their values are listed: if they are few, each comes at most once; if not, there are no more
  /// of them than that. nil where they must be told apart as they come.
  private mutating func fewItems(_ arrays: inout ArrayValues, _ ws: Expression) throws(GrammarError) -> Expression? {
    guard arrays.leading.isEmpty, !arrays.rest.isAnything else { return nil }
    let values = try meant(normalizer.values(of: arrays.rest, .inner))
    guard values.arrays.isEmpty, values.objects.isEmpty, values.numbers.allSatisfy({ $0.constants != nil }),
      values.strings.allSatisfy({ $0.constants != nil })
    else { return nil }
    var texts: [String] = values.hasNull ? ["null"] : []
    texts += values.booleans.map { $0 ? "true" : "false" }.sorted()
    // 1 and 1.0 are one.
    var numbers: Set<Decimal> = []
    texts += values.numbers.flatMap { $0.constants! }.filter { numbers.insert($0.value).inserted }.map(\.text)
    var seen: Set<ExactString> = []
    texts += values.strings.flatMap { $0.constants! }.filter { seen.insert($0).inserted }.map { JSON.string($0.text).text() }
    guard arrays.least <= texts.count else { return .choice([]) }
    guard arrays.containing.isEmpty, texts.count <= GrammarRules.Members.optionalLimit else {
      arrays.most = min(arrays.most ?? texts.count, texts.count)
      return nil
    }
    return .members(
      GrammarRules.Members(
        required: [], optional: texts.map { .sequence([.text($0), ws]) }, dependents: texts.map { _ in [] }, others: nil,
        separator: .sequence([.text(","), ws]), least: arrays.least, most: arrays.most))
  }
}
