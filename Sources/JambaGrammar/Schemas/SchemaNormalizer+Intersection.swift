import JambaSystem

/// What fits two schemas, and what fits one of two.
extension SchemaNormalizer {
  func intersect(_ a: SchemaValues, _ b: SchemaValues, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    var all = SchemaValues()
    all.hasNull = a.hasNull && b.hasNull
    all.booleans = a.booleans.intersection(b.booleans)
    all.numbers = try pairs(a.numbers, b.numbers, NumberValues()) { (x, y) throws(GrammarError) in
      try self.intersect(x, y, reading)
    }
    all.strings = try pairs(a.strings, b.strings, StringValues()) { (x, y) throws(GrammarError) in self.intersect(x, y) }
    all.arrays = try pairs(a.arrays, b.arrays, ArrayValues()) { (x, y) throws(GrammarError) in self.intersect(x, y) }
    all.objects = try pairs(a.objects, b.objects, ObjectValues()) { (x, y) throws(GrammarError) in
      try self.count((x.names.count + y.names.count) / 8)
      return try self.intersect(x, y, reading)
    }
    all.isTyped = a.isTyped || b.isTyped
    all.spoken =
      switch (a.spoken, b.spoken) {
      case (nil, let one), (let one, nil): one
      case (let one?, let two?): one.union(two)
      }
    return all
  }

  /// Every one of a list with every one of another; `any` changes nothing.
  private func pairs<Value: Hashable>(
    _ a: [Value], _ b: [Value], _ any: Value, _ intersect: (Value, Value) throws(GrammarError) -> Value?
  ) throws(GrammarError) -> [Value] {
    if a == [any] { return b }
    if b == [any] || a == b && a.count == 1 { return a }
    var all: [Value] = []
    var seen: Set<Value> = []
    try count(a.count * b.count)
    for x in a {
      for y in b {
        guard let both = try x == any ? y : y == any ? x : intersect(x, y) else { continue }
        if seen.insert(both).inserted { all.append(both) }
        guard all.count <= SchemaNormalizer.alternatives else {
          throw .tooLarge("its schemas combine to more than \(SchemaNormalizer.alternatives) alternatives")
        }
      }
    }
    return all
  }

  private func intersect(_ a: NumberValues, _ b: NumberValues, _ reading: Reading) throws(GrammarError) -> NumberValues? {
    var all = a
    if let low = b.low, a.low.map({ $0.value < low.value || $0.value == low.value && low.isExcluded }) ?? true {
      all.low = low
    }
    if let high = b.high, a.high.map({ high.value < $0.value || $0.value == high.value && high.isExcluded }) ?? true {
      all.high = high
    }
    all.isWhole = a.isWhole || b.isWhole
    all.multiples.formUnion(b.multiples)
    let languages = [a.language, b.language].compactMap { $0 }
    all.language = languages.isEmpty ? nil : table.both(languages)
    if let one = a.constants, let other = b.constants {
      all.constants = one.filter { constant in other.contains { $0.value == constant.value } }
    } else {
      all.constants = a.constants ?? b.constants
    }
    if let constants = all.constants {
      all.constants = constants.filter { constant in
        all.contains(constant.value) && (all.language.map { table.matches(constant.text, $0) } ?? true)
      }
      if all.constants!.isEmpty { return nil }
      (all.low, all.high, all.isWhole, all.multiples, all.language) = (nil, nil, false, [], nil)
    }
    return try isEmpty(all, reading) ? nil : all
  }

  private func intersect(_ a: StringValues, _ b: StringValues) -> StringValues? {
    var all = StringValues()
    let languages = [a.language, b.language].compactMap { $0 }
    let language = languages.isEmpty ? nil : table.both(languages)
    if let one = a.constants, let other = b.constants {
      let others = Set(other)
      all.constants = one.filter { others.contains($0) }
    } else {
      all.constants = a.constants ?? b.constants
    }
    if let constants = all.constants {
      if let language { all.constants = constants.filter { table.matches($0.text, language) } }
      return all.constants!.isEmpty ? nil : all
    }
    all.language = language
    return language == table.nothing ? nil : all
  }

  func intersect(_ a: ArrayValues, _ b: ArrayValues) -> ArrayValues? {
    if let one = a.literal, one == b.literal { return a }
    var all = ArrayValues()
    let count = max(a.leading.count, b.leading.count)
    all.leading = (0..<count).map { a.goal(at: $0).and(b.goal(at: $0)) }
    all.seen = max(a.seen, b.seen)
    all.rest = a.rest.and(b.rest)
    all.isRestSaid = a.isRestSaid || b.isRestSaid
    all.least = max(a.least, b.least)
    all.most = [a.most, b.most].compactMap { $0 }.min()
    all.containing = a.containing.union(b.containing)
    all.isUnique = a.isUnique || b.isUnique
    if let most = all.most, most < all.least { return nil }
    return all
  }

  func intersect(_ a: ObjectValues, _ b: ObjectValues, _ reading: Reading) throws(GrammarError) -> ObjectValues? {
    if let one = a.literal, one == b.literal { return a }
    var all = ObjectValues()
    for name in a.names + b.names where all.property(name) == nil {
      let (one, two) = (a.property(name), b.property(name))
      var goal = (one?.goal ?? a.otherGoal(name, in: table)).and(two?.goal ?? b.otherGoal(name, in: table))
      // Where a member's value decides what else is asked for, conditions on other values would multiply.
      if one != nil, two != nil, try areConstantsApart(goal, reading) { goal = never }
      all.set(
        name, ObjectValues.Property(goal: goal, isDeclared: one?.isDeclared ?? false || two?.isDeclared ?? false))
    }
    all.others = a.others
    for clause in b.others where !all.others.contains(clause) { all.others.append(clause) }
    all.nameGoal = a.nameGoal.and(b.nameGoal)
    for name in a.required + b.required { all.require(name) }
    all.least = max(a.least, b.least)
    all.most = [a.most, b.most].compactMap { $0 }.min()
    all.dependents = a.dependents.merging(b.dependents) { $0.union($1) }
    all.isDeclaring = a.isDeclaring || b.isDeclaring
    all.isRestSaid = a.isRestSaid || b.isRestSaid
    all.isAllSaid = a.isAllSaid || b.isAllSaid
    all.isAnyOrder = a.isAnyOrder || b.isAnyOrder
    if let most = all.most, most < max(all.least, all.required.count) { return nil }
    for name in all.required where isNever(all.property(name)?.goal ?? .anything) { return nil }
    return all
  }

  /// Whether schemas, one of which is a constant or a list of them, have none in common, as far as that is soon seen.
  private func areConstantsApart(_ goal: SchemaGoal, _ reading: Reading) throws(GrammarError) -> Bool {
    guard goal.parts.count > 1, !isNever(goal) else { return false }
    for part in goal.parts where !part.isNegated {
      guard case .object(let object) = try document.entry(resolved(part.place)).schema,
        object["const"] != nil || object["enum"] != nil
      else { continue }
      // What cannot be read is found where it matters.
      do throws(GrammarError) { return try isEmpty(goal, reading) } catch { return false }
    }
    return false
  }

  func unite(_ parts: [SchemaValues]) throws(GrammarError) -> SchemaValues {
    var all = SchemaValues.none
    all.isTyped = parts.allSatisfy { $0.isTyped }
    all.spoken = []
    for part in parts {
      all.hasNull = all.hasNull || part.hasNull
      all.booleans.formUnion(part.booleans)
      // What speaks of nothing speaks of all.
      let spoken = part.isTyped ? part.types : part.spoken
      all.spoken = all.spoken.flatMap { known in spoken.map { known.union($0) } }
    }
    all.numbers = try SchemaNormalizer.united(parts.map(\.numbers), NumberValues())
    all.strings = try SchemaNormalizer.united(parts.map(\.strings), StringValues())
    all.arrays = try SchemaNormalizer.united(parts.map(\.arrays), ArrayValues())
    all.objects = try SchemaNormalizer.united(parts.map(\.objects), ObjectValues())
    return all
  }

  private static func united<Value: Hashable>(_ parts: [[Value]], _ any: Value) throws(GrammarError) -> [Value] {
    if parts.contains([any]) { return [any] }
    var seen: Set<Value> = []
    let all = parts.joined().filter { seen.insert($0).inserted }
    guard all.count <= 4 * alternatives else { throw .tooLarge("more than \(4 * alternatives) alternatives") }
    return all
  }

  // MARK: Languages

  /// The texts of numbers.
  func language(of numbers: NumberValues, _ reading: Reading) throws(GrammarError) -> Language {
    let texts = NumberLanguages(table: table)
    if let constants = numbers.constants {
      if reading == .inner { return table.union(constants.map { table.text($0.text) }) }
      let points = constants.map { constant in
        let bound = NumberLanguages.Bound(value: constant.value, isExcluded: false)
        return table.union([table.text(constant.text), texts.between(bound, bound, whole: false)])
      }
      return table.union(points + [texts.untidy])
    }
    let isBounded = numbers.low != nil || numbers.high != nil
    var parts: [Language] = []
    if isBounded {
      let between = texts.between(numbers.low, numbers.high, whole: numbers.isWhole && reading == .inner)
      parts.append(reading == .inner ? between : table.union([between, texts.untidy]))
      if numbers.isWhole, reading == .outer { parts.append(texts.outerIntegers) }
    } else {
      parts.append(numbers.isWhole ? reading == .inner ? texts.integers : texts.outerIntegers : texts.numbers)
    }
    for multiple in numbers.multiples {
      guard let language = texts.multiples(of: multiple.modulus, places: multiple.places) else {
        throw .tooLarge("\"multipleOf\" of more than \(DigitRemainder.largestModulus)")
      }
      parts.append(reading == .inner ? language : table.union([language, texts.untidy, texts.withExponent]))
    }
    if let language = numbers.language { parts.append(language) }
    let all = table.both(parts)
    try table.check()
    return all
  }

  /// The strings, without their quotation marks and escapes.
  func language(of strings: StringValues) -> Language {
    if let constants = strings.constants { return table.union(constants.map { table.text($0.text) }) }
    return strings.language ?? table.anything
  }
}
