import JambaSystem

/// The values that fit a schema, type by type. Of numbers, strings, arrays and objects there are alternatives, each of which
/// is a conjunction.
struct SchemaValues {
  var hasNull = true
  var booleans: Set<Bool> = [false, true]
  var numbers: [NumberValues] = [NumberValues()]
  var strings: [StringValues] = [StringValues()]
  var arrays: [ArrayValues] = [ArrayValues()]
  var objects: [ObjectValues] = [ObjectValues()]
  /// Whether the schema says of which types values are.
  var isTyped = false
  /// The types that keywords speak of; nil if there are no such keywords.
  var spoken: SchemaTypes?

  static var none: SchemaValues {
    SchemaValues(hasNull: false, booleans: [], numbers: [], strings: [], arrays: [], objects: [], isTyped: true)
  }

  var types: SchemaTypes {
    var types: SchemaTypes = []
    if hasNull { types.insert(.null) }
    if !booleans.isEmpty { types.insert(.boolean) }
    if !numbers.isEmpty { types.insert(.number) }
    if !strings.isEmpty { types.insert(.string) }
    if !arrays.isEmpty { types.insert(.array) }
    if !objects.isEmpty { types.insert(.object) }
    return types
  }

  mutating func keep(_ types: SchemaTypes) {
    if !types.contains(.null) { hasNull = false }
    if !types.contains(.boolean) { booleans = [] }
    if !types.contains(.number) { numbers = [] }
    if !types.contains(.string) { strings = [] }
    if !types.contains(.array) { arrays = [] }
    if !types.contains(.object) { objects = [] }
  }
}

/// Numbers between bounds, whole or not, multiples, or some of a list.
struct NumberValues: Hashable {
  struct Multiple: Hashable {
    /// The divisor is `modulus` / 10^`places`.
    let modulus: Int
    let places: Int
  }

  struct Constant: Hashable {
    let value: Decimal
    /// As the schema writes it.
    let text: String
  }

  var low: NumberLanguages.Bound?
  var high: NumberLanguages.Bound?
  var isWhole = false
  var multiples: Set<Multiple> = []
  var constants: [Constant]?
  /// What the texts must fit besides.
  var language: Language?

  func contains(_ value: Decimal) -> Bool {
    if let low, value < low.value || value == low.value && low.isExcluded { return false }
    if let high, high.value < value || value == high.value && high.isExcluded { return false }
    return (!isWhole || value.isWhole) && multiples.allSatisfy { value.isMultiple(of: $0.modulus, places: $0.places) }
  }
}

/// Strings of a language, or some of a list.
struct StringValues: Hashable {
  /// nil for all.
  var language: Language?
  var constants: [ExactString]?
}

/// Arrays: what stands at the first places, what behind them, and how many there are.
struct ArrayValues: Hashable {
  struct Containing: Hashable {
    let goal: SchemaGoal
    let least: Int
    let most: Int?
  }

  var leading: [SchemaGoal] = []
  /// At how many of the first places a schema has looked that holds, rather than one that must not.
  var seen = 0
  var rest = SchemaGoal.anything
  /// Whether something is said of what stands behind the first places.
  var isRestSaid = false
  var least = 0
  var most: Int?
  var containing: Set<Containing> = []
  var isUnique = false
  /// The one array that it is, as its text.
  var literal: String?

  func goal(at index: Int) -> SchemaGoal { index < leading.count ? leading[index] : rest }
}

/// Objects: what members must, may and must not be there.
struct ObjectValues: Hashable {
  struct Property: Hashable {
    var goal: SchemaGoal
    /// Whether `properties` speaks of it, rather than a consequence.
    var isDeclared: Bool
  }

  struct NamePattern: Hashable {
    /// Names that every reader, and that any reader takes for meant.
    let inner: Language
    let outer: Language
    let goal: SchemaGoal
  }

  /// What is said of members that no declaration within one schema names.
  struct Others: Hashable {
    var patterns: [NamePattern]
    var goal: SchemaGoal
  }

  private(set) var names: [ExactString] = []
  private(set) var properties: [ExactString: Property] = [:]
  var others: [Others] = []
  /// What the names themselves must fit.
  var nameGoal = SchemaGoal.anything
  private(set) var required: [ExactString] = []
  private var requiredNames: Set<ExactString> = []
  var least = 0
  var most: Int?
  /// Members that must be there where another is.
  var dependents: [ExactString: Set<ExactString>] = [:]
  /// Whether members are declared.
  var isDeclaring = false
  /// Whether something is said of members that are not declared, and whether it is said of all of them.
  var isRestSaid = false
  var isAllSaid = false
  /// Whether required members, too, come at any place.
  var isAnyOrder = false
  var literal: String?

  func property(_ name: ExactString) -> Property? { properties[name] }

  mutating func set(_ name: ExactString, _ property: Property) {
    if properties.updateValue(property, forKey: name) == nil { names.append(name) }
  }

  /// Narrows what a member may be.
  mutating func narrow(_ name: ExactString, to goal: SchemaGoal, in table: LanguageTable) {
    let known = properties[name] ?? Property(goal: otherGoal(name, in: table), isDeclared: false)
    set(name, Property(goal: known.goal.and(goal), isDeclared: known.isDeclared))
  }

  func isRequired(_ name: ExactString) -> Bool { requiredNames.contains(name) }

  mutating func require(_ name: ExactString) {
    if requiredNames.insert(name).inserted { required.append(name) }
  }

  /// What a member must fit that is not declared.
  func otherGoal(_ name: ExactString, in table: LanguageTable) -> SchemaGoal {
    var goal = SchemaGoal.anything
    for clause in others {
      let meant = clause.patterns.filter { table.matches(name.text, $0.outer) }
      for pattern in meant { goal = goal.and(pattern.goal) }
      // Where readers differ, both are held.
      if !clause.patterns.contains(where: { table.matches(name.text, $0.inner) }) { goal = goal.and(clause.goal) }
    }
    return goal
  }
}
