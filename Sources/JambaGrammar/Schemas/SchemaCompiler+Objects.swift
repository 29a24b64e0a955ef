import JambaSystem

extension SchemaCompiler {
  /// A member of an object to be written.
  private struct Member {
    let name: ExactString
    let pair: Expression
    let isRequired: Bool
  }

  mutating func object(_ objects: ObjectValues) throws(GrammarError) -> Expression {
    if let literal = objects.literal { return try self.literal(literal) }
    let ws = try rule("ws")
    // Who declares members means no others, and a model that may would go on with them without end.
    let declared = objects.names.filter { objects.property($0)!.isDeclared }
    let isClosed =
      self.objects == .declared && objects.isDeclaring && !objects.isRestSaid && objects.least <= declared.count
      && objects.required.allSatisfy { objects.property($0)?.isDeclared ?? false }

    // The names that are written out: declared, required, or spoken of otherwise.
    var names = isClosed ? declared : objects.names
    names += objects.required.filter { objects.property($0) == nil }
    if !isClosed {
      for (name, others) in objects.dependents.sorted(by: { $0.key.text.utf8.lexicographicallyPrecedes($1.key.text.utf8) }) {
        for name in [name] + others.sorted(by: { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) })
        where !names.contains(name) { names.append(name) }
      }
    }
    let listed = isClosed ? nil : try listedNames(objects.nameGoal)
    if let listed {
      let known = Set(names)
      names += listed.filter { !known.contains($0) }
    }
    var members: [Member] = []
    for name in names {
      let goal = objects.property(name)?.goal ?? objects.otherGoal(name, in: table)
      let isRequired = objects.isRequired(name)
      // A member that can have no value is one that must not be there.
      guard try normalizer.isName(name, objects.nameGoal), try !normalizer.isEmpty(goal, .inner) else {
        if isRequired { return .choice([]) }
        continue
      }
      let key = JSON.string(name.text).text()
      let start: [Expression] = whitespace == .free ? [.text(key), ws, .text(":")] : [.text(key + ":")]
      let pair = try add(.sequence(start + [ws, value(of: goal), ws]))
      members.append(Member(name: name, pair: pair, isRequired: isRequired))
    }
    let others = isClosed || listed != nil ? nil : try otherPair(objects, than: names, ws)
    return .sequence([.text("{"), ws, try content(objects, members, others), .text("}")])
  }

  private mutating func content(
    _ objects: ObjectValues, _ members: [Member], _ others: Expression?
  ) throws(GrammarError) -> Expression {
    let comma = try rule("comma")
    var (required, optional) = (members.filter(\.isRequired), members.filter { !$0.isRequired })
    // A member that needs one which cannot be there cannot be there itself.
    var present = Set(members.map(\.name))
    while !objects.dependents.isEmpty,
      let missing = optional.firstIndex(where: { !(objects.dependents[$0.name] ?? []).isSubset(of: present) })
    {
      present.remove(optional.remove(at: missing).name)
    }
    // What a required member needs is required.
    while !objects.dependents.isEmpty, let needed = optional.firstIndex(where: { one in
      required.contains { objects.dependents[$0.name]?.contains(one.name) ?? false }
    }) {
      required.append(optional.remove(at: needed))
    }
    for member in required where !(objects.dependents[member.name] ?? []).isSubset(of: present) { return .choice([]) }

    let all = required.count + optional.count
    let most = objects.most.flatMap { others == nil && $0 >= all ? nil : $0 }
    guard most.map({ $0 >= required.count }) ?? true else { return .choice([]) }
    let least = objects.least <= required.count ? 0 : objects.least
    if least > all + (others == nil ? 0 : 1) {
      guard others != nil else { return .choice([]) }
      throw .unsupported(
        keyword: "minProperties", path: path, reason: "more than one member without a name given, and names may repeat")
    }
    let dependents = objects.dependents.isEmpty ? optional.map { _ in [] } : optional.map { one in
      (objects.dependents[one.name] ?? []).compactMap { name in optional.firstIndex { $0.name == name } }.sorted()
    }
    let isPlain = least == 0 && most == nil && dependents.allSatisfy { $0.isEmpty }
    if objects.isAnyOrder, let all = anyOrder(required, optional, others, comma, objects, most) { return all }
    if optional.isEmpty && isPlain { return sequence(required, others, comma) }
    guard optional.count <= GrammarRules.Members.optionalLimit, (most ?? 0) <= 1000 else {
      let present = members.filter { present.contains($0.name) }
      return isPlain ? try inOrder(present, others, comma) : try counted(present, others, comma, objects, least, most)
    }
    return .members(
      GrammarRules.Members(
        required: required.map(\.pair), optional: optional.map(\.pair), dependents: dependents, others: others,
        separator: comma, least: least, most: most))
  }

  private func sequence(_ members: [Member], _ others: Expression?, _ comma: Expression) -> Expression {
    var parts: [Expression] = []
    for member in members {
      if !parts.isEmpty { parts.append(comma) }
      parts.append(member.pair)
    }
    guard let others else { return .sequence(parts) }
    let more = Expression.any(.sequence([comma, others]))
    return parts.isEmpty ? .optional(.sequence([others, more])) : .sequence(parts + [more])
  }

  /// Members in their order, then others.
  private mutating func inOrder(
    _ members: [Member], _ others: Expression?, _ comma: Expression
  ) throws(GrammarError) -> Expression {
    // From the last member backwards: what may follow behind a member, and one or more of what is left. All of them stand
    // behind one comma, so that what comes next has not to be known before it.
    var later = others.map { Expression.any(.sequence([comma, $0])) } ?? .empty
    var next = others.map { Expression.sequence([$0, later]) }
    var isNeeded = false
    for member in members.reversed() {
      let begun = Expression.sequence([member.pair, try add(later)])
      if let others = next, !member.isRequired { next = try add(.choice([begun, others])) } else { next = begun }
      isNeeded = isNeeded || member.isRequired
      let continued = Expression.sequence([comma, next!])
      later = isNeeded ? continued : .optional(continued)
    }
    return next.map { isNeeded ? $0 : .optional($0) } ?? .empty
  }

  /// Members at any place, each once; nil where that is no other than their order, or they are too many.
  private func anyOrder(
    _ required: [Member], _ optional: [Member], _ others: Expression?, _ comma: Expression, _ objects: ObjectValues,
    _ most: Int?
  ) -> Expression? {
    // One that must be there comes first, where others may come: they count as one.
    guard required.count > (others == nil ? 0 : 1), required.count + optional.count > 1,
      required.count + optional.count <= GrammarRules.Members.optionalLimit, (most ?? 0) <= 1000
    else { return nil }
    let members = required + optional
    // Whichever is there, those that must be there are needed.
    let dependents = members.enumerated().map { (index, one) in
      let needed = objects.dependents[one.name] ?? []
      return members.indices.filter { $0 != index && ($0 < required.count || needed.contains(members[$0].name)) }
    }
    return .members(
      GrammarRules.Members(
        required: [], optional: members.map(\.pair), dependents: dependents, others: others,
        separator: comma, least: max(objects.least, required.count), most: most))
  }

  private static let countedStates = 20_000

  /// Members in their order, then others, where the number of members matters or which of them are there together: states
  /// that know both.
  private mutating func counted(
    _ members: [Member], _ others: Expression?, _ comma: Expression, _ objects: ObjectValues, _ least: Int, _ most: Int?
  ) throws(GrammarError) -> Expression {
    struct State: Hashable {
      var place = 0
      /// Members and others so far, as far as they matter.
      var count = 0
      var otherCount = 0
      /// A bit for each member that is there and needs others, or is needed.
      var present: UInt64 = 0
    }
    let names = Set(members.map(\.name))
    let needs = objects.dependents.filter { names.contains($0.key) && !$0.value.isEmpty }
    let involved = Set(needs.keys).union(needs.values.joined()).sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
    let keyword = !needs.isEmpty ? "dependentRequired" : least > 0 ? "minProperties" : "maxProperties"
    func refusal() -> GrammarError {
      .unsupported(keyword: keyword, path: path, reason: "beside \(members.count) members in more than \(SchemaCompiler.countedStates) ways")
    }
    guard involved.count <= 16 else { throw refusal() }
    var bits: [ExactString: UInt64] = [:]
    for (index, name) in involved.enumerated() { bits[name] = 1 << UInt64(index) }
    let rules = needs.map { (trigger: bits[$0.key]!, needed: $0.value.reduce(0) { $0 | bits[$1]! }) }
    var later: [Expression] = []
    for member in members { later.append(try add(.sequence([comma, member.pair]))) }
    let laterOther = try others.map { (other) throws(GrammarError) in try add(.sequence([comma, other])) }

    var states = [State()]
    var numbers = [State(): 0]
    var machine = GrammarRules.Machine()
    var here = 0
    while here < states.count {
      let state = states[here]
      var edges: [GrammarRules.Machine.Edge] = []
      func lead(_ label: Expression, to next: State) throws(GrammarError) {
        if numbers[next] == nil {
          guard states.count < SchemaCompiler.countedStates else { throw refusal() }
          numbers[next] = states.count
          states.append(next)
        }
        edges.append(machine.edge(label, to: numbers[next]!))
      }
      let isFirst = state.count + state.otherCount == 0
      let mayTake = most.map { state.count + state.otherCount < $0 } ?? true
      var next = state
      if state.place < members.count {
        let member = members[state.place]
        next.place += 1
        if !member.isRequired { try lead(.empty, to: next) }
        if mayTake {
          next.count = most == nil ? min(state.count + 1, max(least, 1)) : state.count + 1
          next.present |= bits[member.name] ?? 0
          try lead(isFirst ? member.pair : later[state.place], to: next)
        }
      } else if let others, let laterOther, mayTake {
        next.otherCount = most == nil ? 1 : state.otherCount + 1
        try lead(isFirst ? others : laterOther, to: next)
      }
      machine.edges.append(edges)
      // Others may be one name written again, so they count for one.
      machine.isEnd.append(
        state.place == members.count && state.count + min(state.otherCount, 1) >= least
          && rules.allSatisfy { state.present & $0.trigger == 0 || $0.needed & ~state.present == 0 })
      here += 1
    }
    return .machine(machine)
  }

  // MARK: Other members

  /// The names that `propertyNames` lists, if it does.
  private func listedNames(_ goal: SchemaGoal) throws(GrammarError) -> [ExactString]? {
    if goal.isAnything { return nil }
    let strings = try normalizer.values(of: goal, .inner).strings
    guard strings.allSatisfy({ $0.constants != nil }) else { return nil }
    var seen: Set<ExactString> = []
    return strings.flatMap { $0.constants! }.filter { seen.insert($0).inserted }
  }

  /// A member whose name is none of those given, and its value; nil where there is none.
  private mutating func otherPair(
    _ objects: ObjectValues, than names: [ExactString], _ ws: Expression
  ) throws(GrammarError) -> Expression? {
    let patterns = objects.others.flatMap(\.patterns)
    if patterns.isEmpty, objects.nameGoal.isAnything {
      let goal = objects.others.reduce(SchemaGoal.anything) { $0.and($1.goal) }
      if try normalizer.isEmpty(goal, .inner) { return nil }
      return try add(.sequence([otherName(than: names.map(\.text)), rule("colon"), ws, value(of: goal), ws]))
    }
    var language = table.both([
      table.repeated(table.set(SchemaCompiler.raw), 0, nil), table.complement(table.union(names.map { table.text($0.text) })),
    ])
    if !objects.nameGoal.isAnything {
      let strings = try normalizer.values(of: objects.nameGoal, .inner).strings
      language = table.both([language, table.union(strings.map { normalizer.language(of: $0) })])
    }
    // Names by the patterns that they fit.
    var classes: [(language: Language, fitting: Set<Int>)] = [(language, [])]
    for (index, pattern) in patterns.enumerated() {
      var next: [(language: Language, fitting: Set<Int>)] = []
      for one in classes {
        let yes = table.both([one.language, pattern.inner])
        let no = table.both([one.language, table.complement(pattern.outer)])
        if try !table.isEmpty(yes) { next.append((yes, one.fitting.union([index]))) }
        if try !table.isEmpty(no) { next.append((no, one.fitting)) }
      }
      guard next.count <= 64 else { throw .tooLarge("the patterns of \"patternProperties\" overlap in more than 64 ways") }
      classes = next
    }
    var pairs: [Expression] = []
    for one in classes {
      var goal = SchemaGoal.anything
      var first = 0
      for clause in objects.others {
        let fitting = clause.patterns.indices.filter { one.fitting.contains(first + $0) }
        goal = fitting.isEmpty ? goal.and(clause.goal) : fitting.reduce(goal) { $0.and(clause.patterns[$1].goal) }
        first += clause.patterns.count
      }
      if try normalizer.isEmpty(goal, .inner) { continue }
      if try table.isEmpty(one.language) { continue }
      let name = try machine(of: one.language) { SchemaCompiler.spelling(of: $0) }
      pairs.append(.sequence([.text("\""), name, .text("\""), try rule("colon"), ws, try value(of: goal), ws]))
    }
    return pairs.isEmpty ? nil : try add(.choice(pairs))
  }

  /// Strings in quotation marks other than the names given, written without escapes.
  private mutating func otherName(than names: [String]) throws(GrammarError) -> Expression {
    struct Node {
      var children: [(scalar: Unicode.Scalar, node: Int)] = []
      var isName = false
    }
    var nodes = [Node()]
    for name in names {
      var here = 0
      for scalar in name.unicodeScalars {
        if let child = nodes[here].children.first(where: { $0.scalar == scalar }) {
          here = child.node
        } else {
          guard nodes.count < GrammarLimits.states else { throw .tooLarge("names of members") }
          nodes[here].children.append((scalar, nodes.count))
          here = nodes.count
          nodes.append(Node())
        }
      }
      nodes[here].isName = true
    }
    let raw = SchemaCompiler.raw
    let anything = try rule("#name")
    if case .rule(let number) = anything { rules.define(number, .any(.scalars(raw))) }
    var machine = GrammarRules.Machine(isEnd: nodes.map { !$0.isName } + [true])
    for node in nodes {
      let known = ScalarSet(node.children.map { $0.scalar.value...$0.scalar.value })
      var list = [machine.edge(.sequence([.scalars(raw.subtracting(known)), anything]), to: nodes.count)]
      for child in node.children where raw.contains(child.scalar.value) {
        list.append(machine.edge(.scalars(ScalarSet(child.scalar)), to: child.node))
      }
      machine.edges.append(list)
    }
    machine.edges.append([])
    return .sequence([.text("\""), .machine(machine), .text("\"")])
  }
}
