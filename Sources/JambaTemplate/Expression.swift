import JambaSystem

typealias Position = TemplateError.Position

/// An expression as parsed. Chains (`a + b + c`, `a.b.c|d`) are flat, so that the depth of the tree is the depth of the
/// source's nesting.
indirect enum Expression: Sendable {
  case constant(Constant)
  /// A variable; `id` finds what it refers to in `Program.references`.
  case name(String, id: Int)
  case list([Expression])
  case tuple([Expression])
  case dict([(key: Expression, value: Expression)])
  /// Operators of one precedence, applied from the left.
  case arithmetic(Expression, [(kind: ArithmeticOperator, operand: Expression, position: Position)])
  case negated(Expression, Position)
  case positive(Expression, Position)
  case concatenation([Expression])
  case comparison(Expression, [(kind: ComparisonOperator, operand: Expression, position: Position)])
  case and([Expression])
  case or([Expression])
  case not(Expression)
  case conditional(test: Expression, then: Expression, otherwise: Expression?, Position)
  case postfix(Expression, [Postfix])

  enum Constant: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case bigInteger(BigInteger)
    case float(Double)
    case string(String)
  }
}

enum ArithmeticOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
}

enum ComparisonOperator: String, Sendable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case contained = "in"
  case notContained = "not in"
}

/// Operators that may follow an operand.
struct Postfix: Sendable {
  enum Kind: Sendable {
    case attribute(String)
    case item(Expression)
    case slice(start: Expression?, stop: Expression?, step: Expression?)
    case call(CallArguments)
    case filter(String, CallArguments)
    case test(String, CallArguments, negated: Bool)
  }

  let kind: Kind
  let position: Position
}

struct CallArguments: Sendable {
  var positional: [Expression] = []
  var named: [(name: String, value: Expression)] = []
  /// `*arguments`
  var list: Expression?
  /// `**arguments`
  var mapping: Expression?
}

extension Expression {
  /// The expressions directly inside, in no particular order.
  var children: [Expression] {
    switch self {
    case .constant, .name: []
    case .list(let elements), .tuple(let elements), .concatenation(let elements), .and(let elements), .or(let elements):
      elements
    case .dict(let pairs): pairs.flatMap { [$0.key, $0.value] }
    case .arithmetic(let first, let rest): [first] + rest.map(\.operand)
    case .comparison(let first, let rest): [first] + rest.map(\.operand)
    case .negated(let operand, _), .positive(let operand, _), .not(let operand): [operand]
    case .conditional(let test, let then, let otherwise, _): [test, then] + (otherwise.map { [$0] } ?? [])
    case .postfix(let base, let postfixes): [base] + postfixes.flatMap(\.children)
    }
  }
}

extension Postfix {
  var children: [Expression] {
    switch kind {
    case .attribute: []
    case .item(let index): [index]
    case .slice(let start, let stop, let step): [start, stop, step].compactMap { $0 }
    case .call(let arguments), .filter(_, let arguments), .test(_, let arguments, _): arguments.children
    }
  }
}

extension CallArguments {
  var children: [Expression] { positional + named.map(\.value) + [list, mapping].compactMap { $0 } }
}
