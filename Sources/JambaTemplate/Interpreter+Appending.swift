/// Texts that are gathered piece by piece: `set a = a ~ b`. The text grows in its place, as copying all of it for each
/// piece would take time with the square of its length.
extension Interpreter {
  /// Assigns what only adds to the target's own text; false where the assignment is another, and nothing has been done.
  func append(_ expression: Expression, to target: Target, in activation: Activation) throws(TemplateError) -> Bool {
    guard !isEscaping, let (first, rest, joins) = Interpreter.pieces(of: expression),
      isSame(first, target), holdsText(target, in: activation)
    else { return false }
    let start = try evaluate(first, in: activation)
    let count = assignmentCount
    var values: [Value] = []
    for operand in rest { values.append(try evaluate(operand.expression, in: activation)) }
    var pieces: [String] = []
    for value in values {
      if joins {
        pieces.append(try text(of: value))
      } else if case .string(let text) = value {
        pieces.append(text)
      }
    }
    guard count == assignmentCount, pieces.count == values.count else {
      // Something has been assigned meanwhile, or the sum is no text: as it stands, then.
      var result = start
      if joins {
        let whole = try text(of: start) + pieces.joined()
        result = try string(whole)
      } else {
        for (operand, value) in zip(rest, values) {
          result = try at(operand.position) { () throws(TemplateError) in try calculate(result, .add, value) }
        }
      }
      try assign(result, to: target, in: activation)
      return true
    }
    try append(pieces, to: target, in: activation, dropping: start)
    return true
  }

  private static func pieces(
    of expression: Expression
  ) -> (first: Expression, rest: [(expression: Expression, position: Position)], joins: Bool)? {
    switch expression {
    case .concatenation(let operands):
      return (operands[0], operands.dropFirst().map { ($0, .unknown) }, true)
    case .arithmetic(let first, let rest):
      guard rest.allSatisfy({ $0.kind == .add }) else { return nil }
      return (first, rest.map { ($0.operand, $0.position) }, false)
    default: return nil
    }
  }

  /// Whether an expression is the variable or the attribute that is assigned to.
  private func isSame(_ expression: Expression, _ target: Target) -> Bool {
    func isSame(_ a: Int, _ b: Int) -> Bool {
      let (a, b) = (program.references[a], program.references[b])
      return a.slot == b.slot && a.hops == b.hops
    }
    switch (target, expression) {
    case (.name(_, let id), .name(_, let source)):
      return isSame(id, source) && program.references[source].hops == 0 && !program.exported.contains(id)
    case (.attribute(_, let id, let attribute), .postfix(.name(_, let source), let postfixes)):
      guard postfixes.count == 1, case .attribute(let name) = postfixes[0].kind else { return false }
      return PythonText.equal(name, attribute) && isSame(id, source)
    default: return false
    }
  }

  private func holdsText(_ target: Target, in activation: Activation) -> Bool {
    switch target {
    case .name(_, let id):
      if case .string? = activation.slots[program.references[id].slot] { return true }
    case .attribute(_, let id, let attribute):
      if case .namespace(let namespace)? = lookUp(program.references[id], in: activation),
        case .string? = namespace.attributes[attribute]
      {
        return true
      }
    case .tuple: break
    }
    return false
  }

  private func append(
    _ pieces: [String], to target: Target, in activation: Activation, dropping start: consuming Value
  ) throws(TemplateError) {
    _ = consume start
    var added = 0
    for piece in pieces { added += piece.utf8.count }
    switch target {
    case .name(_, let id):
      let slot = program.references[id].slot
      guard case .string(var text)? = activation.slots[slot] else { return }
      activation.slots[slot] = nil
      try grow(&text, by: pieces, added)
      activation.slots[slot] = .string(text)
    case .attribute(_, let id, let attribute):
      guard case .namespace(let namespace)? = lookUp(program.references[id], in: activation),
        case .string(var text)? = namespace.attributes.take(attribute)
      else { return }
      try grow(&text, by: pieces, added)
      try namespace.attributes.set(.string(attribute), .string(text))
    case .tuple: break
    }
  }

  /// Counts the memory of all of the text where it had to move, as it does where something else holds it, too.
  private func grow(_ text: inout String, by pieces: [String], _ added: Int) throws(TemplateError) {
    try allocate(added)
    guard text.utf8.count + added <= TemplateLimits.stringBytes else {
      throw .limit("a string of more than \(TemplateLimits.stringBytes) bytes")
    }
    let place = Interpreter.address(of: &text)
    for piece in pieces { text += piece }
    if Interpreter.address(of: &text) != place { try allocate(text.utf8.count) }
  }

  private static func address(of text: inout String) -> UInt {
    text.withUTF8 { UInt(bitPattern: $0.baseAddress) }
  }
}
