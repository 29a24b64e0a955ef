import JambaSystem

extension Parser {
  /// An expression; without `allowsCondition`, not an inline `if`.
  mutating func expression(allowsCondition: Bool = true) throws(TemplateError) -> Expression {
    try enter()
    defer { leave() }
    var result = try operators(atLeast: .or)
    while allowsCondition, current.isName("if") {
      let position = advance().position
      let test = try operators(atLeast: .or)
      let otherwise = skip(name: "else") ? try expression() : nil
      result = .conditional(test: test, then: result, otherwise: otherwise, position)
    }
    return result
  }

  /// From the loosest to the tightest. All bind to the left, `**` too.
  enum Precedence: Int {
    case or, and, not, comparison, sum, concatenation, product, power, operand
  }

  private func precedence(of token: Token) -> Precedence? {
    switch token.kind {
    case .name("or"): .or
    case .name("and"): .and
    case .name("in"): .comparison
    case .name("not"): next.isName("in") ? .comparison : nil
    case .symbol(let symbol):
      switch symbol {
      case "==", "!=", "<", "<=", ">", ">=": .comparison
      case "+", "-": .sum
      case "~": .concatenation
      case "*", "/", "//", "%": .product
      case "**": .power
      default: nil
      }
    default: nil
    }
  }

  /// An operand and the operators after it that bind at least so tightly.
  private mutating func operators(atLeast minimum: Precedence) throws(TemplateError) -> Expression {
    try enter()
    defer { leave() }
    var left: Expression
    if minimum.rawValue <= Precedence.not.rawValue, current.isName("not") {
      advance()
      left = .not(try operators(atLeast: .not))
    } else {
      left = try unary(withFilters: true)
    }
    while let level = precedence(of: current), level.rawValue >= minimum.rawValue {
      left = try chain(of: level, from: left)
    }
    return left
  }

  /// All following operators of one level, as one flat node.
  private mutating func chain(of level: Precedence, from first: Expression) throws(TemplateError) -> Expression {
    let tighter = Precedence(rawValue: level.rawValue + 1) ?? .operand
    switch level {
    case .or, .and, .concatenation:
      var operands = [first]
      while precedence(of: current) == level {
        advance()
        operands.append(try operators(atLeast: tighter))
      }
      return level == .or ? .or(operands) : level == .and ? .and(operands) : .concatenation(operands)
    case .comparison:
      var rest: [(kind: ComparisonOperator, operand: Expression, position: Position)] = []
      while precedence(of: current) == level {
        let token = advance()
        let kind: ComparisonOperator
        if token.isName("not") {
          advance()
          kind = .notContained
        } else if token.isName("in") {
          kind = .contained
        } else {
          kind = ComparisonOperator(rawValue: token.summary) ?? .equal
        }
        rest.append((kind, try operators(atLeast: tighter), token.position))
      }
      return .comparison(first, rest)
    default:
      var rest: [(kind: ArithmeticOperator, operand: Expression, position: Position)] = []
      while precedence(of: current) == level {
        let token = advance()
        let operand = level == .power ? try unary(withFilters: true) : try operators(atLeast: tighter)
        rest.append((ArithmeticOperator(rawValue: token.summary) ?? .add, operand, token.position))
      }
      return .arithmetic(first, rest)
    }
  }

  private mutating func unary(withFilters: Bool) throws(TemplateError) -> Expression {
    try enter()
    defer { leave() }
    let position = current.position
    let base: Expression
    if skip(symbol: "-") {
      base = .negated(try unary(withFilters: false), position)
    } else if skip(symbol: "+") {
      base = .positive(try unary(withFilters: false), position)
    } else {
      base = try primary()
    }
    return try postfixes(of: base, withFilters: withFilters)
  }

  private mutating func primary() throws(TemplateError) -> Expression {
    let token = current
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .constant(.bool(true))
      case "false", "False": return .constant(.bool(false))
      case "none", "None": return .constant(.none)
      default: return .name(name, id: newName())
      }
    case .string:
      var text = ""
      while case .string(let piece) = current.kind {
        text += piece
        advance()
      }
      return .constant(.string(text))
    case .integer(let value):
      advance()
      return .constant(.integer(value))
    case .bigInteger(let value):
      advance()
      return .constant(.bigInteger(value))
    case .float(let value):
      advance()
      return .constant(.float(value))
    case .symbol("("):
      advance()
      let inner = try tuple(isParenthesized: true)
      try expect(symbol: ")")
      return inner
    case .symbol("["):
      advance()
      return .list(try elements(until: "]"))
    case .symbol("{"):
      advance()
      return try dict()
    default: throw failure("unexpected '\(token.summary)'")
    }
  }

  private mutating func elements(until close: String) throws(TemplateError) -> [Expression] {
    var elements: [Expression] = []
    while !current.isSymbol(close) {
      if !elements.isEmpty {
        try expect(symbol: ",")
        if current.isSymbol(close) { break }
      }
      elements.append(try expression())
    }
    try expect(symbol: close)
    return elements
  }

  private mutating func dict() throws(TemplateError) -> Expression {
    var pairs: [(key: Expression, value: Expression)] = []
    while !current.isSymbol("}") {
      if !pairs.isEmpty {
        try expect(symbol: ",")
        if current.isSymbol("}") { break }
      }
      let key = try expression()
      try expect(symbol: ":")
      pairs.append((key, try expression()))
    }
    try expect(symbol: "}")
    return .dict(pairs)
  }

  /// One expression, or a tuple where there are commas.
  mutating func tuple(
    allowsCondition: Bool = true, isParenthesized: Bool = false, endsAt name: String? = nil
  ) throws(TemplateError) -> Expression {
    var elements: [Expression] = []
    var isTuple = false
    while true {
      if !elements.isEmpty { try expect(symbol: ",") }
      if isTupleEnd(name) { break }
      elements.append(try expression(allowsCondition: allowsCondition))
      guard current.isSymbol(",") else { break }
      isTuple = true
    }
    if !isTuple {
      if let only = elements.first { return only }
      guard isParenthesized else { throw failure("Expected an expression, got '\(current.summary)'") }
    }
    return .tuple(elements)
  }

  func isTupleEnd(_ name: String?) -> Bool {
    switch current.kind {
    case .variableEnd, .blockEnd, .symbol(")"): true
    case .name(let found): found == name
    default: false
    }
  }

  // MARK: After an operand

  private mutating func postfixes(of base: Expression, withFilters: Bool) throws(TemplateError) -> Expression {
    var list: [Postfix] = []
    var mayFilter = false
    while true {
      let position = current.position
      switch current.kind {
      case .symbol("."), .symbol("["):
        // After a filter or a test, only calls, filters and tests may follow.
        if mayFilter { return .postfix(base, list) }
        list.append(try subscript_())
      case .symbol("("): list.append(Postfix(kind: .call(try callArguments()), position: position))
      case .symbol("|") where withFilters:
        mayFilter = true
        advance()
        list.append(try filter())
      case .name("is") where withFilters:
        mayFilter = true
        advance()
        list.append(try test(at: position))
      default: return list.isEmpty ? base : .postfix(base, list)
      }
    }
  }

  private mutating func subscript_() throws(TemplateError) -> Postfix {
    let token = advance()
    if token.isSymbol(".") {
      let attribute = advance()
      switch attribute.kind {
      case .name(let name): return Postfix(kind: .attribute(name), position: token.position)
      case .integer(let index):
        return Postfix(kind: .item(.constant(.integer(index))), position: token.position)
      default: throw failure("expected name or number", at: attribute.position)
      }
    }
    var items: [Expression] = []
    var slice: Postfix?
    var isFirst = true
    while !current.isSymbol("]") {
      if !isFirst { try expect(symbol: ",") }
      guard slice == nil else { throw failure("a slice among other subscripts") }
      let start = current.isSymbol(":") ? nil : try expression()
      if skip(symbol: ":") {
        guard isFirst else { throw failure("a slice among other subscripts") }
        let stop = endsBound ? nil : try expression()
        let step = skip(symbol: ":") && !endsBound ? try expression() : nil
        slice = Postfix(kind: .slice(start: start, stop: stop, step: step), position: token.position)
      } else if let start {
        items.append(start)
      }
      isFirst = false
    }
    try expect(symbol: "]")
    if let slice { return slice }
    return Postfix(kind: .item(items.count == 1 ? items[0] : .tuple(items)), position: token.position)
  }

  private var endsBound: Bool { current.isSymbol(":") || current.isSymbol("]") || current.isSymbol(",") }

  mutating func callArguments() throws(TemplateError) -> CallArguments {
    let position = current.position
    let invalid = failure("invalid syntax for function call expression", at: position)
    try expect(symbol: "(")
    var arguments = CallArguments()
    var isFirst = true
    while !current.isSymbol(")") {
      if !isFirst {
        try expect(symbol: ",")
        if current.isSymbol(")") { break }
      }
      isFirst = false
      if skip(symbol: "*") {
        guard arguments.list == nil, arguments.mapping == nil else { throw invalid }
        arguments.list = try expression()
      } else if skip(symbol: "**") {
        guard arguments.mapping == nil else { throw invalid }
        arguments.mapping = try expression()
      } else if case .name(let name) = current.kind, next.isSymbol("=") {
        guard arguments.mapping == nil else { throw invalid }
        advance()
        advance()
        if arguments.named.contains(where: { $0.name == name }) {
          throw failure("keyword argument repeated: \(name)", at: position)
        }
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.list == nil, arguments.mapping == nil, arguments.named.isEmpty else { throw invalid }
        arguments.positional.append(try expression())
      }
    }
    try expect(symbol: ")")
    return arguments
  }

  /// The filter whose name is next.
  mutating func filter() throws(TemplateError) -> Postfix {
    let position = current.position
    let name = try dottedName()
    let arguments = current.isSymbol("(") ? try callArguments() : CallArguments()
    return Postfix(kind: .filter(name, arguments), position: position)
  }

  private mutating func dottedName() throws(TemplateError) -> String {
    var name = try expectName()
    while skip(symbol: ".") { name += "." + (try expectName()) }
    return name
  }

  private mutating func test(at position: Position) throws(TemplateError) -> Postfix {
    let negated = skip(name: "not")
    let name = try dottedName()
    var arguments = CallArguments()
    switch current.kind {
    case .symbol("("): arguments = try callArguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw failure("You cannot chain multiple tests with is")
    case .name, .string, .integer, .bigInteger, .float, .symbol("["), .symbol("{"):
      try enter()
      defer { leave() }
      let argument = try primary()
      arguments.positional = [try postfixes(of: argument, withFilters: false)]
    default: break
    }
    return Postfix(kind: .test(name, arguments, negated: negated), position: position)
  }
}
