extension Interpreter {
  func evaluate(_ expression: Expression, in activation: Activation) throws(TemplateError) -> Value {
    switch expression {
    case .constant(let constant): return Value(constant)
    case .name(let name, let id):
      try spend()
      return lookUp(program.references[id], in: activation) ?? .undefined(named: name)
    default: return try deeper { () throws(TemplateError) in try evaluateCompound(expression, in: activation) }
    }
  }

  private func evaluateCompound(_ expression: Expression, in activation: Activation) throws(TemplateError) -> Value {
    switch expression {
    case .constant, .name: return .none
    case .list(let elements): return try list(evaluate(elements, in: activation))
    case .tuple(let elements): return try tuple(evaluate(elements, in: activation))
    case .dict(let pairs): return try dictionary(pairs, in: activation)
    case .arithmetic(let first, let rest):
      var result = try evaluate(first, in: activation)
      for (kind, operand, position) in rest {
        let right = try evaluate(operand, in: activation)
        result = try at(position) { () throws(TemplateError) in try calculate(result, kind, right) }
      }
      return result
    case .negated(let operand, let position):
      let value = try evaluate(operand, in: activation)
      return try at(position) { () throws(TemplateError) in try negate(value) }
    case .positive(let operand, let position):
      let value = try evaluate(operand, in: activation)
      return try at(position) { () throws(TemplateError) in try positive(value) }
    case .concatenation(let operands): return try concatenate(operands, in: activation)
    case .comparison(let first, let rest): return try compare(first, rest, in: activation)
    case .and(let operands): return try firstDeciding(false, operands, in: activation)
    case .or(let operands): return try firstDeciding(true, operands, in: activation)
    case .not(let operand): return .bool(!(try evaluate(operand, in: activation).isTrue))
    case .conditional(let test, let then, let otherwise, let position):
      if try evaluate(test, in: activation).isTrue { return try evaluate(then, in: activation) }
      if let otherwise { return try evaluate(otherwise, in: activation) }
      return .undefined(
        Undefined(
          "the inline if-expression on line \(position.line) evaluated to false and no else section was defined."))
    case .postfix(let base, let postfixes): return try evaluate(base, postfixes[...], in: activation)
    }
  }

  private func evaluate(_ expressions: [Expression], in activation: Activation) throws(TemplateError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression, in: activation)) }
    return values
  }

  private func dictionary(
    _ pairs: [(key: Expression, value: Expression)], in activation: Activation
  ) throws(TemplateError) -> Value {
    let result = Value.Dictionary()
    try allocate(pairs.count * 96 + 64)
    for (key, value) in pairs {
      try result.set(evaluate(key, in: activation), evaluate(value, in: activation))
    }
    return .dict(result)
  }

  private func concatenate(_ operands: [Expression], in activation: Activation) throws(TemplateError) -> Value {
    var result = ""
    for operand in operands {
      let piece = try text(of: evaluate(operand, in: activation))
      try allocate(result.utf8.count + piece.utf8.count)
      result += piece
    }
    return .string(result)
  }

  private func compare(
    _ first: Expression, _ rest: [(kind: ComparisonOperator, operand: Expression, position: Position)],
    in activation: Activation
  ) throws(TemplateError) -> Value {
    var left = try evaluate(first, in: activation)
    for (kind, operand, position) in rest {
      let right = try evaluate(operand, in: activation)
      let holds = try at(position) { () throws(TemplateError) in try compare(left, kind, right) }
      if !holds { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func firstDeciding(
    _ truth: Bool, _ operands: [Expression], in activation: Activation
  ) throws(TemplateError) -> Value {
    var value = Value.none
    for operand in operands {
      value = try evaluate(operand, in: activation)
      if value.isTrue == truth { break }
    }
    return value
  }

  // MARK: Chains

  func evaluate(
    _ base: Expression, _ postfixes: ArraySlice<Postfix>, in activation: Activation
  ) throws(TemplateError) -> Value {
    var value = try evaluate(base, in: activation)
    for postfix in postfixes {
      let current = value
      value = try at(postfix.position) { () throws(TemplateError) in try apply(postfix, to: current, in: activation) }
    }
    return value
  }

  func apply(_ postfixes: [Postfix], to value: Value, in activation: Activation) throws(TemplateError) -> Value {
    var value = value
    for postfix in postfixes { value = try apply(postfix, to: value, in: activation) }
    return value
  }

  private func apply(
    _ postfix: Postfix, to value: Value, in activation: Activation
  ) throws(TemplateError) -> Value {
    try spend()
    switch postfix.kind {
    case .attribute(let name): return try attribute(name, of: value)
    case .item(let index): return try item(evaluate(index, in: activation), of: value)
    case .slice(let start, let stop, let step):
      var bounds: [Value] = []
      for bound in [start, stop, step] {
        if let bound { bounds.append(try evaluate(bound, in: activation)) } else { bounds.append(.none) }
      }
      return try slice(value, bounds[0], bounds[1], bounds[2])
    case .call(let arguments): return try call(value, evaluate(arguments, in: activation))
    case .filter(let name, let arguments): return try filter(name, value, evaluate(arguments, in: activation))
    case .test(let name, let arguments, let negated):
      return .bool(try test(name, value, evaluate(arguments, in: activation)) != negated)
    }
  }

  func evaluate(_ arguments: CallArguments, in activation: Activation) throws(TemplateError) -> Arguments {
    var result = Arguments()
    result.positional = try evaluate(arguments.positional, in: activation)
    for (name, expression) in arguments.named {
      result.named.append((name, try evaluate(expression, in: activation)))
    }
    if let list = arguments.list {
      result.positional += try elements(of: evaluate(list, in: activation))
    }
    if let mapping = arguments.mapping {
      let value = try evaluate(mapping, in: activation)
      guard case .dict(let dictionary) = value else {
        throw .runtime("argument after ** must be a mapping, not \(value.typeName)")
      }
      for (key, value) in zip(dictionary.keys, dictionary.values) {
        guard let name = key.text else { throw .runtime("keywords must be strings") }
        guard !result.named.contains(where: { PythonText.equal($0.name, name) }) else {
          throw .runtime("got multiple values for keyword argument '\(name)'")
        }
        result.named.append((name, value))
      }
    }
    return result
  }
}

extension Value {
  init(_ constant: Expression.Constant) {
    switch constant {
    case .none: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .int(value)
    case .bigInteger(let value): self = .big(value)
    case .float(let value): self = .float(value)
    case .string(let value): self = .string(value)
    }
  }
}
