import JambaSystem

/// What fits one schema and not another: `not`, `oneOf` and `else`.
///
/// An array or an object fails a schema for one of several reasons; each that can be held becomes an alternative. The rest is
/// left out, so what comes out may be less than the difference, never more. In the outer reading it may be more, never less:
/// where something would be left out, all that was there stays.
extension SchemaNormalizer {
  /// What two values cost that are looked at part by part, in conjunctions; their members besides.
  private static let differenceWork = 8

  /// - Parameters:
  ///   - b: in the reading opposite to `reading`, which is that of `a`.
  ///   - keyword: for which it is done, with its place for errors.
  func subtract(
    _ a: SchemaValues, _ b: SchemaValues, _ reading: Reading, _ keyword: String, _ place: SchemaPlace
  ) throws(GrammarError) -> SchemaValues {
    var rest = a
    rest.hasNull = a.hasNull && !b.hasNull
    rest.booleans = a.booleans.subtracting(b.booleans)
    rest.numbers = try subtract(a.numbers, b.numbers, reading)
    rest.strings = try subtract(a.strings, b.strings)
    rest.arrays = try remove(b.arrays, from: a.arrays) { (x, y, _) throws(GrammarError) in
      try self.subtract(x, y, reading, keyword, place)
    }
    rest.objects = try remove(b.objects, from: a.objects) { (x, y, areMany) throws(GrammarError) in
      try self.subtract(x, y, reading, keyword, place, isSpare: areMany)
    }
    if rest.types != a.types { rest.isTyped = true }
    return rest
  }

  private func subtract(_ a: [NumberValues], _ b: [NumberValues], _ reading: Reading) throws(GrammarError) -> [NumberValues] {
    if b.isEmpty || a.isEmpty { return a }
    if b.contains(NumberValues()) { return [] }
    var known: Language?
    func others() throws(GrammarError) -> Language {
      if let known { return known }
      try count(SchemaNormalizer.differenceWork + 4 * b.count)
      var outer: [Language] = []
      for numbers in b { outer.append(try language(of: numbers, reading.opposite)) }
      let others = table.complement(table.union(outer))
      known = others
      return others
    }
    var rest: [NumberValues] = []
    for numbers in a {
      var left = numbers
      if let constants = numbers.constants {
        left.constants = constants.filter { constant in
          !b.contains { other in
            other.constants.map { $0.contains { $0.value == constant.value } }
              ?? (other.contains(constant.value) && (other.language.map { table.matches(constant.text, $0) } ?? true))
          }
        }
        if !left.constants!.isEmpty { rest.append(left) }
        continue
      }
      // Numbers apart by their bounds need no language.
      if b.allSatisfy({ NumberLanguages.areApart(numbers, $0) }) {
        rest.append(numbers)
        continue
      }
      let others = try others()
      left.language = numbers.language.map { table.both([$0, others]) } ?? others
      if try !isEmpty(left, reading) { rest.append(left) }
    }
    return rest
  }

  private func subtract(_ a: [StringValues], _ b: [StringValues]) throws(GrammarError) -> [StringValues] {
    if b.isEmpty || a.isEmpty { return a }
    if b.contains(StringValues()) { return [] }
    let constants = Set(b.flatMap { $0.constants ?? [] })
    let languages = b.filter { $0.constants == nil }.map { language(of: $0) }
    let all = table.union(languages)
    var rest: [StringValues] = []
    for strings in a {
      if let list = strings.constants {
        let left = list.filter { !constants.contains($0) && !table.matches($0.text, all) }
        if !left.isEmpty { rest.append(StringValues(constants: left)) }
      } else {
        let others = table.complement(table.union([all] + constants.map { table.text($0.text) }))
        let left = StringValues(language: strings.language.map { table.both([$0, others]) } ?? others)
        if try !isEmpty(left) { rest.append(left) }
      }
    }
    return rest
  }

  /// Alternatives from which on an object lacks a member rather than to have one that does not fit.
  private static let manyWays = 32

  private func remove<Value: Hashable>(
    _ others: [Value], from values: [Value], _ subtract: (Value, Value, _ areMany: Bool) throws(GrammarError) -> [Value]
  ) throws(GrammarError) -> [Value] {
    var rest = values
    for other in others {
      var left: [Value] = []
      try count(2 * rest.count)
      let areMany = rest.count >= SchemaNormalizer.manyWays
      for value in rest { left += try subtract(value, other, areMany) }
      rest = left
      guard rest.count <= SchemaNormalizer.alternatives else {
        throw .tooLarge("its schemas combine to more than \(SchemaNormalizer.alternatives) alternatives")
      }
    }
    return rest
  }

  private func refusal(_ keyword: String, _ place: SchemaPlace, _ what: String) -> GrammarError {
    let path = document.entry(place).path
    return keyword == "oneOf"
      ? .unsupported(
        keyword: keyword, path: path,
        reason: "two of its schemas may fit the same \(what), and what tells them apart is not held; use anyOf")
      : .unsupported(keyword: keyword, path: path, reason: "what an \(what) must not be is not held in this case")
  }

  // MARK: Arrays

  private func subtract(
    _ a: ArrayValues, _ b: ArrayValues, _ reading: Reading, _ keyword: String, _ place: SchemaPlace
  ) throws(GrammarError) -> [ArrayValues] {
    guard let common = intersect(a, b), try !isEmpty(common, .outer, depth: 0) else { return [a] }
    try count(SchemaNormalizer.differenceWork)
    var ways: [ArrayValues] = []
    var isMore = false
    func add(_ change: (inout ArrayValues) -> Void) {
      var way = a
      way.literal = nil
      change(&way)
      if way.most.map({ $0 >= way.least }) ?? true { ways.append(way) }
    }
    if b.least > a.least { add { $0.most = min($0.most ?? Int.max, b.least - 1) } }
    if let most = b.most, a.most.map({ $0 > most }) ?? true { add { $0.least = max($0.least, most + 1) } }
    // One place that does not fit.
    let places = max(b.leading.count, min(a.most ?? (a.least == 0 ? 1 : a.least), 8))
    for index in 0..<places where a.most.map({ index < $0 }) ?? true {
      for part in b.goal(at: index).parts {
        let opposite = SchemaGoal(SchemaGoal.Part(place: part.place, isNegated: !part.isNegated))
        let goal = a.goal(at: index).and(opposite)
        if try isEmpty(goal, reading) { continue }
        add {
          while $0.leading.count <= index { $0.leading.append($0.rest) }
          $0.leading[index] = goal
          $0.least = max($0.least, index + 1)
        }
      }
    }
    if !b.rest.isAnything, a.most.map({ $0 > places }) ?? true { isMore = true }
    if !b.containing.isEmpty || b.isUnique { isMore = true }
    if reading == .outer, isMore { return [a] }
    if ways.isEmpty, isMore { throw refusal(keyword, place, "array") }
    return ways
  }

  // MARK: Objects

  /// - Parameter isSpare: leaves out other ways where the lack of a member is one.
  private func subtract(
    _ a: ObjectValues, _ b: ObjectValues, _ reading: Reading, _ keyword: String, _ place: SchemaPlace, isSpare: Bool
  ) throws(GrammarError) -> [ObjectValues] {
    guard let common = try intersect(a, b, .outer), try !isEmpty(common, .outer, depth: 0) else { return [a] }
    try count(SchemaNormalizer.differenceWork + a.names.count + b.names.count)
    var ways: [ObjectValues] = []
    var isMore = false
    func add(_ change: (inout ObjectValues) throws(GrammarError) -> Void) throws(GrammarError) {
      var way = a
      way.literal = nil
      try change(&way)
      if way.most.map({ $0 >= max(way.least, way.required.count) }) ?? true { ways.append(way) }
    }
    func forbid(_ name: ExactString) throws(GrammarError) {
      try add { (way) throws(GrammarError) in way.narrow(name, to: self.never, in: self.table) }
    }
    func misfit(_ name: ExactString, _ goal: SchemaGoal) throws(GrammarError) {
      for part in goal.parts {
        let opposite = SchemaGoal(SchemaGoal.Part(place: part.place, isNegated: !part.isNegated))
        let known = a.property(name)?.goal ?? a.otherGoal(name, in: table)
        if known.parts.contains(part) { continue }
        do throws(GrammarError) {
          if try isEmpty(known.and(opposite), reading) { continue }
        } catch {
          // What cannot be turned round is no way.
          isMore = true
          continue
        }
        try add { (way) throws(GrammarError) in
          way.narrow(name, to: opposite, in: self.table)
          way.require(name)
        }
      }
    }
    for name in b.required where !a.isRequired(name) { try forbid(name) }
    if isSpare, reading == .inner, !ways.isEmpty { return ways }
    // A member that is not spoken of here is not made up where there is another way.
    var undeclared: [ExactString] = []
    for name in b.names {
      if a.property(name) != nil { try misfit(name, b.property(name)!.goal) } else { undeclared.append(name) }
    }
    for name in a.names where b.property(name) == nil { try misfit(name, b.otherGoal(name, in: table)) }
    for name in a.required where a.property(name) == nil && b.property(name) == nil {
      try misfit(name, b.otherGoal(name, in: table))
    }
    if b.least > a.least { try add { (way) throws(GrammarError) in way.most = min(way.most ?? Int.max, b.least - 1) } }
    if let most = b.most, a.most.map({ $0 > most }) ?? true {
      try add { (way) throws(GrammarError) in way.least = max(way.least, most + 1) }
    }
    if ways.isEmpty || reading == .outer { for name in undeclared { try misfit(name, b.property(name)!.goal) } }
    // Members without a name here matter only where there may be such.
    let isClosed = a.others.contains { $0.patterns.isEmpty && isNever($0.goal) }
    if !isClosed && !b.others.isEmpty || !b.nameGoal.isAnything || !b.dependents.isEmpty { isMore = true }
    if reading == .outer, isMore { return [a] }
    if ways.isEmpty, isMore { throw refusal(keyword, place, "object") }
    return ways
  }
}

extension NumberLanguages {
  /// Whether bounds alone keep numbers apart.
  static func areApart(_ a: NumberValues, _ b: NumberValues) -> Bool {
    func isBelow(_ a: NumberValues, _ b: NumberValues) -> Bool {
      guard let high = a.high, let low = b.low else { return false }
      return high.value < low.value || high.value == low.value && (high.isExcluded || low.isExcluded)
    }
    return isBelow(a, b) || isBelow(b, a)
  }
}
