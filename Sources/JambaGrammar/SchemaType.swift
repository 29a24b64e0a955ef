import JambaSystem

/// A type of JSON Schema.
enum SchemaType: String, CaseIterable {
  case null, boolean, integer, number, string, array, object

  /// The keywords that constrain values of the type and are understood.
  var keywords: Set<String> {
    switch self {
    case .null, .boolean: []
    case .integer, .number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
    case .string: ["minLength", "maxLength", "format", "pattern"]
    case .array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]
    case .object: ["properties", "required", "additionalProperties"]
    }
  }

  func contains(_ value: JSON) -> Bool {
    switch (self, value) {
    case (.null, .null), (.boolean, .bool), (.number, .integer), (.number, .number), (.string, .string),
      (.array, .array),
      (.object, .object):
      true
    case (.integer, .integer): true
    case (.integer, .number(let number)): number == number.rounded()
    case (.integer, .numeral(let text)): text.utf8.allSatisfy { !".eE".utf8.contains($0) }
    default: false
    }
  }

  /// The type of a value; whole numbers are numbers.
  init(of value: JSON) {
    self =
      switch value {
      case .null: .null
      case .bool: .boolean
      case .integer, .number, .numeral: .number
      case .string: .string
      case .array: .array
      case .object: .object
      }
  }
}

/// The JSON types that a schema's values can have, as far as can be told at a glance.
struct SchemaKind {
  /// nil where it is not known.
  private var types: Set<SchemaType>?
  /// All values, where they are listed.
  private var constants: [JSON]?
  /// Members that must be there and have one of certain values.
  private var members: [(name: String, values: [JSON])] = []

  init(_ schema: JSON) {
    guard let object = schema.object else { return }
    constants = object["enum"]?.array ?? object["const"].map { [$0] }
    if let type = object["type"] {
      types = Set((type.array ?? [type]).compactMap { $0.string.flatMap { SchemaType(rawValue: $0) } })
      if types!.remove(.integer) != nil { types!.insert(.number) }
    } else if let constants {
      types = Set(constants.map { SchemaType(of: $0) })
    }
    let required = (object["required"]?.array ?? []).compactMap(\.string)
    for name in required {
      guard let member = object["properties"]?[name] else { continue }
      if let values = member["enum"]?.array ?? member["const"].map({ [$0] }) { members.append((name, values)) }
    }
  }

  func isDisjoint(from other: SchemaKind) -> Bool {
    if let types, let others = other.types, types.isDisjoint(with: others) { return true }
    if let constants, let others = other.constants { return SchemaKind.areDisjoint(constants, others) }
    guard types == [.object], other.types == [.object] else { return false }
    return members.contains { member in
      other.members.contains {
        ExactString($0.name) == ExactString(member.name) && SchemaKind.areDisjoint($0.values, member.values)
      }
    }
  }

  private static func areDisjoint(_ values: [JSON], _ others: [JSON]) -> Bool {
    // Numbers and what holds them are equal in more ways than one, so only strings, truth values and null are compared.
    let simple = (values + others).allSatisfy {
      switch $0 {
      case .string, .bool, .null: true
      default: false
      }
    }
    return simple
      && !values.contains { value in
        others.contains { other in
          if let text = value.string, let otherText = other.string {
            return ExactString(text) == ExactString(otherText)
          }
          return value == other
        }
      }
  }
}
