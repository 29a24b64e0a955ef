import JambaSystem

/// Reads one schema: its own keywords, and those that combine others.
extension SchemaNormalizer {
  func read(_ place: SchemaPlace, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    let entry = document.entry(place)
    if case .bool(let allows) = entry.schema { return allows ? SchemaValues() : .none }
    guard let object = entry.schema.object else {
      throw .invalidSchema(path: entry.path, reason: "it is neither an object nor true or false")
    }
    if entry.dialect.isReferenceAlone, let reference = object["$ref"] {
      return try values(of: document.target(of: reference, keyword: "$ref", from: place), reading)
    }
    var all = try plain(object, place, reading)
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
      guard let reference = object[keyword] else { continue }
      let target = try document.target(of: reference, keyword: keyword, from: place)
      all = try intersect(all, values(of: target, reading), reading)
    }
    if object["enum"] != nil || object["const"] != nil { all = try intersect(all, constants(object, place), reading) }
    for part in try list("allOf", object, place) { all = try intersect(all, values(of: part, reading), reading) }
    if object["anyOf"] != nil {
      var parts: [SchemaValues] = []
      for part in try list("anyOf", object, place) { parts.append(try values(of: part, reading)) }
      all = try intersect(all, unite(parts), reading)
    }
    if object["oneOf"] != nil { all = try exactlyOne(of: list("oneOf", object, place), all, place, reading) }
    all = try conditions(object, all, place, reading)
    if let other = object["not"] {
      let child = try document.child(of: place, other, at: "not")
      all = try subtract(all, values(of: child, reading.opposite), reading, "not", place)
    }
    return try unevaluated(object, all, place, reading)
  }

  /// The schemas of a list.
  private func list(_ keyword: String, _ object: JSONObject, _ place: SchemaPlace) throws(GrammarError) -> [SchemaPlace]
  {
    guard let value = object[keyword] else { return [] }
    guard let list = value.array, !list.isEmpty else {
      throw .invalidSchema(path: "\(document.entry(place).path)/\(keyword)", reason: "it is not a list of schemas")
    }
    var places: [SchemaPlace] = []
    for (index, element) in list.enumerated() {
      places.append(try document.child(of: place, element, at: "\(keyword)/\(index)"))
    }
    return places
  }

  /// What fits one of several schemas and none of the others.
  private func exactlyOne(
    of places: [SchemaPlace], _ base: SchemaValues, _ place: SchemaPlace, _ reading: Reading
  ) throws(GrammarError) -> SchemaValues {
    var parts: [SchemaValues] = []
    for (index, one) in places.enumerated() {
      var part = try intersect(base, values(of: one, reading), reading)
      for (position, other) in places.enumerated() where position != index {
        part = try subtract(part, values(of: other, reading.opposite), reading, "oneOf", place)
      }
      parts.append(part)
    }
    return try unite(parts)
  }

  private func conditions(
    _ object: JSONObject, _ base: SchemaValues, _ place: SchemaPlace, _ reading: Reading
  ) throws(GrammarError) -> SchemaValues {
    var all = base
    if let condition = object["if"], object["then"] != nil || object["else"] != nil {
      let test = try document.child(of: place, condition, at: "if")
      var yes = try intersect(all, values(of: test, reading), reading)
      if let then = object["then"] {
        yes = try intersect(yes, values(of: document.child(of: place, then, at: "then"), reading), reading)
      }
      var no = try subtract(all, values(of: test, reading.opposite), reading, "if", place)
      if let otherwise = object["else"] {
        no = try intersect(no, values(of: document.child(of: place, otherwise, at: "else"), reading), reading)
      }
      all = try unite([yes, no])
      all.isTyped = base.isTyped
    }
    for keyword in ["dependentSchemas", "dependencies"] {
      guard let value = object[keyword], keyword == "dependentSchemas" || holdsDependencies(place, reading) else {
        continue
      }
      guard let members = value.object else {
        throw .invalidSchema(path: "\(document.entry(place).path)/\(keyword)", reason: "it is not an object")
      }
      for (name, schema) in members.members where schema.array == nil {
        let child = try document.child(of: place, schema, at: "\(keyword)/\(SchemaReference.escaped(name))")
        let name = ExactString(name)
        var (without, with) = (SchemaValues(), SchemaValues())
        var absent = ObjectValues()
        absent.set(name, ObjectValues.Property(goal: never, isDeclared: false))
        without.objects = [absent]
        var present = ObjectValues()
        present.require(name)
        with.keep([.object])
        with.objects = [present]
        with = try intersect(with, values(of: child, reading), reading)
        let typed = all.isTyped
        all = try intersect(all, unite([without, with]), reading)
        all.isTyped = typed
      }
    }
    return all
  }

  /// Whether `dependencies` holds, which 2020-12 has given up: some readers know it still, so it is kept to where it narrows.
  func holdsDependencies(_ place: SchemaPlace, _ reading: Reading) -> Bool {
    document.entry(place).dialect != .draft2020 || reading == .inner
  }

  /// What stands in arrays and objects beside that which any schema here has looked at.
  private func unevaluated(
    _ object: JSONObject, _ base: SchemaValues, _ place: SchemaPlace, _ reading: Reading
  ) throws(GrammarError) -> SchemaValues {
    // Who reads it otherwise finds less unlooked-at, so the outer reading leaves it out.
    guard reading == .inner else { return base }
    var all = base
    if let rest = object["unevaluatedProperties"] {
      let goal = try goal(rest, place, "unevaluatedProperties")
      for index in all.objects.indices where !all.objects[index].isAllSaid {
        for name in all.objects[index].names where !all.objects[index].property(name)!.isDeclared {
          all.objects[index].narrow(name, to: goal, in: table)
        }
        let patterns = all.objects[index].others.flatMap(\.patterns).map {
          ObjectValues.NamePattern(inner: $0.inner, outer: $0.outer, goal: .anything)
        }
        // Members that are required and not declared are among the rest.
        for name in all.objects[index].required where all.objects[index].property(name) == nil {
          all.objects[index].set(
            name,
            ObjectValues.Property(goal: goal.and(all.objects[index].otherGoal(name, in: table)), isDeclared: false))
        }
        all.objects[index].others.append(ObjectValues.Others(patterns: patterns, goal: goal))
        (all.objects[index].isRestSaid, all.objects[index].isAllSaid) = (true, true)
        all.objects[index].literal = nil
      }
      all.objects = all.objects.filter { objects in
        !objects.required.contains { isNever(objects.property($0)?.goal ?? .anything) }
      }
    }
    if let rest = object["unevaluatedItems"] {
      let goal = try goal(rest, place, "unevaluatedItems")
      for index in all.arrays.indices where !all.arrays[index].isRestSaid {
        let count = all.arrays[index].seen
        for place in all.arrays[index].leading.indices.dropFirst(count) {
          all.arrays[index].leading[place] = all.arrays[index].leading[place].and(goal)
        }
        all.arrays[index].rest = all.arrays[index].rest.and(goal)
        all.arrays[index].isRestSaid = true
        all.arrays[index].literal = nil
        if isNever(goal) {
          all.arrays[index].most = min(all.arrays[index].most ?? count, count)
        }
      }
      all.arrays = all.arrays.filter { arrays in arrays.most.map { $0 >= arrays.least } ?? true }
    }
    return all
  }

  /// A schema within this one, as a goal.
  func goal(_ schema: JSON, _ place: SchemaPlace, _ key: String) throws(GrammarError) -> SchemaGoal {
    switch schema {
    case .bool(true): return .anything
    case .bool(false): return never
    case .object:
      // What only refers is what it refers to, so that it is looked at once. A wrong reference is told where it is used.
      let child = try document.child(of: place, schema, at: key)
      return SchemaGoal((try? resolved(child)) ?? child)
    default:
      throw .invalidSchema(
        path: "\(document.entry(place).path)/\(key)", reason: "it is neither an object nor true or false")
    }
  }

  // MARK: Constants

  /// The values of `enum` and `const`.
  private func constants(_ object: JSONObject, _ place: SchemaPlace) throws(GrammarError) -> SchemaValues {
    var all = SchemaValues()
    for keyword in ["enum", "const"] {
      guard let value = object[keyword] else { continue }
      var values = [value]
      if keyword == "enum" {
        guard let list = value.array, !list.isEmpty else {
          throw .invalidSchema(path: document.entry(place).path + "/enum", reason: "it is not a list of values")
        }
        values = list
      }
      all = try intersect(all, constants(values, place), .inner)
    }
    return all
  }

  private func constants(_ values: [JSON], _ place: SchemaPlace) throws(GrammarError) -> SchemaValues {
    var all = SchemaValues.none
    var numbers: [NumberValues.Constant] = []
    var strings: [ExactString] = []
    var seen: Set<ExactString> = []
    for value in values {
      switch value {
      case .null: all.hasNull = true
      case .bool(let value): all.booleans.insert(value)
      case .string(let text): if seen.insert(ExactString(text)).inserted { strings.append(ExactString(text)) }
      case .array(let elements):
        var literal = ArrayValues()
        for element in elements {
          literal.leading.append(SchemaGoal(try document.synthetic(.object(["const": element]), beside: place)))
        }
        (literal.least, literal.most, literal.seen) = (elements.count, elements.count, elements.count)
        (literal.rest, literal.isRestSaid) = (never, true)
        literal.literal = try text(value, place)
        all.arrays.append(literal)
      case .object(let object):
        var literal = ObjectValues()
        for (name, member) in object.members {
          let goal = SchemaGoal(try document.synthetic(.object(["const": member]), beside: place))
          literal.set(ExactString(name), ObjectValues.Property(goal: goal, isDeclared: true))
          literal.require(ExactString(name))
        }
        literal.others = [ObjectValues.Others(patterns: [], goal: never)]
        (literal.isDeclaring, literal.isRestSaid, literal.isAllSaid) = (true, true, true)
        literal.literal = try text(value, place)
        all.objects.append(literal)
      default:
        let text = try text(value, place)
        guard let decimal = Decimal(text) else {
          throw .invalidSchema(path: document.entry(place).path, reason: "\(text) is no number")
        }
        numbers.append(NumberValues.Constant(value: decimal, text: text))
      }
    }
    if !numbers.isEmpty { all.numbers = [NumberValues(constants: numbers)] }
    if !strings.isEmpty { all.strings = [StringValues(constants: strings)] }
    return all
  }

  private func text(_ value: JSON, _ place: SchemaPlace) throws(GrammarError) -> String {
    func isFinite(_ value: JSON) -> Bool {
      switch value {
      case .number(let number): number.isFinite
      case .array(let elements): elements.allSatisfy(isFinite)
      case .object(let object): object.members.allSatisfy { isFinite($0.value) }
      default: true
      }
    }
    guard isFinite(value) else {
      throw .invalidSchema(path: document.entry(place).path, reason: "a number is not finite")
    }
    return value.text()
  }
}
