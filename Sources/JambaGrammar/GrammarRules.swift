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

  /// A new rule whose name nobody writes.
  package mutating func add(_ body: Expression) throws(GrammarError) -> Expression {
    let rule = try number(of: "#\(names.count)")
    define(rule, body)
    return .rule(rule)
  }
}
