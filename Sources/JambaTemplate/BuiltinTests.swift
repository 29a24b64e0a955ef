/// The tests of `value is name(arguments)`.
enum BuiltinTests {
  static let names: Set<String> = [
    "odd", "even", "divisibleby", "defined", "undefined", "filter", "test", "none", "boolean", "false", "true", "integer",
    "float", "lower", "upper", "string", "mapping", "number", "sequence", "iterable", "callable", "sameas", "escaped",
    "in", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", "ge", ">=", "<", "lt", "lessthan", "<=", "le",
  ]

  private static let comparisons: [String: ComparisonOperator] = [
    "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual, ">": .greater, "gt": .greater,
    "greaterthan": .greater, "ge": .greaterOrEqual, ">=": .greaterOrEqual, "<": .less, "lt": .less, "lessthan": .less,
    "<=": .lessOrEqual, "le": .lessOrEqual,
  ]

  static func comparison(_ name: String) -> ComparisonOperator? { comparisons[name] }
}

extension Interpreter {
  func test(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Bool {
    if let comparison = BuiltinTests.comparison(name) {
      guard arguments.named.isEmpty else { throw .runtime("\(name)() takes no keyword arguments") }
      return try compare(value, comparison, arguments.bind(name, ["b"], required: 1)[0] ?? .none)
    }
    switch name {
    case "divisibleby":
      let divisor = try arguments.bind(name, ["num"], required: 1)[0] ?? .none
      return try equal(calculate(value, .modulo, divisor), .int(0))
    case "sameas": return try isSame(value, arguments.bind(name, ["other"], required: 1)[0] ?? .none)
    case "in": return try contains(arguments.bind(name, ["seq"], required: 1)[0] ?? .none, value)
    default:
      _ = try arguments.bind(name, [])
      return try test(name, value)
    }
  }

  private func test(_ name: String, _ value: Value) throws(TemplateError) -> Bool {
    switch name {
    case "odd": return try equal(calculate(value, .modulo, .int(2)), .int(1))
    case "even": return try equal(calculate(value, .modulo, .int(2)), .int(0))
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "filter": return try isName(value, in: Filters.names)
    case "test": return try isName(value, in: BuiltinTests.names)
    case "none": if case .none = value { return true }
    case "boolean": if case .bool = value { return true }
    case "false": if case .bool(false) = value { return true }
    case "true": if case .bool(true) = value { return true }
    case "integer": if value.isWhole, value.typeName == "int" { return true }
    case "float": if case .float = value { return true }
    case "lower", "upper": return Self.holds("is" + name, try text(of: value))
    case "string": return value.text != nil
    case "mapping": if case .dict = value { return true }
    case "number": return value.number != nil
    case "sequence":
      switch value {
      case .string, .markup, .list, .tuple, .dict, .range, .undefined: return true
      default: return false
      }
    case "iterable":
      switch value {
      case .none, .bool, .int, .big, .float, .namespace, .macro, .function, .method, .cycler, .joiner, .template, .block: return false
      default: return true
      }
    case "callable":
      switch value {
      case .macro, .function, .method, .joiner, .undefined, .loop, .block: return true
      default: return false
      }
    case "escaped": if case .markup = value { return true }
    default: throw .runtime("No test named '\(name)' found.")
    }
    return false
  }

  private func isName(_ value: Value, in names: Set<String>) throws(TemplateError) -> Bool {
    _ = try Value.Key(value)
    guard let name = value.text else { return false }
    return names.contains(name)
  }
}
