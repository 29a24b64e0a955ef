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
  var keywords: Set<String> {
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
}
