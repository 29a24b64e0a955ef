extension Interpreter {
  func execute(_ statements: [Statement], in activation: Activation) throws(TemplateError) -> Signal {
    try deeper { () throws(TemplateError) in
      for statement in statements {
        let signal = try execute(statement, in: activation)
        if signal != .normal { return signal }
      }
      return .normal
    }
  }

  private func execute(_ statement: Statement, in activation: Activation) throws(TemplateError) -> Signal {
    switch statement {
    case .text(let text): try write(text)
    case .output(let expression, let position):
      try at(position) { () throws(TemplateError) in
        let value = try evaluate(expression, in: activation)
        try write(isEscaping ? escaped(value) : text(of: value))
      }
    case .condition(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test, in: activation).isTrue {
        return try execute(branch.body, in: activation)
      }
      return try execute(otherwise, in: activation)
    case .loop(let loop): return try execute(loop, in: activation)
    case .assignment(let target, let expression, let position):
      try at(position) { () throws(TemplateError) in
        try checkNamespaces(target, in: activation)
        if try append(expression, to: target, in: activation) { return }
        try assign(evaluate(expression, in: activation), to: target, in: activation)
      }
    case .capture(let capture): return try execute(capture, in: activation)
    case .macro(let macro):
      guard case .name(let name, _)? = macro.name, let target = macro.name else { break }
      track(activation)
      try assign(.macro(Value.Macro(macro, name: name, activation: activation)), to: target, in: activation)
    case .call(let call): try execute(call, in: activation)
    case .filter(let block): return try execute(block, in: activation)
    case .with(let block): return try execute(block, in: activation)
    case .named(let block): return try run(block, in: activation)
    case .escaping(let block):
      let scope = program.blocks[block.id].scope
      enter(scope, in: activation)
      let outer = isEscaping
      isEscaping = try evaluate(block.values[0], in: activation).isTrue
      defer { isEscaping = outer }
      let signal = try execute(block.body, in: activation)
      leave(scope, in: activation)
      return signal
    case .failure(let message, let position): throw .runtime(message, at: position)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  /// Runs `body`, giving its errors a place.
  @inline(__always)
  func at<T>(_ position: Position, _ body: () throws(TemplateError) -> T) throws(TemplateError) -> T {
    do throws(TemplateError) { return try body() } catch { throw error.located(at: position) }
  }

  private func checkNamespaces(_ target: Target, in activation: Activation) throws(TemplateError) {
    for name in target.names where name.isAttribute {
      if case .namespace? = lookUp(program.references[name.id], in: activation) { continue }
      throw .runtime("cannot assign attribute on non-namespace object")
    }
  }

  /// Prints a named block. One that is not scoped, or is printed through `self`, sees the template's variables alone.
  func run(_ block: Statement.NamedBlock, in activation: Activation?) throws(TemplateError) -> Signal {
    guard !block.isRequired else { throw .runtime("Required block '\(block.name)' not found", at: block.position) }
    let description = program.blocks[block.id]
    let inside = Activation(
      slotCount: program.slotCounts[description.function], parent: block.isScoped ? activation : nil)
    try allocate(64 + 24 * inside.slots.count)
    enter(description.scope, in: inside)
    return try execute(block.body, in: inside)
  }

  private func execute(_ loop: Statement.Loop, in activation: Activation) throws(TemplateError) -> Signal {
    let sequence = try at(loop.position) { () throws(TemplateError) in try evaluate(loop.sequence, in: activation) }
    guard loop.isRecursive else { return try execute(loop, over: sequence, in: activation) }
    track(activation)
    return try recurse(loop, over: sequence, in: activation, depth: 0)
  }

  /// Runs a recursive loop, whose variables are its own each time.
  func recurse(
    _ loop: Statement.Loop, over sequence: Value, in activation: Activation, depth: Int
  ) throws(TemplateError) -> Signal {
    let function = program.blocks[loop.id].function
    let inside = Activation(slotCount: program.slotCounts[function], parent: activation)
    try allocate(64 + 24 * inside.slots.count)
    return try execute(loop, over: sequence, in: inside, recursion: (loop, activation), depth: depth)
  }

  private func execute(
    _ loop: Statement.Loop, over sequence: Value, in activation: Activation,
    recursion: (loop: Statement.Loop, activation: Activation)? = nil, depth: Int = 0
  ) throws(TemplateError) -> Signal {
    let block = program.blocks[loop.id]
    var state = try at(loop.position) { () throws(TemplateError) in
      let (items, count) = try items(of: sequence, loop, block, in: activation)
      return LoopState(items, count: count, recursion: recursion, recursionDepth: depth)
    }
    let ranToEnd = try iterate(state, loop, block, in: activation)
    leave(block.scope, in: activation)
    if !isKnownUniquelyReferenced(&state) { try track(state) }
    // As in the reference, `else` runs unless some iteration reached the end of the body.
    guard !ranToEnd, !loop.otherwise.isEmpty else { return .normal }
    enter(block.otherwise, in: activation)
    defer { leave(block.otherwise, in: activation) }
    return try execute(loop.otherwise, in: activation)
  }

  /// Runs the body for each item; whether some iteration reached its end.
  private func iterate(
    _ state: LoopState, _ loop: Statement.Loop, _ block: Program.Block, in activation: Activation
  ) throws(TemplateError) -> Bool {
    var ranToEnd = false
    while let item = try at(loop.position, { () throws(TemplateError) in try state.next() }) {
      try spend()
      if let slot = block.loopSlot { activation.slots[slot] = .loop(state) }
      try at(loop.position) { () throws(TemplateError) in try assign(item, to: loop.target, in: activation) }
      enter(block.scope, in: activation)
      switch try execute(loop.body, in: activation) {
      case .normal: ranToEnd = true
      case .continueLoop: continue
      case .breakLoop: return ranToEnd
      }
    }
    return ranToEnd
  }

  /// What a loop runs over, and how many items these are where that is known.
  private func items(
    of sequence: Value, _ loop: Statement.Loop, _ block: Program.Block, in activation: Activation
  ) throws(TemplateError) -> (Value.Cursor, Int?) {
    let cursor = try iterate(sequence)
    guard let filter = loop.filter, let target = loop.filterTarget else {
      return (cursor, sequence.isSized ? try length(of: sequence) : nil)
    }
    enter(block.filter, in: activation)
    // Items are tested one by one, as the body asks for them: it may change what the test reads.
    let filtered = try Value.Cursor("generator", depth: cursor.depth) { [self] () throws(TemplateError) -> Value? in
      while let item = try cursor.next() {
        try spend()
        try assign(item, to: target, in: activation)
        if try evaluate(filter, in: activation).isTrue { return item }
      }
      return nil
    }
    return (filtered, nil)
  }

  private func execute(_ block: Statement.Capture, in activation: Activation) throws(TemplateError) -> Signal {
    let scope = program.blocks[block.id].scope
    enter(scope, in: activation)
    let (text, signal) = try capture { () throws(TemplateError) in try execute(block.body, in: activation) }
    guard signal == .normal else { return signal }
    try at(block.position) { () throws(TemplateError) in
      let value = try apply(block.filters, to: captured(text), in: activation)
      try assign(value, to: block.target, in: activation)
    }
    leave(scope, in: activation)
    return .normal
  }

  private func execute(_ block: Statement.FilterBlock, in activation: Activation) throws(TemplateError) -> Signal {
    let scope = program.blocks[block.id].scope
    enter(scope, in: activation)
    let (text, signal) = try capture { () throws(TemplateError) in try execute(block.body, in: activation) }
    guard signal == .normal else { return signal }
    try at(block.position) { () throws(TemplateError) in
      try write(string(apply(block.filters, to: .string(text), in: activation)))
    }
    leave(scope, in: activation)
    return .normal
  }

  /// The output of a `call` or a `filter` block, which must be a string.
  private func string(_ value: Value) throws(TemplateError) -> String {
    guard let text = value.text else { throw .runtime("expected str instance, \(value.typeName) found") }
    return text
  }

  private func execute(_ block: Statement.WithBlock, in activation: Activation) throws(TemplateError) -> Signal {
    let scope = program.blocks[block.id].scope
    enter(scope, in: activation)
    try at(block.position) { () throws(TemplateError) in
      for (target, value) in zip(block.targets, block.values) {
        try assign(evaluate(value, in: activation), to: target, in: activation)
      }
    }
    let signal = try execute(block.body, in: activation)
    leave(scope, in: activation)
    return signal
  }

  private func execute(_ block: Statement.CallBlock, in activation: Activation) throws(TemplateError) {
    track(activation)
    let caller = Value.Macro(block.caller, name: nil, activation: activation)
    try at(block.position) { () throws(TemplateError) in
      guard let callee = block.callee else {
        return try write(call(caller, Arguments()))
      }
      guard case .postfix(let base, let postfixes) = callee, let last = postfixes.last,
        case .call(let callArguments) = last.kind
      else { return }
      let function = try evaluate(base, postfixes.dropLast(), in: activation)
      var arguments = try evaluate(callArguments, in: activation)
      if arguments.named.contains(where: { $0.name == "caller" }) {
        throw .runtime("got multiple values for keyword argument 'caller'")
      }
      arguments.named.append(("caller", .macro(caller)))
      try write(string(call(function, arguments)))
    }
  }
}
