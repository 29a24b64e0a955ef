/// Lengths, elements, items, attributes and slices.
extension Interpreter {
  func length(of value: Value) throws(TemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text), .markup(let text):
      try scan(text.utf8.count)
      return text.unicodeScalars.count
    case .list(let sequence), .tuple(let sequence): return sequence.elements.count
    case .dict(let dictionary), .view(let dictionary, _): return dictionary.count
    case .range(let range): return range.count
    case .loop(let loop): return try loop.length()
    default: throw .runtime("object of type '\(value.typeName)' has no len()")
    }
  }

  func iterate(_ value: Value) throws(TemplateError) -> Value.Cursor {
    switch value {
    case .cursor(let cursor): return cursor
    case .range(let range):
      var index = 0
      return try Value.Cursor("range_iterator", depth: 1) { () throws(TemplateError) -> Value? in
        guard index < range.count else { return nil }
        defer { index += 1 }
        return .int(range[index])
      }
    case .loop(let loop):
      return try Value.Cursor("LoopContext", depth: loop.depth + 1) { [self] () throws(TemplateError) -> Value? in
        guard let item = try loop.next() else { return nil }
        return try tuple([item, .loop(loop)])
      }
    default: return try cursor(over: elements(of: value), "iterator", depth: value.depth + 1)
    }
  }

  func cursor(over elements: [Value], _ typeName: String, depth: Int) throws(TemplateError) -> Value.Cursor {
    var index = 0
    return try Value.Cursor(typeName, depth: depth) { () throws(TemplateError) -> Value? in
      guard index < elements.count else { return nil }
      defer { index += 1 }
      return elements[index]
    }
  }

  /// `list(value)`: all elements, which uses a cursor up.
  func elements(of value: Value) throws(TemplateError) -> [Value] {
    switch value {
    case .undefined: return []
    case .list(let sequence), .tuple(let sequence):
      try spend(sequence.elements.count)
      return sequence.elements
    case .string(let text), .markup(let text):
      guard text.utf8.count <= TemplateLimits.elements else {
        throw .limit("a list of more than \(TemplateLimits.elements) elements")
      }
      try allocate(text.utf8.count * 24)
      try spend(text.utf8.count)
      return text.unicodeScalars.map { .string(String($0)) }
    case .dict(let dictionary), .view(let dictionary, .keys):
      try spend(dictionary.count)
      return dictionary.keys
    case .view(let dictionary, .values):
      try spend(dictionary.count)
      return dictionary.values
    case .view(let dictionary, .items):
      var pairs: [Value] = []
      for (key, value) in zip(dictionary.keys, dictionary.values) { pairs.append(try tuple([key, value])) }
      return pairs
    case .range, .cursor, .loop:
      let cursor = try iterate(value)
      var elements: [Value] = []
      while let element = try cursor.next() {
        try spend()
        elements.append(element)
        guard elements.count <= TemplateLimits.elements else {
          throw .limit("a list of more than \(TemplateLimits.elements) elements")
        }
      }
      try allocate(elements.count * 24)
      return elements
    default: throw .runtime("'\(value.typeName)' object is not iterable")
    }
  }

  // MARK: Items and attributes

  /// `value[index]`: an item, else an attribute of that name, else undefined.
  func item(_ index: Value, of value: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = value { throw undefined.error }
    if let found = try plainItem(index, of: value) { return found }
    if case .undefined(let undefined) = index, value.text != nil { throw undefined.error }
    if let name = index.text, let found = try plainAttribute(name, of: value) { return found }
    if let name = index.text { return missing(name, of: value) }
    return .undefined(Undefined("\(value.objectName) has no element \(try representation(of: index))"))
  }

  /// `value.name`: an attribute, else an item of that name, else undefined.
  func attribute(_ name: String, of value: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = value { throw undefined.error }
    if let found = try plainAttribute(name, of: value) { return found }
    if case .dict(let dictionary) = value, let found = dictionary[name] { return found }
    return missing(name, of: value)
  }

  private func missing(_ name: String, of value: Value) -> Value {
    .undefined(Undefined("'\(value.objectName)' has no attribute '\(name)'"))
  }

  private func plainItem(_ index: Value, of value: Value) throws(TemplateError) -> Value? {
    switch value {
    case .dict(let dictionary):
      switch index {
      case .list, .dict, .view: return nil
      case .tuple: return (try? Value.Key(index)).flatMap { dictionary[$0] }
      default: return dictionary[try Value.Key(index)]
      }
    case .list(let sequence), .tuple(let sequence):
      return position(index, sequence.elements.count).map { sequence.elements[$0] }
    case .range(let range): return position(index, range.count).map { .int(range[$0]) }
    case .string(let text), .markup(let text):
      guard index.integer != nil else { return nil }
      try scan(text.utf8.count)
      let scalars = text.unicodeScalars
      guard let offset = position(index, scalars.count) else { return nil }
      return try marked(String(scalars[scalars.index(scalars.startIndex, offsetBy: offset)]), as: value)
    default: return nil
    }
  }

  /// A subscript as an offset from the start; nil when it is not an integer or out of bounds.
  private func position(_ index: Value, _ count: Int) -> Int? {
    guard let index = index.integer, index < count, index >= -count else { return nil }
    return index < 0 ? index + count : index
  }

  /// An attribute that Python's object has; nil when it has none of that name.
  func plainAttribute(_ name: String, of value: Value) throws(TemplateError) -> Value? {
    switch value {
    case .namespace(let namespace): return namespace.attributes[name]
    case .loop(let loop): return try attribute(name, of: loop, value)
    case .template: return program.namedBlocks[name].map { .block($0) }
    case .tuple(let group) where group.isGroup && (name == "grouper" || name == "list"):
      return group.elements[name == "grouper" ? 0 : 1]
    case .macro(let macro): return try attribute(name, of: macro)
    case .cycler(let cycler) where name == "current": return cycler.items[cycler.position]
    case .cycler(let cycler) where name == "items": return try tuple(cycler.items)
    case .cycler(let cycler) where name == "pos": return .int(cycler.position)
    case .joiner(let joiner) where name == "sep": return joiner.separator
    case .joiner(let joiner) where name == "used": return .bool(joiner.isUsed)
    case .range(let range) where ["start", "stop", "step"].contains(name):
      return .int(name == "start" ? range.start : name == "stop" ? range.stop : range.step)
    case .int, .big, .bool, .float:
      switch name {
      case "real": return .some(try positive(value))
      case "imag": return if case .float = value { .float(0) } else { .int(0) }
      case "numerator" where value.isWhole: return .some(try positive(value))
      case "denominator" where value.isWhole: return .int(1)
      default: break
      }
    default: break
    }
    switch Methods.access(name, of: value) {
    case .absent: return nil
    case .method: return .method(Value.Method(value, name))
    case .unsafe:
      return .undefined(Undefined("access to attribute '\(name)' of '\(value.typeName)' object is unsafe."))
    case .unsupported: throw .runtime("'\(value.typeName)' method '\(name)' is not supported in chat templates")
    }
  }

  private func attribute(_ name: String, of loop: LoopState, _ value: Value) throws(TemplateError) -> Value? {
    switch name {
    case "index": return .int(loop.index0 + 1)
    case "index0": return .int(loop.index0)
    case "revindex": return .int(try loop.length() - loop.index0)
    case "revindex0": return .int(try loop.length() - loop.index0 - 1)
    case "first": return .bool(loop.index0 == 0)
    case "last": return .bool(try loop.peek() == nil)
    case "length": return .int(try loop.length())
    case "depth": return .int(loop.recursionDepth + 1)
    case "depth0": return .int(loop.recursionDepth)
    case "previtem":
      guard loop.index0 != 0, let previous = loop.previous else {
        return .undefined(Undefined("there is no previous item"))
      }
      return previous
    case "nextitem": return try loop.peek() ?? .undefined(Undefined("there is no next item"))
    case "cycle", "changed": return .method(Value.Method(value, name))
    default: return nil
    }
  }

  private func attribute(_ name: String, of macro: Value.Macro) throws(TemplateError) -> Value? {
    let block = program.blocks[macro.definition.id]
    switch name {
    case "name": return macro.name.map { .string($0) } ?? Value.none
    case "arguments":
      return try tuple(macro.definition.parameters.map { .string($0.names[0].name) })
    case "catch_kwargs": return .bool(block.keywordsSlot != nil)
    case "catch_varargs": return .bool(block.extrasSlot != nil)
    case "caller": return .bool(block.callerSlot != nil || block.hasExplicitCaller)
    default: return nil
    }
  }

  // MARK: Slices

  func slice(_ value: Value, _ start: Value, _ stop: Value, _ step: Value) throws(TemplateError) -> Value {
    switch value {
    case .list(let sequence):
      return try list(picked(from: sequence.elements, start, stop, step))
    case .tuple(let sequence): return try tuple(picked(from: sequence.elements, start, stop, step))
    case .string(let text), .markup(let text):
      try allocate(text.utf8.count)
      let result = String(try picked(from: Array(text.unicodeScalars), start, stop, step))
      return if case .markup = value { .markup(result) } else { .string(result) }
    case .range(let range):
      let (first, last, stride, _) = try bounds(range.count, start, stop, step)
      func number(_ index: Int) throws(TemplateError) -> Int {
        let (offset, overflow) = index.multipliedReportingOverflow(by: range.step)
        let (result, more) = offset.addingReportingOverflow(range.start)
        if overflow || more { throw .limit("an integer beyond 64 bits") }
        return result
      }
      let (newStep, overflow) = range.step.multipliedReportingOverflow(by: stride)
      if overflow { throw .limit("an integer beyond 64 bits") }
      return .range(try Value.Range(start: number(first), stop: number(last), step: newStep))
    case .undefined(let undefined): throw undefined.error
    case .dict: throw .runtime("unhashable type: 'slice'")
    default: throw .runtime("'\(value.typeName)' object is not subscriptable")
    }
  }

  private func picked<T>(
    from elements: [T], _ start: Value, _ stop: Value, _ step: Value
  ) throws(TemplateError) -> [T] {
    let (first, _, stride, count) = try bounds(elements.count, start, stop, step)
    if stride == 1 { return count == 0 ? [] : Array(elements[first..<(first + count)]) }
    var result: [T] = []
    result.reserveCapacity(count)
    for index in 0..<count { result.append(elements[first + index * stride]) }
    return result
  }

  /// A slice of `length` elements as its first offset, its end, its step and how many elements it has.
  private func bounds(
    _ length: Int, _ start: Value, _ stop: Value, _ step: Value
  ) throws(TemplateError) -> (first: Int, last: Int, step: Int, count: Int) {
    func integer(_ value: Value) throws(TemplateError) -> Int? {
      if case .none = value { return nil }
      if case .big(let big) = value { return big.isNegative ? .min : .max }
      guard let integer = value.integer else {
        throw .runtime("slice indices must be integers or None or have an __index__ method")
      }
      return integer
    }
    // No step longer than the sequence says more than its length does.
    let requested = try integer(step) ?? 1
    guard requested != 0 else { throw .runtime("slice step cannot be zero") }
    let stride = min(max(requested, -length - 1), length + 1)
    func clamped(_ value: Int?, _ fallback: Int) -> Int {
      guard let value else { return fallback }
      let low = stride < 0 ? -1 : 0
      let high = stride < 0 ? length - 1 : length
      if value < 0 { return value < -length ? low : max(value + length, low) }
      return min(value, high)
    }
    let first = clamped(try integer(start), stride < 0 ? length - 1 : 0)
    let last = clamped(try integer(stop), stride < 0 ? -1 : length)
    let count = stride > 0 ? max(0, (last - first + stride - 1) / stride) : max(0, (first - last - stride - 1) / -stride)
    return (first, last, stride, count)
  }
}

extension Value {
  /// The type in the words of errors about attributes.
  var objectName: String {
    switch self {
    case .none: "None"
    case .markup: "markupsafe.Markup object"
    case .namespace: "jinja2.utils.Namespace object"
    case .macro: "jinja2.runtime.Macro object"
    case .loop: "jinja2.runtime.LoopContext object"
    case .cycler: "jinja2.utils.Cycler object"
    case .joiner: "jinja2.utils.Joiner object"
    default: "\(typeName) object"
    }
  }

  /// Whether it knows its length without being read.
  var isSized: Bool {
    switch self {
    case .undefined, .string, .markup, .list, .tuple, .dict, .range, .view: true
    default: false
    }
  }
}
