extension Interpreter {
  func call(_ callee: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch callee {
    case .macro(let macro): return captured(try call(macro, arguments))
    case .function(let function): return try call(function, arguments)
    case .method(let method): return try call(method, arguments)
    case .joiner(let joiner):
      _ = try arguments.bind("joiner", [])
      defer { joiner.isUsed = true }
      return joiner.isUsed ? joiner.separator : .string("")
    case .undefined(let undefined): throw undefined.error
    case .block(let block):
      _ = try arguments.bind("block", [])
      return captured(try capture { () throws(TemplateError) in try run(block, in: nil) }.text)
    case .loop(let state):
      if let recursion = state.recursion {
        let sequence = try arguments.bind("loop", ["iterable"], required: 1)[0] ?? .none
        return captured(
          try capture { () throws(TemplateError) in
            try recurse(recursion.loop, over: sequence, in: recursion.activation, depth: state.recursionDepth + 1)
          }.text)
      }
      throw .runtime("The loop must have the 'recursive' marker to be called recursively.")
    default: throw .runtime("'\(callee.typeName)' object is not callable")
    }
  }

  /// Runs a macro; its value is the text it writes.
  func call(_ macro: Value.Macro, _ arguments: Arguments) throws(TemplateError) -> String {
    let definition = macro.definition
    let block = program.blocks[definition.id]
    let activation = Activation(slotCount: program.slotCounts[block.function], parent: macro.activation)
    try allocate(64 + 24 * activation.slots.count)
    let names = definition.parameters.map { $0.names[0].name }
    let title = macro.name.map { "'\($0)'" } ?? "None"
    var named = arguments.named
    func take(_ name: String) -> Value? {
      guard let index = named.firstIndex(where: { PythonText.equal($0.name, name) }) else { return nil }
      return named.remove(at: index).value
    }
    for (index, slot) in block.parameterSlots.enumerated() {
      let isGiven = index < arguments.positional.count
      activation.slots[slot] = isGiven ? arguments.positional[index] : take(names[index])
    }
    if let slot = block.callerSlot {
      activation.slots[slot] = take("caller") ?? .undefined(Undefined("No caller defined"))
    }
    if let slot = block.keywordsSlot {
      let keywords = Value.Dictionary()
      for (name, value) in named { try keywords.set(.string(name), value) }
      activation.slots[slot] = .dict(keywords)
    } else if let extra = named.first {
      throw .runtime(
        named.contains { $0.name == "caller" }
          ? "macro \(title) was invoked with two values for the special caller argument. This is most likely a bug."
          : "macro \(title) takes no keyword argument '\(extra.name)'")
    }
    let extras = Array(arguments.positional.dropFirst(names.count))
    if let slot = block.extrasSlot {
      activation.slots[slot] = try tuple(extras)
    } else if !extras.isEmpty {
      throw .runtime("macro \(title) takes not more than \(names.count) argument(s)")
    }
    enter(block.scope, in: activation)
    return try capture { () throws(TemplateError) in
      let firstDefault = names.count - definition.defaults.count
      for (index, slot) in block.parameterSlots.enumerated() where activation.slots[slot] == nil {
        activation.slots[slot] =
          index >= firstDefault
          ? try evaluate(definition.defaults[index - firstDefault], in: activation)
          : .undefined(Undefined("parameter '\(names[index])' was not provided"))
      }
      return try execute(definition.body, in: activation)
    }.text
  }

  private func call(_ function: Value.Function, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch function {
    case .range: return try Globals.range(arguments)
    case .dict: return .dict(try Globals.dictionary(arguments, self))
    case .namespace:
      let namespace = try newNamespace()
      let attributes = try Globals.dictionary(arguments, self)
      for key in attributes.keys {
        if let name = key.text { try Globals.check(name) }
      }
      namespace.attributes = attributes
      return .namespace(namespace)
    case .cycler:
      guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
        throw .runtime("at least one item has to be provided")
      }
      return .cycler(try Value.Cycler(arguments.positional))
    case .joiner:
      return .joiner(try Value.Joiner(arguments.bind("joiner", ["sep"])[0] ?? .string(", ")))
    case .raiseException:
      let message = try arguments.bind("raise_exception", ["message"], required: 1)[0] ?? .none
      throw .raised(try text(of: message), at: .unknown)
    case .strftimeNow:
      let format = try arguments.bind("strftime_now", ["format"], required: 1)[0].text("strftime() argument 1")
      guard let format else { throw .runtime("strftime() argument 1 must be str, not NoneType") }
      try scan(format.utf8.count)
      return try string(now.formatted(format))
    }
  }
}

/// The global functions.
enum Globals {
  static func range(_ arguments: Arguments) throws(TemplateError) -> Value {
    guard arguments.named.isEmpty else { throw .runtime("range() takes no keyword arguments") }
    var bounds: [Int] = []
    for value in arguments.positional { bounds.append(try Optional(value).integer(0)) }
    switch bounds.count {
    case 1: return .range(try Value.Range(start: 0, stop: bounds[0], step: 1))
    case 2: return .range(try Value.Range(start: bounds[0], stop: bounds[1], step: 1))
    case 3: return .range(try Value.Range(start: bounds[0], stop: bounds[1], step: bounds[2]))
    default: throw .runtime("range expected 1 to 3 arguments, got \(bounds.count)")
    }
  }

  /// `dict(mapping or pairs, name=value, …)`
  static func dictionary(_ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> Value.Dictionary {
    let result = Value.Dictionary()
    guard arguments.positional.count <= 1 else {
      throw .runtime("dict expected at most 1 argument, got \(arguments.positional.count)")
    }
    if let source = arguments.positional.first {
      if case .undefined(let undefined) = source { throw undefined.error }
      if case .dict(let dictionary) = source {
        try interpreter.allocate(dictionary.count * 96)
        for (key, value) in zip(dictionary.keys, dictionary.values) { try result.set(key, value) }
      } else {
        for pair in try interpreter.elements(of: source) {
          let values = try interpreter.elements(of: pair)
          guard values.count == 2 else {
            throw .runtime("dictionary update sequence element has length \(values.count); 2 is required")
          }
          try result.set(values[0], values[1])
        }
      }
    }
    try interpreter.allocate(arguments.named.count * 96 + 64)
    for (name, value) in arguments.named { try result.set(.string(name), value) }
    return result
  }

  /// Namespaces keep no names that begin with an underscore.
  static func check(_ attribute: String) throws(TemplateError) {
    if attribute.utf8.first == UInt8(ascii: "_") {
      throw .runtime(
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got "
          + "\(PythonText.quoted(attribute)). Please rename the attribute.")
    }
  }
}
