/// A statement of a template, between its pieces of text.
enum Statement: Sendable {
  case text(String)
  case output(Expression, Position)
  case condition(branches: [Branch], otherwise: [Statement])
  case loop(Loop)
  case assignment(Target, Expression, Position)
  case capture(Capture)
  case macro(Macro)
  case call(CallBlock)
  case filter(FilterBlock)
  case with(WithBlock)
  /// A part of the template with a name, printed where it stands.
  case named(NamedBlock)
  /// `autoescape`: a block whose only value says whether what it prints is escaped.
  case escaping(WithBlock)
  /// A tag that always fails, such as `include`: a chat template has no others to load.
  case failure(String, Position)
  case breakLoop
  case continueLoop

  struct Branch: Sendable {
    let test: Expression
    let body: [Statement]
  }

  /// `for target in sequence if filter … else … endfor`
  struct Loop: Sendable {
    let id: Int
    let target: Target
    let sequence: Expression
    /// The inline `if`, with names of its own for the target: it may run ahead of the body.
    let filter: Expression?
    let filterTarget: Target?
    /// Whether `loop(sequence)` runs the loop again, within itself. Such a loop is a function of its own.
    let isRecursive: Bool
    let body: [Statement]
    let otherwise: [Statement]
    let position: Position
  }

  /// `set target | filters … endset`
  struct Capture: Sendable {
    let id: Int
    let target: Target
    let filters: [Postfix]
    let body: [Statement]
    let position: Position
  }

  /// The parameters and the body of a macro, or of the block that a call passes as `caller`.
  struct Macro: Sendable {
    let id: Int
    let name: Target?
    let parameters: [Target]
    /// Of the last parameters.
    let defaults: [Expression]
    let body: [Statement]
    let position: Position
  }

  /// `call(parameters) callee(…) … endcall`; without a callee, a `generation` block, which prints its body.
  struct CallBlock: Sendable {
    let caller: Macro
    let callee: Expression?
    let position: Position
  }

  struct FilterBlock: Sendable {
    let id: Int
    let filters: [Postfix]
    let body: [Statement]
    let position: Position
  }

  struct WithBlock: Sendable {
    let id: Int
    let targets: [Target]
    let values: [Expression]
    let body: [Statement]
    let position: Position
  }
}

extension Statement {
  /// `block name scoped required … endblock`
  struct NamedBlock: Sendable {
    let id: Int
    let name: String
    /// Whether it sees the variables around it, and not only the template's own.
    let isScoped: Bool
    /// Whether it is for another template to fill, which there is none.
    let isRequired: Bool
    let body: [Statement]
    let position: Position
  }
}

/// The target of an assignment.
indirect enum Target: Sendable {
  case name(String, id: Int)
  /// `namespace.attribute`
  case attribute(of: String, id: Int, String)
  case tuple([Target])

  /// All names in it, in order.
  var names: [(name: String, id: Int, isAttribute: Bool)] {
    switch self {
    case .name(let name, let id): [(name, id, false)]
    case .attribute(let name, let id, _): [(name, id, true)]
    case .tuple(let targets): targets.flatMap(\.names)
    }
  }
}
