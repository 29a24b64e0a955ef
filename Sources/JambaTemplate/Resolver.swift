/// Finds out, before anything runs, which variable each name means, and that filters and tests exist.
struct Resolver {
  private let slots = SlotTable()
  private var program: Program

  static func resolve(_ parsed: Parser.Parsed) throws(TemplateError) -> Program {
    let program = Program(
      body: parsed.body,
      references: Array(repeating: Program.Reference(hops: 0, slot: 0), count: parsed.nameCount),
      blocks: Array(repeating: Program.Block(), count: parsed.blockCount), namedBlocks: parsed.namedBlocks)
    var resolver = Resolver(program: program)
    let function = resolver.slots.newFunction(inside: nil)
    let symbols = Symbols(parent: nil, function: function, slots: resolver.slots)
    analyze(parsed.body, in: symbols)
    let frame = Frame(symbols: symbols, function: function, isSoft: false)
    try resolver.resolve(parsed.body, in: frame)
    resolver.program.root = resolver.scope(of: symbols, in: frame)
    resolver.program.slotCounts = resolver.slots.counts
    return resolver.program
  }

  private init(program: Program) { self.program = program }

  /// The scope being resolved. In a soft one (a branch of an `if`), an unknown filter is an error only when reached.
  private struct Frame {
    let symbols: Symbols
    let function: Int
    var isSoft: Bool
  }

  // MARK: Which names a scope has

  private static func analyze(_ statements: [Statement], in symbols: Symbols) {
    for statement in statements { analyze(statement, in: symbols) }
  }

  private static func analyze(_ statement: Statement, in symbols: Symbols) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .named, .escaping, .failure: break
    case .output(let expression, _): load(expression, in: symbols)
    case .condition(let branches, let otherwise):
      guard let first = branches.first else { return }
      load(first.test, in: symbols)
      symbols.branch([
        { analyze(first.body, in: $0) },
        { symbols in
          for branch in branches.dropFirst() {
            load(branch.test, in: symbols)
            symbols.branch([{ analyze(branch.body, in: $0) }])
          }
        },
        { analyze(otherwise, in: $0) },
      ])
    case .loop(let loop): load(loop.sequence, in: symbols)
    case .assignment(let target, let value, _):
      load(value, in: symbols)
      store(target, in: symbols)
    case .capture(let capture): store(capture.target, in: symbols)
    case .macro(let macro): macro.name.map { store($0, in: symbols) }
    case .call(let call): call.callee.map { load($0, in: symbols) }
    case .filter(let block): load(block.filters, in: symbols)
    case .with(let block): for value in block.values { load(value, in: symbols) }
    }
  }

  private static func load(_ filters: [Postfix], in symbols: Symbols) {
    for filter in filters { for child in filter.children { load(child, in: symbols) } }
  }

  private static func load(_ expression: Expression, in symbols: Symbols) {
    if case .name(let name, _) = expression { symbols.load(name) }
    for child in expression.children { load(child, in: symbols) }
  }

  private static func store(_ target: Target, in symbols: Symbols) {
    for name in target.names {
      if name.isAttribute { symbols.load(name.name) } else { symbols.store(name.name) }
    }
  }

  // MARK: What each name means

  private func scope(of symbols: Symbols, in frame: Frame) -> Program.Scope {
    var scope = Program.Scope()
    for (slot, load) in symbols.plan {
      let resolved: Program.ScopeLoad =
        switch load {
        case .parameter: .parameter
        case .context(let name): .context(name)
        case .copy(let outer): .copy(reference(to: outer, from: frame.function))
        case .missing: .missing
        }
      scope.loads.append((slot, resolved))
    }
    return scope
  }

  private func reference(to slot: Slot, from function: Int) -> Program.Reference {
    Program.Reference(hops: slots.hops(from: function, to: slot.function), slot: slot.index)
  }

  private func inner(_ frame: Frame, function: Int? = nil, isLoopFilter: Bool = false) -> Frame {
    let function = function ?? frame.function
    let symbols = Symbols(parent: frame.symbols, function: function, slots: slots, isLoopFilter: isLoopFilter)
    return Frame(symbols: symbols, function: function, isSoft: false)
  }

  private mutating func resolve(_ statements: [Statement], in frame: Frame) throws(TemplateError) {
    for statement in statements { try resolve(statement, in: frame) }
  }

  private mutating func resolve(_ statement: Statement, in frame: Frame) throws(TemplateError) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .failure: break
    case .named(let block):
      let function = slots.newFunction(inside: block.isScoped ? frame.function : nil)
      let symbols = Symbols(parent: block.isScoped ? frame.symbols : nil, function: function, slots: slots)
      let inside = Frame(symbols: symbols, function: function, isSoft: false)
      Self.analyze(block.body, in: symbols)
      try resolve(block.body, in: inside)
      program.blocks[block.id].function = function
      program.blocks[block.id].scope = scope(of: symbols, in: inside)
    case .escaping(let block):
      let inside = inner(frame)
      for value in block.values { Self.load(value, in: inside.symbols) }
      Self.analyze(block.body, in: inside.symbols)
      for value in block.values { try resolve(value, in: inside) }
      try resolve(block.body, in: inside)
      program.blocks[block.id].scope = scope(of: inside.symbols, in: inside)
    case .output(let expression, _): try resolve(expression, in: frame)
    case .condition(let branches, let otherwise):
      var soft = frame
      soft.isSoft = true
      for branch in branches {
        try resolve(branch.test, in: soft)
        try resolve(branch.body, in: soft)
      }
      try resolve(otherwise, in: soft)
    case .loop(let loop): try resolve(loop, in: frame)
    case .assignment(let target, let value, _):
      try resolve(value, in: frame)
      resolve(target, in: frame)
    case .capture(let capture):
      let inside = inner(frame)
      Self.analyze(capture.body, in: inside.symbols)
      Self.load(capture.filters, in: inside.symbols)
      try resolve(capture.body, in: inside)
      try resolve(capture.filters, in: inside)
      resolve(capture.target, in: frame)
      program.blocks[capture.id].scope = scope(of: inside.symbols, in: inside)
    case .macro(let macro):
      try resolve(macro, in: frame)
      macro.name.map { resolve($0, in: frame) }
    case .call(let call):
      try resolve(call.caller, in: frame)
      if let callee = call.callee { try resolve(callee, in: frame) }
    case .filter(let block):
      let inside = inner(frame)
      Self.analyze(block.body, in: inside.symbols)
      Self.load(block.filters, in: inside.symbols)
      try resolve(block.body, in: inside)
      try resolve(block.filters, in: inside)
      program.blocks[block.id].scope = scope(of: inside.symbols, in: inside)
    case .with(let block):
      let inside = inner(frame)
      for target in block.targets { for name in target.names { inside.symbols.parameter(name.name) } }
      Self.analyze(block.body, in: inside.symbols)
      for value in block.values { try resolve(value, in: frame) }
      for target in block.targets { resolve(target, in: inside) }
      try resolve(block.body, in: inside)
      program.blocks[block.id].scope = scope(of: inside.symbols, in: inside)
    }
  }

  private mutating func resolve(_ loop: Statement.Loop, in frame: Frame) throws(TemplateError) {
    let function = loop.isRecursive ? slots.newFunction(inside: frame.function) : nil
    let inside = inner(frame, function: function)
    let otherwise = inner(frame, function: function)
    program.blocks[loop.id].function = function ?? frame.function
    if Usage.undeclared(["loop"], in: loop.body).contains("loop") {
      program.blocks[loop.id].loopSlot = inside.symbols.parameter("loop").index
    }
    for name in loop.target.names { inside.symbols.parameter(name.name) }
    Self.analyze(loop.body, in: inside.symbols)
    Self.analyze(loop.otherwise, in: otherwise.symbols)
    if let filter = loop.filter, let target = loop.filterTarget {
      let test = inner(frame, function: function, isLoopFilter: true)
      for name in target.names { test.symbols.parameter(name.name) }
      Self.load(filter, in: test.symbols)
      resolve(target, in: test)
      try resolve(filter, in: test)
      program.blocks[loop.id].filter = scope(of: test.symbols, in: test)
    }
    resolve(loop.target, in: inside)
    try resolve(loop.sequence, in: frame)
    try resolve(loop.body, in: inside)
    try resolve(loop.otherwise, in: otherwise)
    program.blocks[loop.id].scope = scope(of: inside.symbols, in: inside)
    program.blocks[loop.id].otherwise = scope(of: otherwise.symbols, in: otherwise)
  }

  private mutating func resolve(_ macro: Statement.Macro, in frame: Frame) throws(TemplateError) {
    let function = slots.newFunction(inside: frame.function)
    let inside = inner(frame, function: function)
    var block = Program.Block()
    block.function = function
    let names = macro.parameters.map { $0.names[0].name }
    block.parameterSlots = names.map { inside.symbols.parameter($0).index }
    block.hasExplicitCaller = names.contains("caller")
    let special = Usage.undeclared(["caller", "kwargs", "varargs"], in: macro.body)
    if special.contains("caller") {
      if let index = names.firstIndex(of: "caller") {
        guard index >= names.count - macro.defaults.count else {
          throw .syntax(
            "the special \"caller\" argument must be omitted or be given a default", at: macro.position)
        }
      } else {
        block.callerSlot = inside.symbols.parameter("caller").index
      }
    }
    if special.contains("kwargs"), !names.contains("kwargs") {
      block.keywordsSlot = inside.symbols.parameter("kwargs").index
    }
    if special.contains("varargs"), !names.contains("varargs") {
      block.extrasSlot = inside.symbols.parameter("varargs").index
    }
    for value in macro.defaults { Self.load(value, in: inside.symbols) }
    Self.analyze(macro.body, in: inside.symbols)
    for value in macro.defaults { try resolve(value, in: inside) }
    try resolve(macro.body, in: inside)
    block.scope = scope(of: inside.symbols, in: inside)
    program.blocks[macro.id] = block
  }

  private mutating func resolve(_ target: Target, in frame: Frame) {
    for name in target.names {
      bind(name.name, name.id, in: frame)
      if !program.namedBlocks.isEmpty, !name.isAttribute, frame.function == 0, frame.symbols.level == 0 {
        program.exported.insert(name.id)
      }
    }
  }

  private mutating func bind(_ name: String, _ id: Int, in frame: Frame) {
    // Every name was analysed with its scope; one that was not would read the context.
    frame.symbols.load(name)
    if let slot = frame.symbols.find(name) {
      program.references[id] = reference(to: slot, from: frame.function)
    }
  }

  private mutating func resolve(_ postfixes: [Postfix], in frame: Frame) throws(TemplateError) {
    for postfix in postfixes {
      if !frame.isSoft {
        switch postfix.kind {
        case .filter(let name, _) where !Filters.names.contains(name):
          throw .syntax("No filter named '\(name)'.", at: postfix.position)
        case .test(let name, _, _) where !BuiltinTests.names.contains(name):
          throw .syntax("No test named '\(name)'.", at: postfix.position)
        default: break
        }
      }
      for child in postfix.children { try resolve(child, in: frame) }
    }
  }

  private mutating func resolve(_ expression: Expression, in frame: Frame) throws(TemplateError) {
    switch expression {
    case .name(let name, let id): bind(name, id, in: frame)
    case .postfix(let base, let postfixes):
      try resolve(base, in: frame)
      try resolve(postfixes, in: frame)
    case .conditional:
      var soft = frame
      soft.isSoft = true
      for child in expression.children { try resolve(child, in: soft) }
    default: for child in expression.children { try resolve(child, in: frame) }
    }
  }
}

/// Which of a few special names statements read before they assign them, nested blocks included.
private struct Usage {
  private var wanted: Set<String>
  private var found: Set<String> = []

  static func undeclared(_ names: Set<String>, in statements: [Statement]) -> Set<String> {
    var usage = Usage(wanted: names)
    usage.visit(statements)
    return usage.found
  }

  private init(wanted: Set<String>) { self.wanted = wanted }

  private mutating func visit(_ statements: [Statement]) {
    for statement in statements { visit(statement) }
  }

  private mutating func visit(_ statement: Statement) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .named, .failure: break
    case .escaping(let block):
      for value in block.values { visit(value) }
      visit(block.body)
    case .output(let expression, _): visit(expression)
    case .condition(let branches, let otherwise):
      for branch in branches {
        visit(branch.test)
        visit(branch.body)
      }
      visit(otherwise)
    case .loop(let loop):
      visit(loop.target)
      visit(loop.sequence)
      visit(loop.body)
      visit(loop.otherwise)
      if let filter = loop.filter { visit(filter) }
    case .assignment(let target, let value, _):
      visit(target)
      visit(value)
    case .capture(let capture):
      visit(capture.target)
      visit(capture.filters)
      visit(capture.body)
    case .macro(let macro): visit(macro)
    case .call(let call):
      if let callee = call.callee { visit(callee) }
      visit(call.caller)
    case .filter(let block):
      visit(block.body)
      visit(block.filters)
    case .with(let block):
      for target in block.targets { visit(target) }
      for value in block.values { visit(value) }
      visit(block.body)
    }
  }

  private mutating func visit(_ macro: Statement.Macro) {
    for parameter in macro.parameters { visit(parameter) }
    for value in macro.defaults { visit(value) }
    visit(macro.body)
  }

  private mutating func visit(_ target: Target) {
    for name in target.names where !name.isAttribute { wanted.remove(name.name) }
  }

  private mutating func visit(_ filters: [Postfix]) {
    for filter in filters { for child in filter.children { visit(child) } }
  }

  private mutating func visit(_ expression: Expression) {
    if case .name(let name, _) = expression, wanted.contains(name) { found.insert(name) }
    for child in expression.children { visit(child) }
  }
}
