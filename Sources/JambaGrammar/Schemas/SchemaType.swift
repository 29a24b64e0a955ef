import JambaSystem

/// Which types values have where a schema names none.
enum UnnamedTypes: String, CaseIterable {
  /// Those that its keywords speak of.
  case spoken
  /// Any, as the standard says.
  case any
}

/// A type of JSON values, as `type` names them; whole numbers are numbers.
enum SchemaType: String, CaseIterable {
  case null, boolean, number, string, array, object

  /// The keywords that constrain values of the type.
  private var keywords: [String] {
    switch self {
    case .null, .boolean: []
    case .number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
    case .string: ["minLength", "maxLength", "format", "pattern"]
    case .array:
      [
        "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains",
        "maxContains", "unevaluatedItems",
      ]
    case .object:
      [
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties",
      ]
    }
  }

  private static let spoken: [ExactString: SchemaType] = Dictionary(
    uniqueKeysWithValues: allCases.flatMap { type in type.keywords.map { (ExactString($0), type) } })

  /// The type whose values a keyword constrains, if it constrains those of one alone.
  init?(keyword: String) {
    guard let type = SchemaType.spoken[ExactString(keyword)] else { return nil }
    self = type
  }
}

/// Some types of JSON values.
struct SchemaTypes: OptionSet {
  let rawValue: UInt8

  static let null = SchemaTypes(.null)
  static let boolean = SchemaTypes(.boolean)
  static let number = SchemaTypes(.number)
  static let string = SchemaTypes(.string)
  static let array = SchemaTypes(.array)
  static let object = SchemaTypes(.object)
  static let all = SchemaTypes(rawValue: 63)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ type: SchemaType) {
    rawValue =
      switch type {
      case .null: 1
      case .boolean: 2
      case .number: 4
      case .string: 8
      case .array: 16
      case .object: 32
      }
  }
}
