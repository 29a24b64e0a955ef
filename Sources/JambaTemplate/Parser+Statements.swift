extension Parser {
  /// Statements up to a tag with one of these names, or to the end of the source when there are none. The tag's name
  /// stays the current token.
  mutating func statements(until ends: [String]) throws(TemplateError) -> [Statement] {
    try enter()
    defer { leave() }
    var body: [Statement] = []
    while true {
      let token = advance()
      switch token.kind {
      case .data(let text): body.append(.text(text))
      case .variableBegin:
        body.append(.output(try tuple(), token.position))
        try expect(.variableEnd)
      case .blockBegin:
        if case .name(let name) = current.kind, ends.contains(name) { return body }
        body += try statement(inside: ends)
        try expect(.blockEnd)
      case .end:
        guard ends.isEmpty else {
          let wanted = ends.map { "'\($0)'" }.joined(separator: " or ")
          throw failure(
            "Unexpected end of template. Jinja was looking for the following tags: \(wanted).", at: token.position)
        }
        return body
      default: throw failure("unexpected '\(token.summary)'", at: token.position)
      }
    }
  }

  /// A block's body: the rest of its opening tag, then statements, then the closing tag's name.
  private mutating func body(until ends: String...) throws(TemplateError) -> (body: [Statement], end: String) {
    _ = skip(symbol: ":")
    try expect(.blockEnd)
    let body = try statements(until: ends)
    return (body, try expectName())
  }

  private mutating func statement(inside ends: [String]) throws(TemplateError) -> [Statement] {
    let position = current.position
    guard case .name(let tag) = current.kind else { throw failure("tag name expected") }
    advance()
    switch tag {
    case "for": return [try loop(at: position)]
    case "if": return [try condition()]
    case "set": return [try assignment(at: position)]
    case "macro":
      let name = try Target.name(expectName(), id: newName())
      return [.macro(try function(named: name, endsAt: "endmacro", at: position))]
    case "call": return [try callBlock(at: position)]
    case "filter": return [try filterBlock(at: position)]
    case "with": return [try withBlock(at: position)]
    case "print": return try printed()
    case "generation":
      let id = newBlock()
      let body = try inFunction { (parser: inout Parser) throws(TemplateError) in
        try parser.body(until: "endgeneration").body
      }
      let caller = Statement.Macro(id: id, name: nil, parameters: [], defaults: [], body: body, position: position)
      return [.call(Statement.CallBlock(caller: caller, callee: nil, position: position))]
    case "break", "continue":
      guard loopDepth > 0 else { throw failure("'\(tag)' outside loop", at: position) }
      return [tag == "break" ? .breakLoop : .continueLoop]
    case "block": return [.named(try namedBlock(at: position))]
    case "autoescape":
      let value = try expression()
      let body = try body(until: "endautoescape").body
      return [
        .escaping(
          Statement.WithBlock(id: newBlock(), targets: [], values: [value], body: body, position: position))
      ]
    case "include", "import", "from", "extends":
      guard current.kind != .blockEnd else { throw failure("Expected an expression, got 'end of statement block'") }
      while current.kind != .blockEnd, current.kind != .end { advance() }
      return [.failure("no loader for this environment specified: a chat template stands alone", position)]
    default:
      let wanted = ends.map { "'\($0)'" }.joined(separator: " or ")
      throw failure(
        "Encountered unknown tag '\(tag)'."
          + (ends.isEmpty ? "" : " Jinja was looking for the following tags: \(wanted)."), at: position)
    }
  }

  private mutating func loop(at position: Position) throws(TemplateError) -> Statement {
    let target = try target(endsAt: "in")
    guard !target.names.contains(where: { $0.name == "loop" }) else {
      throw failure("Can't assign to special loop variable in for-loop target", at: position)
    }
    try expect(name: "in")
    let sequence = try tuple(allowsCondition: false, endsAt: "recursive")
    let filter = skip(name: "if") ? try expression() : nil
    let isRecursive = skip(name: "recursive")
    let filterTarget = filter == nil ? nil : renumbered(target)
    loopDepth += 1
    let (body, end) = try body(until: "endfor", "else")
    loopDepth -= 1
    let otherwise = end == "else" ? try self.body(until: "endfor").body : []
    return .loop(
      Statement.Loop(
        id: newBlock(), target: target, sequence: sequence, filter: filter, filterTarget: filterTarget,
        isRecursive: isRecursive, body: body, otherwise: otherwise, position: position))
  }

  private mutating func renumbered(_ target: Target) -> Target {
    switch target {
    case .name(let name, _): return .name(name, id: newName())
    case .attribute(let name, _, let attribute): return .attribute(of: name, id: newName(), attribute)
    case .tuple(let targets):
      var renamed: [Target] = []
      for target in targets { renamed.append(renumbered(target)) }
      return .tuple(renamed)
    }
  }

  private mutating func condition() throws(TemplateError) -> Statement {
    var branches: [Statement.Branch] = []
    while true {
      let test = try tuple(allowsCondition: false)
      let (body, end) = try body(until: "elif", "else", "endif")
      branches.append(Statement.Branch(test: test, body: body))
      if end == "elif" { continue }
      let otherwise = end == "else" ? try self.body(until: "endif").body : []
      return .condition(branches: branches, otherwise: otherwise)
    }
  }

  private mutating func assignment(at position: Position) throws(TemplateError) -> Statement {
    let target = try target(allowsAttributes: true)
    if skip(symbol: "=") { return .assignment(target, try tuple(), position) }
    var filters: [Postfix] = []
    while skip(symbol: "|") { filters.append(try filter()) }
    let body = try body(until: "endset").body
    return .capture(
      Statement.Capture(id: newBlock(), target: target, filters: filters, body: body, position: position))
  }

  /// Names, attributes of namespaces where allowed, and tuples of these.
  private mutating func target(
    allowsAttributes: Bool = false, endsAt name: String? = nil
  ) throws(TemplateError) -> Target {
    try enter()
    defer { leave() }
    var targets: [Target] = []
    var isTuple = false
    let position = current.position
    while true {
      if !targets.isEmpty { try expect(symbol: ",") }
      if isTupleEnd(name) { break }
      targets.append(try simpleTarget(allowsAttributes: allowsAttributes))
      guard current.isSymbol(",") else { break }
      isTuple = true
    }
    if !isTuple {
      guard let only = targets.first else {
        throw failure("Expected an expression, got '\(current.summary)'", at: position)
      }
      return only
    }
    return .tuple(targets)
  }

  private mutating func simpleTarget(allowsAttributes: Bool) throws(TemplateError) -> Target {
    let position = current.position
    if skip(symbol: "(") {
      let inner = try target(allowsAttributes: false)
      try expect(symbol: ")")
      return inner
    }
    guard case .name(let name) = current.kind else { throw failure("can't assign to '\(current.summary)'") }
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw failure("can't assign to 'const'")
    }
    advance()
    if allowsAttributes, skip(symbol: ".") {
      return .attribute(of: name, id: newName(), try expectName())
    }
    guard name != "loop" || loopDepth == 0 else {
      throw failure("Can't assign to special loop variable in for-loop target", at: position)
    }
    return .name(name, id: newName())
  }

  private mutating func function(
    named name: Target?, endsAt end: String, at position: Position
  ) throws(TemplateError) -> Statement.Macro {
    let id = newBlock()
    let (parameters, defaults) = try signature()
    let body = try inFunction { (parser: inout Parser) throws(TemplateError) in
      try parser.body(until: end).body
    }
    return Statement.Macro(
      id: id, name: name, parameters: parameters, defaults: defaults, body: body, position: position)
  }

  private mutating func signature() throws(TemplateError) -> (parameters: [Target], defaults: [Expression]) {
    var parameters: [Target] = []
    var defaults: [Expression] = []
    try expect(symbol: "(")
    while !current.isSymbol(")") {
      if !parameters.isEmpty { try expect(symbol: ",") }
      let position = current.position
      let name = try expectName()
      guard !parameters.contains(where: { $0.names[0].name == name }) else {
        throw failure("duplicate argument '\(name)'", at: position)
      }
      parameters.append(.name(name, id: newName()))
      if skip(symbol: "=") {
        defaults.append(try expression())
      } else if !defaults.isEmpty {
        throw failure("non-default argument follows default argument")
      }
    }
    try expect(symbol: ")")
    return (parameters, defaults)
  }

  private mutating func callBlock(at position: Position) throws(TemplateError) -> Statement {
    let id = newBlock()
    let (parameters, defaults) = current.isSymbol("(") ? try signature() : ([], [])
    let callee = try expression()
    guard case .postfix(_, let postfixes) = callee, case .call? = postfixes.last?.kind else {
      throw failure("expected call", at: position)
    }
    let body = try inFunction { (parser: inout Parser) throws(TemplateError) in
      try parser.body(until: "endcall").body
    }
    let caller = Statement.Macro(
      id: id, name: nil, parameters: parameters, defaults: defaults, body: body, position: position)
    return .call(Statement.CallBlock(caller: caller, callee: callee, position: position))
  }

  private mutating func namedBlock(at position: Position) throws(TemplateError) -> Statement.NamedBlock {
    let name = try expectName()
    let isScoped = skip(name: "scoped")
    let isRequired = skip(name: "required")
    guard !current.isSymbol("-") else {
      throw failure("Block names in Jinja have to be valid Python identifiers and may not contain hyphens")
    }
    let body = try inFunction { (parser: inout Parser) throws(TemplateError) in
      try parser.body(until: "endblock").body
    }
    if isRequired {
      for statement in body {
        guard case .text(let text) = statement, text.unicodeScalars.allSatisfy(\.isPythonSpace) else {
          throw failure("Required blocks can only contain comments or whitespace", at: position)
        }
      }
    }
    _ = skip(name: name)
    let block = Statement.NamedBlock(
      id: newBlock(), name: name, isScoped: isScoped, isRequired: isRequired, body: body, position: position)
    try add(block)
    return block
  }

  private mutating func filterBlock(at position: Position) throws(TemplateError) -> Statement {
    var filters = [try filter()]
    while skip(symbol: "|") { filters.append(try filter()) }
    let body = try body(until: "endfilter").body
    return .filter(Statement.FilterBlock(id: newBlock(), filters: filters, body: body, position: position))
  }

  private mutating func withBlock(at position: Position) throws(TemplateError) -> Statement {
    var targets: [Target] = []
    var values: [Expression] = []
    while current.kind != .blockEnd {
      if !targets.isEmpty { try expect(symbol: ",") }
      targets.append(try target())
      try expect(symbol: "=")
      values.append(try expression())
    }
    let body = try body(until: "endwith").body
    return .with(
      Statement.WithBlock(id: newBlock(), targets: targets, values: values, body: body, position: position))
  }

  private mutating func printed() throws(TemplateError) -> [Statement] {
    var outputs: [Statement] = []
    while current.kind != .blockEnd {
      if !outputs.isEmpty { try expect(symbol: ",") }
      outputs.append(.output(try expression(), current.position))
    }
    return outputs
  }
}
