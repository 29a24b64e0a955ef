/// A context-free grammar as it is written: rules of expressions over Unicode scalars.
package struct GrammarRules: Sendable {
  package indirect enum Expression: Sendable {
    case text(String)
    case scalars(ScalarSet)
    case sequence([Expression])
    case choice([Expression])
    case repeated(Expression, Int, Int?)
    case rule(Int)

    package static var empty: Expression { .sequence([]) }
    package static func optional(_ body: Expression) -> Expression { .repeated(body, 0, 1) }
    package static func any(_ body: Expression) -> Expression { .repeated(body, 0, nil) }
  }

  package private(set) var names: [String] = []
  private(set) var bodies: [Expression?] = []
  private var numbers: [String: Int] = [:]
  package var root = 0

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

  func contains(_ name: String) -> Bool { numbers[name].map { bodies[$0] != nil } ?? false }

  package mutating func define(_ rule: Int, _ body: Expression) { bodies[rule] = body }

  /// Adds another grammar's rules, under names of their own.
  package mutating func add(_ other: GrammarRules) throws(GrammarError) -> Expression {
    let first = names.count
    for name in other.names { _ = try number(of: "#\(first) \(name)") }
    for (index, body) in other.bodies.enumerated() { bodies[first + index] = body?.renumbered(by: first) }
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
    }
  }
}
