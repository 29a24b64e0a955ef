import JambaSystem

/// Makes a grammar of a JSON schema. What it does not understand it refuses by name.
///
/// The grammar may be narrower than the schema (an object's members come in the order of `properties`, numbers have at most
/// 18 digits), never wider.
package struct SchemaCompiler {
  package typealias Expression = GrammarRules.Expression

  private var document: JSON
  package private(set) var rules: GrammarRules
  /// Rules of schemas that `$ref` names.
  private var references: [String: Expression] = [:]
  /// Schemas within schemas, those behind references included.
  private var depth = 0

  /// Keywords that say nothing about the value.
  private static let annotations: Set<String> = [
    "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly",
  ]

  package init(_ schema: JSON) throws(GrammarError) {
    document = schema
    rules = try GrammarParser.read(SchemaCompiler.prelude, into: GrammarRules())
  }

  mutating func compile() throws(GrammarError) -> GrammarRules {
    let root = try schema(document, at: "")
    rules.root = try rules.number(of: "#root")
    rules.define(rules.root, root)
    return rules
  }

  /// The grammar of another schema's values, beside those that are there.
  package mutating func value(of other: JSON) throws(GrammarError) -> Expression {
    document = other
    references = [:]
    return try add(schema(other, at: ""))
  }

  /// JSON's own grammar. Escapes of half a surrogate pair are left out, as no string has them; white space is bounded, for
  /// a model may repeat it without end.
  private static let prelude = #"""
    value ::= object | array | string | number | "true" | "false" | "null"
    object ::= "{" ws (member ("," ws member)*)? "}"
    member ::= string ":" ws value ws
    array ::= "[" ws (value ws ("," ws value ws)*)? "]"
    string ::= "\"" char* "\""
    char ::= raw | "\\" (["\\/bfnrt] | "u" unit)
    raw ::= [^"\\\x00-\x1F]
    unit ::= [0-9a-cefA-CEF] hex{3} | [dD] [0-7] hex{2}
    hex ::= [0-9a-fA-F]
    number ::= integer ("." [0-9]{1,16})? ([eE] [+-]? [0-9]{1,2})?
    integer ::= "-"? natural
    natural ::= "0" | [1-9] [0-9]{0,17}
    ws ::= ("\n" [ ]{0,20} | " ")?
    date ::= year "-" (("0" [13578] | "1" [02]) "-" day31 | ("0" [469] | "11") "-" day30 | "02-" day28)
    year ::= [1-9] [0-9]{3}
    day31 ::= day30 | "31"
    day30 ::= day28 | "29" | "30"
    day28 ::= "0" [1-9] | "1" [0-9] | "2" [0-8]
    time ::= hour ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [+-] hour ":" [0-5] [0-9])
    hour ::= [01] [0-9] | "2" [0-3]
    date-time ::= date "T" time
    uuid ::= hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}
    """#

  /// A rule of the prelude, or one that was made before.
  mutating func rule(_ name: String) throws(GrammarError) -> Expression { .rule(try rules.number(of: name)) }

  mutating func add(_ body: Expression) throws(GrammarError) -> Expression { try rules.add(body) }

  // MARK: Schemas

  /// The grammar of a schema's values.
  private mutating func schema(_ schema: JSON, at path: String) throws(GrammarError) -> Expression {
    guard depth < GrammarLimits.nesting else { throw .tooLarge("schemas nest deeper than \(GrammarLimits.nesting)") }
    depth += 1
    defer { depth -= 1 }
    if case .bool(let allows) = schema {
      guard allows else { throw .unsupported(keyword: "false", path: path, reason: "no value is valid") }
      return try rule("value")
    }
    guard let object = schema.object else {
      throw .invalidSchema(path: path, reason: "it is neither an object nor true")
    }
    var keywords = Set(object.keys).subtracting(SchemaCompiler.annotations)

    if keywords.contains("$ref") {
      try refuse(keywords.subtracting(["$ref"]), beside: "$ref", path)
      return try reference(object["$ref"]!, at: path)
    }
    for keyword in ["anyOf", "oneOf", "allOf"] where keywords.contains(keyword) {
      try refuse(keywords.subtracting([keyword]), beside: keyword, path)
      return try combination(keyword, object[keyword]!, at: path)
    }
    if keywords.contains("enum") || keywords.contains("const") {
      try refuse(
        keywords.subtracting(["enum", "const", "type"]), beside: keywords.contains("const") ? "const" : "enum", path)
      return try constants(object, at: path)
    }

    let types = try self.types(object, keywords, at: path)
    keywords.remove("type")
    var alternatives: [Expression] = []
    for type in types {
      keywords.subtract(type.keywords)
      alternatives.append(try value(of: type, object, at: path))
    }
    if let keyword = keywords.min() { throw .unsupported(keyword: keyword, path: path, reason: "") }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  private func refuse(_ keywords: Set<String>, beside keyword: String, _ path: String) throws(GrammarError) {
    if let other = keywords.min() {
      throw .unsupported(keyword: other, path: path, reason: "it stands beside \"\(keyword)\"")
    }
  }

  /// The types a schema without `type` means are those its keywords speak of: narrower than the standard, where such
  /// keywords let every other type pass.
  private func types(_ object: JSONObject, _ keywords: Set<String>, at path: String) throws(GrammarError)
    -> [SchemaType]
  {
    guard let type = object["type"] else {
      let meant = SchemaType.allCases.filter { $0 != .integer && !$0.keywords.isDisjoint(with: keywords) }
      return meant.isEmpty ? SchemaType.allCases.filter { $0 != .integer } : meant
    }
    var types: [SchemaType] = []
    for name in type.array ?? [type] {
      guard let name = name.string, let type = SchemaType(rawValue: name) else {
        throw .invalidSchema(path: path + "/type", reason: "\(name.text()) is no type")
      }
      if !types.contains(type) { types.append(type) }
    }
    guard !types.isEmpty else { throw .invalidSchema(path: path + "/type", reason: "there is no type") }
    return types
  }

  private mutating func value(of type: SchemaType, _ object: JSONObject, at path: String) throws(GrammarError)
    -> Expression
  {
    switch type {
    case .null: .text("null")
    case .boolean: .choice([.text("true"), .text("false")])
    case .integer: try integer(NumberBounds(object, at: path), at: path)
    case .number: try number(NumberBounds(object, at: path), at: path)
    case .string: try string(object, at: path)
    case .array: try array(object, at: path)
    case .object: try self.object(object, at: path)
    }
  }

  /// `#/…` within the document, or `#`. A schema may name itself: it is a rule like any other.
  private mutating func reference(_ reference: JSON, at path: String) throws(GrammarError) -> Expression {
    guard let pointer = reference.string else {
      throw .invalidSchema(path: path + "/$ref", reason: "it is not a string")
    }
    guard pointer == "#" || pointer.hasPrefix("#/") else {
      throw .unsupported(keyword: "$ref", path: path, reason: "only places within the schema, such as #/$defs/name")
    }
    if let known = references[pointer] { return known }
    var target = document
    for part in pointer.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) where pointer != "#" {
      let name = SchemaCompiler.unescaped(part)
      guard
        let next = target[name]
          ?? Int(name).flatMap({ index in target.array.flatMap { $0.indices.contains(index) ? $0[index] : nil } })
      else { throw .invalidSchema(path: path + "/$ref", reason: "there is nothing at \(pointer)") }
      target = next
    }
    let isTaken = rules.contains(pointer)
    let rule = try rules.number(of: isTaken ? "\(pointer) \(rules.names.count)" : pointer)
    references[pointer] = .rule(rule)
    rules.define(rule, try schema(target, at: String(pointer.dropFirst())))
    return .rule(rule)
  }

  private static func unescaped(_ part: Substring) -> String {
    var text = ""
    var rest = part[...]
    while let first = rest.popFirst() {
      if first == "~", let second = rest.popFirst() {
        text.append(second == "1" ? "/" : "~")
      } else {
        text.append(first)
      }
    }
    return text
  }

  private mutating func combination(_ keyword: String, _ list: JSON, at path: String) throws(GrammarError) -> Expression
  {
    guard let list = list.array, !list.isEmpty else {
      throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a list of schemas")
    }
    if keyword == "allOf", list.count > 1 {
      throw .unsupported(keyword: keyword, path: path, reason: "with more than one schema")
    }
    if keyword == "oneOf" { try requireDisjoint(list, at: path) }
    var alternatives: [Expression] = []
    for (index, element) in list.enumerated() {
      alternatives.append(try schema(element, at: "\(path)/\(keyword)/\(index)"))
    }
    return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
  }

  /// Of `oneOf` exactly one may hold, which a grammar cannot count: so no value may fit two.
  private func requireDisjoint(_ list: [JSON], at path: String) throws(GrammarError) {
    let kinds = list.map { SchemaKind($0) }
    for i in kinds.indices {
      for j in kinds.indices where i < j {
        guard kinds[i].isDisjoint(from: kinds[j]) else {
          throw .unsupported(
            keyword: "oneOf", path: path,
            reason:
              "schemas \(i) and \(j) do not differ in type, in constants or in a required member's constant; use anyOf")
        }
      }
    }
  }

  /// The values of `enum` and `const`, as far as `type` allows them.
  private func constants(_ object: JSONObject, at path: String) throws(GrammarError) -> Expression {
    var values: [JSON]
    if let list = object["enum"] {
      guard let list = list.array, !list.isEmpty else {
        throw .invalidSchema(path: path + "/enum", reason: "it is not a list of values")
      }
      values = list
    } else {
      values = [object["const"]!]
    }
    if let constant = object["const"]?.text() { values = values.filter { $0.text().utf8.elementsEqual(constant.utf8) } }
    if object["type"] != nil {
      let types = try types(object, [], at: path)
      values = values.filter { value in types.contains { $0.contains(value) } }
    }
    guard !values.isEmpty else { throw .matchesNothing }
    for value in values where !SchemaCompiler.isFinite(value) {
      throw .invalidSchema(path: path, reason: "a number is not finite")
    }
    return values.count == 1 ? .text(values[0].text()) : .choice(values.map { .text($0.text()) })
  }

  private static func isFinite(_ value: JSON) -> Bool {
    switch value {
    case .number(let number): number.isFinite
    case .array(let elements): elements.allSatisfy(isFinite)
    case .object(let object): object.members.allSatisfy { isFinite($0.value) }
    default: true
    }
  }

  // MARK: Arrays and objects

  private mutating func array(_ object: JSONObject, at path: String) throws(GrammarError) -> Expression {
    let (least, most) = try bounds("minItems", "maxItems", object, at: path)
    if let unique = object["uniqueItems"], unique.bool != false {
      throw .unsupported(keyword: "uniqueItems", path: path, reason: "")
    }
    var leading: [Expression] = []
    if let prefix = object["prefixItems"] {
      guard let list = prefix.array else {
        throw .invalidSchema(path: path + "/prefixItems", reason: "it is not a list")
      }
      for (index, element) in list.enumerated() {
        leading.append(try add(schema(element, at: "\(path)/prefixItems/\(index)")))
      }
    }
    var others: Expression?
    if object["items"]?.bool != false {
      others = try add(schema(object["items"] ?? .bool(true), at: path + "/items"))
    }
    let limit = min(most ?? Int.max, others == nil ? leading.count : Int.max)
    guard least <= limit else { throw .matchesNothing }
    let ws = try rule("ws")
    func separated(_ item: Expression, isFirst: Bool) -> Expression {
      isFirst ? .sequence([item, ws]) : .sequence([.text(","), ws, item, ws])
    }
    // What may come from place n on, from the last place backwards.
    var rest = Expression.empty
    let fixed = leading.prefix(limit)
    if let others {
      if fixed.isEmpty {
        if limit > 0 {
          let tail = Expression.repeated(
            separated(others, isFirst: false), max(0, least - 1), limit == Int.max ? nil : limit - 1)
          rest = .sequence([separated(others, isFirst: true), tail])
          if least == 0 { rest = .optional(rest) }
        }
      } else if limit > fixed.count {
        rest = .repeated(
          separated(others, isFirst: false), max(0, least - fixed.count), limit == Int.max ? nil : limit - fixed.count)
      }
    }
    for (index, item) in fixed.enumerated().reversed() {
      rest = .sequence([separated(item, isFirst: index == 0), rest])
      if index >= least { rest = .optional(rest) }
      rest = try add(rest)
    }
    return .sequence([.text("["), ws, rest, .text("]")])
  }

  private mutating func object(_ object: JSONObject, at path: String) throws(GrammarError) -> Expression {
    guard let properties = (object["properties"] ?? .object([:])).object else {
      throw .invalidSchema(path: path + "/properties", reason: "it is not an object")
    }
    var required: Set<ExactString> = []
    guard let names = (object["required"] ?? .array([])).array else {
      throw .invalidSchema(path: path + "/required", reason: "it is not a list")
    }
    for name in names {
      guard let name = name.string else {
        throw .invalidSchema(path: path + "/required", reason: "a name is not a string")
      }
      required.insert(ExactString(name))
    }
    // Who declares members means no others, and a model that may would go on with them without end.
    let isDeclared = object["properties"]?.object != nil
    let areAllDeclared = names.allSatisfy { name in name.string.map { properties[$0] != nil } ?? false }
    let additional = object["additionalProperties"] ?? .bool(!(isDeclared && areAllDeclared))
    let ws = try rule("ws")
    var others: Expression?
    if additional.bool != false { others = try add(schema(additional, at: path + "/additionalProperties")) }

    var members: [(pair: Expression, isRequired: Bool)] = []
    func pair(_ name: String, _ value: Expression) -> Expression {
      .sequence([.text(JSON.string(name).text() + ":"), ws, value, ws])
    }
    for (name, value) in properties.members {
      let isRequired = required.remove(ExactString(name)) != nil
      // A member that can have no value is one that must not be there.
      if value.bool == false {
        guard !isRequired else { throw .matchesNothing }
        continue
      }
      let value = try add(schema(value, at: "\(path)/properties/\(SchemaCompiler.escaped(name))"))
      members.append((try add(pair(name, value)), isRequired))
    }
    for name in names where required.remove(ExactString(name.string!)) != nil {
      guard let others else { throw .matchesNothing }
      members.append((try add(pair(name.string!, others)), true))
    }

    // From the last member backwards: what may follow at the object's beginning, and what behind a member.
    var first = Expression.empty
    var later = Expression.empty
    if let others {
      let known = properties.keys + names.compactMap(\.string)
      let pair = try add(.sequence([otherName(than: known), .text(":"), ws, others, ws]))
      let more = Expression.any(.sequence([.text(","), ws, pair]))
      first = .optional(.sequence([pair, more]))
      later = more
    }
    for member in members.reversed() {
      let behind = try add(later)
      let begun = Expression.sequence([member.pair, behind])
      let continued = Expression.sequence([.text(","), ws, member.pair, behind])
      first = member.isRequired ? begun : try add(.choice([begun, first]))
      later = member.isRequired ? continued : .choice([continued, behind])
    }
    return .sequence([.text("{"), ws, first, .text("}")])
  }

  private static func escaped(_ name: String) -> String {
    name.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
      .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
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
    let raw = SchemaString.raw
    let anything = try add(.any(.scalars(raw)))
    var expressions = [Expression](repeating: .empty, count: nodes.count)
    // Children have larger numbers.
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      let known = ScalarSet(node.children.map { $0.scalar.value...$0.scalar.value })
      var alternatives = [Expression.sequence([.scalars(raw.subtracting(known)), anything])]
      for child in node.children where !raw.intersection(ScalarSet(child.scalar)).isEmpty {
        alternatives.append(.sequence([.scalars(ScalarSet(child.scalar)), expressions[child.node]]))
      }
      if !node.isName { alternatives.append(.empty) }
      expressions[index] = try add(.choice(alternatives))
    }
    return .sequence([.text("\""), expressions[0], .text("\"")])
  }

  /// The bounds of a size: whole numbers that are not negative.
  func bounds(_ least: String, _ most: String, _ object: JSONObject, at path: String) throws(GrammarError) -> (
    Int, Int?
  ) {
    func bound(_ keyword: String) throws(GrammarError) -> Int? {
      guard let value = object[keyword] else { return nil }
      guard let bound = value.integer, bound >= 0 else {
        throw .invalidSchema(path: "\(path)/\(keyword)", reason: "it is not a whole number from 0 on")
      }
      return bound
    }
    let low = try bound(least) ?? 0
    let high = try bound(most)
    guard low <= GrammarLimits.repetitions, (high ?? 0) <= GrammarLimits.repetitions else {
      throw .tooLarge("\(least) and \(most) may be at most \(GrammarLimits.repetitions)")
    }
    if let high, high < low { throw .matchesNothing }
    return (low, high)
  }
}
