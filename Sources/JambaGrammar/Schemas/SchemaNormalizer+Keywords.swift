import JambaSystem

/// The keywords that speak of one type.
extension SchemaNormalizer {
  /// What a schema's own keywords say, those that combine schemas aside.
  func plain(_ object: JSONObject, _ place: SchemaPlace, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    let path = document.entry(place).path
    var all = SchemaValues()
    for keyword in object.keys {
      if let type = SchemaType(keyword: keyword) { all.spoken = (all.spoken ?? []).union(SchemaTypes(type)) }
    }
    var isWhole = false
    if let type = object["type"] {
      var types: SchemaTypes = []
      var isNumber = false
      for name in type.array ?? [type] {
        if name.string == "integer" {
          types.insert(.number)
          isWhole = true
        } else if name.string == "any" && document.entry(place).dialect == .draft4 {
          types.formUnion(.all)
          isNumber = true
        } else if let name = name.string, let type = SchemaType(rawValue: name) {
          types.insert(SchemaTypes(type))
          if type == .number { isNumber = true }
        } else {
          throw .invalidSchema(path: path + "/type", reason: "\(name.text()) is no type")
        }
      }
      guard !types.isEmpty else { throw .invalidSchema(path: path + "/type", reason: "there is no type") }
      if isNumber { isWhole = false }
      all.keep(types)
      all.isTyped = true
    }
    if !all.numbers.isEmpty { all.numbers = try numbers(object, isWhole, place, reading) }
    if !all.strings.isEmpty { all.strings = try strings(object, place, reading) }
    if !all.arrays.isEmpty { all.arrays = [try arrays(object, place)].filter { $0.most.map { $0 >= 0 } ?? true } }
    if !all.objects.isEmpty { all.objects = [try objects(object, place, reading)] }
    all.arrays = all.arrays.filter { arrays in arrays.most.map { $0 >= arrays.least } ?? true }
    all.objects = all.objects.filter { objects in
      !objects.required.contains { isNever(objects.property($0)?.goal ?? objects.otherGoal($0, in: table)) }
        && (objects.most.map { $0 >= max(objects.least, objects.required.count) } ?? true)
    }
    return all
  }

  // MARK: Numbers

  private func numbers(
    _ object: JSONObject, _ isWhole: Bool, _ place: SchemaPlace, _ reading: Reading
  ) throws(GrammarError) -> [NumberValues] {
    let path = document.entry(place).path
    func decimal(_ keyword: String) throws(GrammarError) -> Decimal? {
      guard let value = object[keyword] else { return nil }
      guard value.double?.isFinite ?? false, let decimal = Decimal(value.text()) else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a number")
      }
      guard abs(decimal.exponent) <= 400, decimal.digits.count <= 400 else {
        throw .unsupported(keyword: keyword, path: path, reason: "a number of more than 400 digits")
      }
      return decimal
    }
    var values = NumberValues()
    values.isWhole = isWhole
    var excludes = (low: false, high: false)
    // Draft 4 says so beside the bound.
    if object["exclusiveMinimum"]?.bool != nil { excludes.low = object["exclusiveMinimum"]!.bool! }
    if object["exclusiveMaximum"]?.bool != nil { excludes.high = object["exclusiveMaximum"]!.bool! }
    values.low = try decimal("minimum").map { NumberLanguages.Bound(value: $0, isExcluded: excludes.low) }
    values.high = try decimal("maximum").map { NumberLanguages.Bound(value: $0, isExcluded: excludes.high) }
    if object["exclusiveMinimum"]?.bool == nil, let limit = try decimal("exclusiveMinimum"),
      values.low.map({ $0.value <= limit }) ?? true
    {
      values.low = NumberLanguages.Bound(value: limit, isExcluded: true)
    }
    if object["exclusiveMaximum"]?.bool == nil, let limit = try decimal("exclusiveMaximum"),
      values.high.map({ $0.value >= limit }) ?? true
    {
      values.high = NumberLanguages.Bound(value: limit, isExcluded: true)
    }
    if let divisor = try decimal("multipleOf") {
      guard !divisor.isNegative, !divisor.isZero else {
        throw .invalidSchema(path: path + "/multipleOf", reason: "it is not above zero")
      }
      let places = max(0, divisor.digits.count - divisor.exponent)
      let zeros = max(0, divisor.exponent - divisor.digits.count)
      guard divisor.digits.count + zeros <= 15, places <= 15,
        let modulus = Int(
          String(decoding: divisor.digits.map { $0 + 0x30 }, as: UTF8.self) + String(repeating: "0", count: zeros)),
        NumberLanguages(table: table).multiples(of: modulus, places: places) != nil
      else {
        throw .unsupported(
          keyword: "multipleOf", path: path, reason: "a divisor of more than \(DigitRemainder.largestModulus) steps")
      }
      // Every whole number is a multiple of what divides one.
      if !(isWhole && modulus == 1) { values.multiples = [NumberValues.Multiple(modulus: modulus, places: places)] }
    }
    return values == NumberValues() ? [values] : try isEmpty(values, reading) ? [] : [values]
  }

  // MARK: Strings

  private func strings(_ object: JSONObject, _ place: SchemaPlace, _ reading: Reading) throws(GrammarError)
    -> [StringValues]
  {
    let path = document.entry(place).path
    var parts: [Language] = []
    let (least, most) = try bounds("minLength", "maxLength", object, path)
    if least > 0 || most != nil {
      if let most, most < least { return [] }
      // Nobody writes such a string; so the shorter bound is the same.
      let limit =
        most.map { $0 > GrammarLimits.repetitions ? reading == .inner ? GrammarLimits.repetitions : nil : $0 } ?? nil
      guard least <= GrammarLimits.repetitions else {
        throw .tooLarge("\"minLength\" may be at most \(GrammarLimits.repetitions)")
      }
      parts.append(table.repeated(table.scalar, least, limit))
    }
    if let pattern = object["pattern"] {
      guard let text = pattern.string else {
        throw .invalidSchema(path: path + "/pattern", reason: "it is not a string")
      }
      parts.append(try self.pattern(text, reading, "pattern", path))
    }
    if let format = object["format"]?.string, let text = SchemaFormats.pattern(format) {
      if reading == .inner {
        parts.append(try self.pattern(text, reading, "format", path))
      } else if let text = SchemaFormats.outerPattern(format) {
        parts.append(try self.pattern(text, reading, "format", path))
      }
    }
    let language = table.both(parts)
    try table.check()
    if language == table.anything { return [StringValues()] }
    return language == table.nothing ? [] : [StringValues(language: language)]
  }

  func pattern(_ text: String, _ reading: Reading, _ keyword: String, _ path: String) throws(GrammarError) -> Language {
    let key = PatternQuestion(text: ExactString(text), reading: reading)
    if let known = patterns[key] { return known }
    let language: Language
    do throws(PatternFailure) {
      language = try PatternReader(table: table, reading: reading).language(of: PatternParser.parse(text))
    } catch {
      throw .unsupported(keyword: keyword, path: path, reason: error.reason)
    }
    try table.check()
    patterns[key] = language
    if reading == .inner { sources[language] = ExactString(text) }
    return language
  }

  /// The bounds of a size: whole numbers that are not negative.
  func bounds(_ least: String, _ most: String, _ object: JSONObject, _ path: String) throws(GrammarError) -> (Int, Int?)
  {
    func bound(_ keyword: String) throws(GrammarError) -> Int? {
      guard let value = object[keyword] else { return nil }
      if let number = value.double, number >= 1e15 { return 1_000_000_000_000_000 }
      guard let bound = value.integer, bound >= 0 else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a whole number from 0 on")
      }
      return bound
    }
    return (try bound(least) ?? 0, try bound(most))
  }

  // MARK: Arrays

  private func arrays(_ object: JSONObject, _ place: SchemaPlace) throws(GrammarError) -> ArrayValues {
    let path = document.entry(place).path
    let dialect = document.entry(place).dialect
    var values = ArrayValues()
    (values.least, values.most) = try bounds("minItems", "maxItems", object, path)
    func tuple(_ keyword: String, _ list: [JSON]) throws(GrammarError) {
      for (index, element) in list.enumerated() {
        values.leading.append(try goal(element, place, "\(keyword)/\(index)"))
      }
      values.seen = list.count
    }
    if let prefix = object["prefixItems"], dialect == .draft2020 || dialect == .unsaid {
      guard let list = prefix.array else {
        throw .invalidSchema(path: path + "/prefixItems", reason: "it is not a list")
      }
      try tuple("prefixItems", list)
    }
    if let items = object["items"] {
      if let list = items.array, dialect.hasTuples {
        try tuple("items", list)
        if let rest = object["additionalItems"] {
          (values.rest, values.isRestSaid) = (try goal(rest, place, "additionalItems"), true)
        }
      } else {
        (values.rest, values.isRestSaid) = (try goal(items, place, "items"), true)
      }
    }
    if isNever(values.rest) { values.most = min(values.most ?? Int.max, values.leading.count) }
    if let unique = object["uniqueItems"] {
      guard let unique = unique.bool else {
        throw .invalidSchema(path: path + "/uniqueItems", reason: "it is neither true nor false")
      }
      values.isUnique = unique
    }
    if let contains = object["contains"], dialect != .draft4 {
      let (least, most) = try bounds("minContains", "maxContains", object, path)
      values.containing = [
        ArrayValues.Containing(
          goal: try goal(contains, place, "contains"), least: object["minContains"] == nil ? 1 : least, most: most)
      ]
    }
    return values
  }

  // MARK: Objects

  private func objects(_ object: JSONObject, _ place: SchemaPlace, _ reading: Reading) throws(GrammarError)
    -> ObjectValues
  {
    let path = document.entry(place).path
    let dialect = document.entry(place).dialect
    func members(_ keyword: String) throws(GrammarError) -> JSONObject? {
      guard let value = object[keyword] else { return nil }
      guard let members = value.object else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not an object")
      }
      return members
    }
    func names(_ value: JSON, _ keyword: String) throws(GrammarError) -> [ExactString] {
      guard let list = value.array else { throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a list") }
      var names: [ExactString] = []
      for name in list {
        guard let name = name.string else {
          throw .invalidSchema(path: "\(path)/\(keyword)", reason: "a name is not a string")
        }
        names.append(ExactString(name))
      }
      return names
    }
    var values = ObjectValues()
    (values.least, values.most) = try bounds("minProperties", "maxProperties", object, path)
    if let order = object["x-any-order"] {
      guard let order = order.bool else {
        throw .invalidSchema(path: path + "/x-any-order", reason: "it is neither true nor false")
      }
      values.isAnyOrder = order
    }
    var clause = ObjectValues.Others(patterns: [], goal: .anything)
    if let patterns = try members("patternProperties") {
      values.isRestSaid = true
      for (pattern, schema) in patterns.members {
        let key = "patternProperties/\(SchemaReference.escaped(pattern))"
        clause.patterns.append(
          ObjectValues.NamePattern(
            inner: try self.pattern(pattern, .inner, "patternProperties", path),
            outer: try self.pattern(pattern, .outer, "patternProperties", path), goal: try goal(schema, place, key)))
      }
    }
    if let others = object["additionalProperties"] {
      (values.isRestSaid, values.isAllSaid) = (true, true)
      clause.goal = try goal(others, place, "additionalProperties")
    }
    // Declared members fit the patterns, too.
    var patternsAlone = values
    patternsAlone.others = [ObjectValues.Others(patterns: clause.patterns, goal: .anything)]
    if let properties = try members("properties") {
      values.isDeclaring = true
      for (name, schema) in properties.members {
        let goal = try goal(schema, place, "properties/\(SchemaReference.escaped(name))")
        let name = ExactString(name)
        values.set(
          name, ObjectValues.Property(goal: goal.and(patternsAlone.otherGoal(name, in: table)), isDeclared: true))
      }
    }
    if !clause.patterns.isEmpty || !clause.goal.isAnything { values.others = [clause] }
    if let required = object["required"] {
      for name in try names(required, "required") { values.require(name) }
    }
    if let goal = object["propertyNames"], dialect != .draft4 {
      values.nameGoal = try self.goal(goal, place, "propertyNames")
    }
    for keyword in ["dependentRequired", "dependencies"]
    where keyword == "dependentRequired" || holdsDependencies(place, reading) {
      guard let dependents = try members(keyword) else { continue }
      for (name, list) in dependents.members where list.array != nil {
        values.dependents[ExactString(name), default: []].formUnion(try names(list, keyword))
      }
    }
    return values
  }

  /// Whether a member may have a name.
  func isName(_ name: ExactString, _ goal: SchemaGoal) throws(GrammarError) -> Bool {
    if goal.isAnything { return true }
    return try values(of: goal, .inner).strings.contains { strings in
      strings.constants.map { $0.contains(name) } ?? (strings.language.map { table.matches(name.text, $0) } ?? true)
    }
  }
}
