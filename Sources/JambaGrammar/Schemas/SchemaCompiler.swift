import JambaSystem

/// Makes a grammar of a JSON schema. What it does not understand it refuses by name.
///
/// `SchemaNormalizer` finds what fits; here it becomes rules, a goal a rule. The grammar may be narrower than the schema, as
/// docs/CHAT.md says, never wider.
package struct SchemaCompiler {
  package typealias Expression = GrammarRules.Expression

  package internal(set) var rules: GrammarRules
  private(set) var table = LanguageTable()
  var normalizer: SchemaNormalizer
  private var goals: [SchemaGoal: Expression] = [:]
  /// Of the schema that is being written, for errors.
  var path = ""
  private var waiting: [(rule: Int, goal: SchemaGoal)] = []
  var stringRules: [StringValues: Expression] = [:]
  var numberRules: [NumberValues: Expression] = [:]
  /// By set of characters: how a string spells one of them.
  private var spelledSets: [Int32: Expression] = [:]

  private(set) var whitespace = JSONWhitespace.compact

  /// What is meant where the schema does not say.
  private let usualObjects: JSONObjects
  private(set) var objects: JSONObjects
  private var types: UnnamedTypes

  package init(
    _ schema: JSON, whitespace: JSONWhitespace = .compact, objects: JSONObjects = .declared
  ) throws(GrammarError) {
    usualObjects = objects
    self.objects = try JSONObjects("x-objects", of: schema) ?? objects
    types = try UnnamedTypes("x-types", of: schema) ?? .spoken
    normalizer = try SchemaNormalizer(schema, table)
    rules = try SchemaCompiler.prelude()
    try take(JSONWhitespace("x-whitespace", of: schema) ?? whitespace)
  }

  /// Free white space is free in all that is made: rules of JSON itself are shared.
  private mutating func take(_ whitespace: JSONWhitespace) throws(GrammarError) {
    guard whitespace == .free, self.whitespace != .free else { return }
    self.whitespace = .free
    rules.define(try rules.number(of: "ws"), .any(.scalars(ScalarSet(of: " \n\t\r"))))
    rules.define(try rules.number(of: "colon"), .sequence([try rule("ws"), .text(":")]))
  }

  mutating func compile() throws(GrammarError) -> GrammarRules {
    let root = try document()
    rules.root = try rules.number(of: "#root")
    rules.define(rules.root, root)
    return rules
  }

  /// The grammar of another schema's values, beside those that are there.
  package mutating func value(of other: JSON) throws(GrammarError) -> Expression {
    // A schema that takes up what there is leaves the next one its own.
    table = LanguageTable()
    normalizer = try SchemaNormalizer(other, table)
    if let whitespace = try JSONWhitespace("x-whitespace", of: other) { try take(whitespace) }
    objects = try JSONObjects("x-objects", of: other) ?? usualObjects
    types = try UnnamedTypes("x-types", of: other) ?? .spoken
    (stringRules, numberRules, spelledSets) = ([:], [:], [:])
    return try document()
  }

  private mutating func document() throws(GrammarError) -> Expression {
    goals = [:]
    let goal = SchemaGoal(normalizer.document.root)
    if let path = try normalizer.emptyPlace(in: goal) { throw .invalidSchema(path: path, reason: "no value fits") }
    let root = try value(of: goal)
    while let next = waiting.popLast() {
      path = next.goal.parts.first.map { normalizer.document.entry($0.place).path } ?? ""
      do throws(GrammarError) {
        let values = try meant(normalizer.values(of: next.goal, .inner))
        rules.define(next.rule, try expression(of: values))
      } catch { throw normalizer.located(error, path) }
    }
    return root
  }

  /// JSON's own grammar. Escapes of half a surrogate pair are left out, as no string has them; white space is bounded, for
  /// a model may repeat it without end. In GBNF:
  ///
  ///     value ::= object | array | string | number | "true" | "false" | "null"
  ///     object ::= "{" ws (member (comma member)*)? "}"
  ///     comma ::= "," ws
  ///     member ::= string colon ws value ws
  ///     colon ::= ":"
  ///     array ::= "[" ws (value ws (comma value ws)*)? "]"
  ///     string ::= "\"" char* "\""
  ///     char ::= raw | "\\" (["\\/bfnrt] | "u" unit)
  ///     raw ::= [^"\\\x00-\x1F]
  ///     unit ::= [0-9a-cefA-CEF] hex{3} | [dD] [0-7] hex{2}
  ///     hex ::= [0-9a-fA-F]
  ///     number ::= integer ("." [0-9]{1,20})? ([eE] [+-]? [0-9]{1,2})?
  ///     integer ::= "-"? natural
  ///     natural ::= "0" | [1-9] [0-9]{0,17}
  ///     ws ::= ("\n" [ ]{0,20} | " ")?
  ///
  /// It is made for each schema: to read it took longer than most schemas do.
  private static func prelude() throws(GrammarError) -> GrammarRules {
    var rules = GrammarRules()
    func rule(_ name: String) throws(GrammarError) -> Expression { .rule(try rules.number(of: name)) }
    func define(_ name: String, _ body: Expression) throws(GrammarError) {
      rules.define(try rules.number(of: name), body)
    }
    func scalars(_ ranges: ClosedRange<Unicode.Scalar>...) -> Expression { .scalars(ScalarSet(ranges)) }
    let (value, string, ws, comma) = (try rule("value"), try rule("string"), try rule("ws"), try rule("comma"))
    let (member, hex, digit) = (try rule("member"), try rule("hex"), scalars("0"..."9"))
    try define(
      "value",
      .choice([
        rule("object"), rule("array"), string, rule("number"), .text("true"), .text("false"), .text("null"),
      ]))
    let members = Expression.sequence([member, .any(.sequence([comma, member]))])
    try define("object", .sequence([.text("{"), ws, .optional(members), .text("}")]))
    try define("comma", .sequence([.text(","), ws]))
    try define("member", .sequence([string, rule("colon"), ws, value, ws]))
    try define("colon", .text(":"))
    let items = Expression.sequence([value, ws, .any(.sequence([comma, value, ws]))])
    try define("array", .sequence([.text("["), ws, .optional(items), .text("]")]))
    try define("string", .sequence([.text("\""), .any(rule("char")), .text("\"")]))
    let escaped = Expression.choice([.scalars(ScalarSet(of: "\"\\/bfnrt")), .sequence([.text("u"), try rule("unit")])])
    try define("char", .choice([rule("raw"), .sequence([.text("\\"), escaped])]))
    try define("raw", .scalars(raw))
    try define(
      "unit",
      .choice([
        .sequence([scalars("0"..."9", "a"..."c", "e"..."f", "A"..."C", "E"..."F"), .repeated(hex, 3, 3)]),
        .sequence([scalars("d"..."d", "D"..."D"), scalars("0"..."7"), .repeated(hex, 2, 2)]),
      ]))
    try define("hex", scalars("0"..."9", "a"..."f", "A"..."F"))
    let exponent = Expression.sequence([
      scalars("e"..."e", "E"..."E"), .optional(scalars("+"..."+", "-"..."-")), .repeated(digit, 1, 2),
    ])
    let fraction = Expression.sequence([.text("."), .repeated(digit, 1, 20)])
    try define("number", .sequence([rule("integer"), .optional(fraction), .optional(exponent)]))
    try define("integer", .sequence([.optional(.text("-")), rule("natural")]))
    try define("natural", .choice([.text("0"), .sequence([scalars("1"..."9"), .repeated(digit, 0, 17)])]))
    let lines = Expression.sequence([.text("\n"), .repeated(scalars(" "..." "), 0, 20)])
    try define("ws", .optional(.choice([lines, .text(" ")])))
    rules.markString(rules.index(of: "string"))
    return rules
  }

  /// A rule of the prelude, or one that was made before.
  mutating func rule(_ name: String) throws(GrammarError) -> Expression { .rule(try rules.number(of: name)) }

  mutating func add(_ body: Expression) throws(GrammarError) -> Expression { try rules.add(body) }

  // MARK: Values

  /// The values that fit a goal, as a rule that is made later: a schema may hold itself.
  mutating func value(of goal: SchemaGoal) throws(GrammarError) -> Expression {
    if goal.isAnything { return try rule("value") }
    if let known = goals[goal] { return known }
    let number = try rules.number(of: "#\(rules.names.count)")
    goals[goal] = .rule(number)
    waiting.append((number, goal))
    return .rule(number)
  }

  /// A schema that says nothing of types means those that its keywords speak of, if nothing else is asked for: narrower than
  /// the standard, where such keywords let every other type pass.
  func meant(_ values: SchemaValues) -> SchemaValues {
    guard types == .spoken, !values.isTyped, let spoken = values.spoken else { return values }
    var values = values
    values.keep(spoken)
    return values
  }

  private mutating func expression(of values: SchemaValues) throws(GrammarError) -> Expression {
    var alternatives: [Expression] = []
    if values.hasNull { alternatives.append(.text("null")) }
    if values.booleans.contains(true) { alternatives.append(.text("true")) }
    if values.booleans.contains(false) { alternatives.append(.text("false")) }
    for numbers in values.numbers { alternatives.append(try number(numbers)) }
    for strings in values.strings { alternatives.append(try string(strings)) }
    for arrays in values.arrays { alternatives.append(try array(arrays)) }
    for objects in values.objects { alternatives.append(try object(objects)) }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private mutating func number(_ numbers: NumberValues) throws(GrammarError) -> Expression {
    if numbers == NumberValues() { return try rule("number") }
    if let constants = numbers.constants { return .choice(constants.map { .text($0.text) }) }
    if let known = numberRules[numbers] { return known }
    var whole = NumberValues()
    whole.isWhole = true
    let result: Expression
    if numbers == whole {
      result = try rule("integer")
    } else if numbers.language == nil, let known = KnownAutomata.shared[.numbers(numbers)] {
      result = try add(machine(of: known) { .scalars($0) })
    } else {
      let question = numbers.language == nil ? KnownAutomata.Question.numbers(numbers) : nil
      result = try add(machine(of: normalizer.language(of: numbers, .inner), question) { .scalars($0) })
    }
    numberRules[numbers] = result
    return result
  }

  /// A constant array or object.
  func literal(_ text: String) throws(GrammarError) -> Expression {
    guard whitespace == .free, let value = try? JSON.parse(Array(text.utf8)) else { return .text(text) }
    return try literal(value, .rule(rules.index(of: "ws")))
  }

  private func literal(_ value: JSON, _ ws: Expression) throws(GrammarError) -> Expression {
    var parts: [Expression] = []
    switch value {
    case .array(let elements):
      for element in elements { parts += [.text(parts.isEmpty ? "[" : ","), ws, try literal(element, ws), ws] }
      return .sequence((parts.isEmpty ? [.text("["), ws] : parts) + [.text("]")])
    case .object(let object):
      for (name, member) in object.members {
        parts += [.text(parts.isEmpty ? "{" : ","), ws, .text(JSON.string(name).text()), ws, .text(":"), ws]
        parts += [try literal(member, ws), ws]
      }
      return .sequence((parts.isEmpty ? [.text("{"), ws] : parts) + [.text("}")])
    default: return .text(value.text())
    }
  }

  // MARK: Strings

  private mutating func string(_ strings: StringValues) throws(GrammarError) -> Expression {
    if let constants = strings.constants { return .choice(constants.map { .text(JSON.string($0.text).text()) }) }
    guard let language = strings.language else { return try rule("string") }
    if let known = stringRules[strings] { return known }
    let content: Expression
    var isCounted = false
    if case .repeated(table.scalar, let least, let most) = table.kind(language) {
      isCounted = most >= 0
      content = .repeated(try rule("char"), Int(least), most < 0 ? nil : Int(most))
    } else if case .repeated(let body, let least, let most) = table.kind(language),
      case .set(let set) = table.kind(body)
    {
      content = .repeated(SchemaCompiler.spelling(of: table.sets[Int(set)]), Int(least), most < 0 ? nil : Int(most))
    } else {
      content = try characters(of: language)
    }
    let result = try add(.sequence([.text("\""), content, .text("\"")]))
    if isCounted, case .rule(let rule) = result { rules.markCountedString(rule) }
    stringRules[strings] = result
    return result
  }

  /// Up to so many characters beside a pattern of so few states are taken into the states.
  private static let fewCharacters = 100
  private static let fewStates = 2000

  /// The texts of a language as a JSON string spells them.
  private mutating func characters(of language: Language) throws(GrammarError) -> Expression {
    // A length beside a pattern is counted where their product has many states.
    if let (rest, most) = bounded(language), let automaton = try automaton(of: rest, limit: SchemaCompiler.mostStates),
      most > SchemaCompiler.fewCharacters || automaton.edges.count * most > SchemaCompiler.fewStates
    {
      return try counted(automaton, most)
    }
    if let all = try states(of: language, spelling: SchemaCompiler.spelling) { return all }
    // The length may stand within, as a look ahead was taken apart.
    switch table.kind(language) {
    case .sequence(let head, let tail) where table.facts(head).isPlain:
      return .sequence([try expression(of: head, SchemaCompiler.spelling), try characters(of: tail)])
    case .union(let members):
      var alternatives: [Expression] = []
      for member in table.list(members) { alternatives.append(try characters(of: member)) }
      return .choice(alternatives)
    default: throw SchemaCompiler.tooManyStates
    }
  }

  /// The texts of at most so many characters.
  private mutating func counted(_ automaton: TextAutomaton, _ most: Int) throws(GrammarError) -> Expression {
    guard case .machine(var machine) = try machine(of: automaton, spelling: SchemaCompiler.spelling) else {
      return .choice([])
    }
    machine.most = most
    return .machine(machine)
  }

  /// A language as another and the most characters that a text has.
  private func bounded(_ language: Language) -> (rest: Language, most: Int)? {
    guard case .both(let both) = table.kind(language) else { return nil }
    let members = table.list(both)
    for member in members {
      guard case .repeated(let body, let least, let most) = table.kind(member), most > 0, case .set = table.kind(body)
      else { continue }
      let others = members.filter { $0 != member } + [table.repeated(body, Int(least), nil)]
      return (table.both(others), Int(most))
    }
    return nil
  }

  /// The texts of a language; `spelling` writes one of its characters.
  ///
  /// - Parameter question: by which its automaton is known to other schemas, too.
  mutating func machine(
    of language: Language, _ question: KnownAutomata.Question? = nil, spelling: (ScalarSet) -> Expression
  ) throws(GrammarError) -> Expression {
    guard let all = try states(of: language, question, spelling: spelling) else { throw SchemaCompiler.tooManyStates }
    return all
  }

  private static let tooManyStates = GrammarError.tooLarge("a pattern beside another, or beside lengths")
  private static let mostStates = 40_000

  /// The same; nil where it has too many states, and is no single pattern that could be written as it is.
  private mutating func states(
    of language: Language, _ question: KnownAutomata.Question? = nil, spelling: (ScalarSet) -> Expression
  ) throws(GrammarError) -> Expression? {
    let isPlain = table.facts(language).isPlain
    if let automaton = try automaton(of: language, question, limit: isPlain ? 4000 : SchemaCompiler.mostStates) {
      return try machine(of: automaton, spelling: spelling)
    }
    try table.check()
    return isPlain ? try expression(of: language, spelling) : nil
  }

  /// A language's states, those of a pattern as another schema found them; nil where they are more than a limit.
  private func automaton(
    of language: Language, _ question: KnownAutomata.Question? = nil, limit: Int
  ) throws(GrammarError) -> TextAutomaton? {
    let question = question ?? normalizer.sources[language].map { .pattern($0) }
    if let question, let known = KnownAutomata.shared[question] { return known }
    let automaton = try table.automaton(of: language, limit: limit)
    if let question, let automaton { KnownAutomata.shared.remember(automaton, for: question) }
    return automaton
  }

  private mutating func machine(
    of automaton: TextAutomaton, spelling: (ScalarSet) -> Expression
  ) throws(GrammarError) -> Expression {
    var labels: [Expression] = []
    for set in automaton.sets {
      let spelled = spelling(set)
      // What is more than a set of characters is a rule, so that it stands there once.
      if case .scalars = spelled { labels.append(spelled) } else { labels.append(try add(spelled)) }
    }
    return automaton.expression(labels)
  }

  /// A language as it is written: for those that have too many states, but few expressions.
  private mutating func expression(
    of language: Language, _ spelling: (ScalarSet) -> Expression
  ) throws(GrammarError) -> Expression {
    switch table.kind(language) {
    case .nothing, .both, .complement, .multiple, .variable: return .choice([])
    case .blank: return .empty
    case .set(let number):
      if let known = spelledSets[number] { return known }
      let spelled = spelling(table.sets[Int(number)])
      if case .scalars = spelled { return spelled }
      // A rule, so that it stands there once.
      let rule = try add(spelled)
      spelledSets[number] = rule
      return rule
    case .union(let members):
      var alternatives: [Expression] = []
      for member in table.list(members) { alternatives.append(try expression(of: member, spelling)) }
      return .choice(alternatives)
    case .repeated(let body, let least, let most):
      return .repeated(try expression(of: body, spelling), Int(least), most < 0 ? nil : Int(most))
    case .sequence:
      var parts: [Expression] = []
      var rest = language
      while case .sequence(let head, let tail) = table.kind(rest) {
        parts.append(try expression(of: head, spelling))
        rest = tail
      }
      parts.append(try expression(of: rest, spelling))
      return .sequence(parts)
    }
  }

  /// Characters that a JSON string holds as they are.
  static let raw = ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0xD7FF, 0xE000...0x10FFFF])

  /// One character of a set as a JSON string spells it, with an escape only where there must be one.
  static func spelling(of set: ScalarSet) -> Expression {
    let plain = set.intersection(raw)
    if plain == set { return .scalars(set) }
    var alternatives: [Expression] = plain.isEmpty ? [] : [.scalars(plain)]
    for value in 0..<UInt32(0x5D) where value < 0x20 || value == 0x22 || value == 0x5C {
      guard set.contains(value), let scalar = Unicode.Scalar(value) else { continue }
      alternatives.append(.text(String(JSON.string(String(Character(scalar))).text().dropFirst().dropLast())))
    }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }
}

extension RawRepresentable<String> where Self: CaseIterable {
  /// What a schema's root asks for by a keyword of its own; nil where it asks for nothing.
  fileprivate init?(_ keyword: String, of schema: JSON) throws(GrammarError) {
    guard let said = schema[keyword] else { return nil }
    guard let text = said.string, let known = Self(rawValue: text) else {
      let names = Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " nor ")
      throw .invalidSchema(path: "/\(keyword)", reason: "it is neither \(names)")
    }
    self = known
  }
}
