/// A context-free grammar as it is written: rules of expressions over Unicode scalars.
package struct GrammarRules: Sendable {
  package indirect enum Expression: Hashable, Sendable {
    case text(String)
    case scalars(ScalarSet)
    case sequence([Expression])
    case choice([Expression])
    case repeated(Expression, Int, Int?)
    case rule(Int)
    /// States and what leads from one to another; it begins in the first.
    case machine(Machine)
    /// Parts between commas, each at most once.
    case members(Members)
    /// What stands within an array's brackets if its items must all differ.
    case unique(Expression)

    package static var empty: Expression { .sequence([]) }
    package static func optional(_ body: Expression) -> Expression { .repeated(body, 0, 1) }
    package static func any(_ body: Expression) -> Expression { .repeated(body, 0, nil) }
  }

  package struct Machine: Hashable, Sendable {
    struct Edge: Hashable, Sendable {
      /// A number in `labels`.
      let label: Int
      let target: Int
    }

    var labels: [Expression] = []
    /// By state: what leads from it.
    var edges: [[Edge]] = []
    var isEnd: [Bool] = []
    /// How many edges may be taken; nil for any number.
    var most: Int?

    /// An edge whose label no other has.
    mutating func edge(_ label: Expression, to target: Int) -> Edge {
      labels.append(label)
      return Edge(label: labels.count - 1, target: target)
    }
  }

  package struct Members: Hashable, Sendable {
    /// These come, in this order.
    var required: [Expression]
    /// These may come, each at any place.
    var optional: [Expression]
    /// By optional part: the numbers of others that must be there, too.
    var dependents: [[Int]]
    /// What may come behind the required ones, any number of times. Together they count for one toward `least`.
    var others: Expression?
    var separator: Expression
    var least: Int
    var most: Int?

    static let optionalLimit = 16
  }

  package private(set) var names: [String] = []
  package private(set) var bodies: [Expression?] = []
  private var numbers: [String: Int] = [:]
  package var root = 0
  /// Rules of JSON's strings, any of them.
  private(set) var strings: Set<Int> = []
  /// Rules of JSON's strings of so many characters, any of them.
  private(set) var countedStrings: Set<Int> = []

  static let ruleLimit = 1 << 16

  /// The number of a rule, which may still lack a body.
  package mutating func number(of name: String) throws(GrammarError) -> Int {
    if let number = numbers[name] { return number }
    guard names.count < GrammarRules.ruleLimit else { throw .tooLarge("more than \(GrammarRules.ruleLimit) rules") }
    numbers[name] = names.count
    names.append(name)
    bodies.append(nil)
    return names.count - 1
  }

  /// The number of a rule that is there.
  func index(of name: String) -> Int { numbers[name]! }

  func contains(_ name: String) -> Bool { numbers[name].map { bodies[$0] != nil } ?? false }

  package mutating func define(_ rule: Int, _ body: Expression) { bodies[rule] = body }

  /// Says that a rule, which is there, is that of JSON's strings.
  mutating func markString(_ rule: Int) { strings.insert(rule) }

  /// Says that a rule is that of JSON's strings of so many characters.
  mutating func markCountedString(_ rule: Int) { countedStrings.insert(rule) }

  /// Adds another grammar's rules, under names of their own.
  package mutating func add(_ other: GrammarRules) throws(GrammarError) -> Expression {
    let first = names.count
    for name in other.names { _ = try number(of: "#\(first) \(name)") }
    for (index, body) in other.bodies.enumerated() { bodies[first + index] = body?.renumbered(by: first) }
    strings.formUnion(other.strings.map { first + $0 })
    countedStrings.formUnion(other.countedStrings.map { first + $0 })
    return .rule(first + other.root)
  }

  /// A new rule whose name nobody writes.
  package mutating func add(_ body: Expression) throws(GrammarError) -> Expression {
    let rule = try number(of: "#\(names.count)")
    define(rule, body)
    return .rule(rule)
  }
}

extension GrammarRules.Expression {
  /// The expression with larger numbers of rules.
  fileprivate func renumbered(by offset: Int) -> Self {
    switch self {
    case .text, .scalars: self
    case .sequence(let parts): .sequence(parts.map { $0.renumbered(by: offset) })
    case .choice(let parts): .choice(parts.map { $0.renumbered(by: offset) })
    case .repeated(let body, let least, let most): .repeated(body.renumbered(by: offset), least, most)
    case .rule(let number): .rule(number + offset)
    case .unique(let body): .unique(body.renumbered(by: offset))
    case .machine(let machine):
      .machine(
        GrammarRules.Machine(
          labels: machine.labels.map { $0.renumbered(by: offset) }, edges: machine.edges, isEnd: machine.isEnd,
          most: machine.most))
    case .members(let members):
      .members(
        GrammarRules.Members(
          required: members.required.map { $0.renumbered(by: offset) },
          optional: members.optional.map { $0.renumbered(by: offset) }, dependents: members.dependents,
          others: members.others?.renumbered(by: offset), separator: members.separator.renumbered(by: offset),
          least: members.least, most: members.most))
    }
  }
}
