/// Filters over lists, dicts and other sequences.
extension Interpreter {
  func sequenceFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "length", "count":
      _ = try arguments.bind(name, [])
      return .int(try length(of: value))
    case "list":
      _ = try arguments.bind(name, [])
      return try list(elements(of: value))
    case "first":
      _ = try arguments.bind(name, [])
      return try iterate(value).next() ?? .undefined(Undefined("No first item, sequence was empty."))
    case "last":
      _ = try arguments.bind(name, [])
      if case .markup(let text) = value, let last = text.unicodeScalars.last { return .markup(String(last)) }
      return try reversed(value).last ?? .undefined(Undefined("No last item, sequence was empty."))
    case "reverse": return try reverse(value, arguments)
    case "items":
      _ = try arguments.bind(name, [])
      return try lazily(value) { [self] () throws(TemplateError) in
        if case .dict(let dictionary) = value { return try elements(of: .view(dictionary, .items)) }
        guard value.isUndefined else { throw .runtime("Can only get item pairs from a mapping.") }
        return []
      }
    case "random":
      _ = try arguments.bind(name, [])
      switch value {
      case .undefined, .string, .markup, .list, .tuple, .range: break
      case .dict(let dictionary) where dictionary.count == 0: break
      default: throw .runtime("'\(value.typeName)' object is not subscriptable")
      }
      return try elements(of: value).randomElement() ?? .undefined(Undefined("No random item, sequence was empty."))
    case "join":
      let bound = try arguments.bind(name, ["d", "attribute"])
      let path = try path(bound[1])
      var pieces: [String] = []
      for item in try elements(of: value) {
        pieces.append(try text(of: bound[1].given == nil ? item : follow(path, from: item)))
      }
      return try joined(pieces, text(of: bound[0] ?? .string("")))
    case "sort": return try sort(value, arguments)
    case "dictsort": return try sortDictionary(value, arguments)
    case "unique": return try unique(value, arguments)
    case "min", "max": return try extreme(name, value, arguments)
    case "groupby": return try group(value, arguments)
    case "sum":
      let bound = try arguments.bind(name, ["attribute", "start"])
      let path = try path(bound[0])
      var total = bound[1] ?? .int(0)
      if total.text != nil { throw .runtime("sum() can't sum strings [use ''.join(seq) instead]") }
      for item in try elements(of: value) { total = try calculate(total, .add, follow(path, from: item)) }
      return total
    case "batch": return try batch(value, arguments)
    case "slice": return try slices(value, arguments)
    default: return nil
    }
  }

  /// The elements of what Python can walk backwards.
  private func reversed(_ value: Value) throws(TemplateError) -> [Value] {
    switch value {
    case .undefined, .string, .markup, .list, .tuple, .dict, .range, .view: return try elements(of: value)
    default: throw .runtime("'\(value.typeName)' object is not reversible")
    }
  }

  private func reverse(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    _ = try arguments.bind("reverse", [])
    if let text = value.text { return try marked(String(text.unicodeScalars.reversed()), as: value) }
    let elements = try elements(of: value)
    if case .cursor = value { return try list(elements.reversed()) }
    return .cursor(try cursor(over: elements.reversed(), "reversed", depth: value.depth + 1))
  }

  private func sort(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("sort", ["reverse", "case_sensitive", "attribute"])
    let paths = try paths(bound[2])
    let elements = try elements(of: value)
    var keys: [Value] = []
    for element in elements {
      var key: [Value] = []
      for path in paths {
        key.append(try ignoringCase(follow(path, from: element), bound[1].isTrue(false)))
      }
      keys.append(try list(key))
    }
    return try list(sorted(elements, by: keys, reverse: bound[0].isTrue(false)))
  }

  /// Attributes divided by commas.
  private func paths(_ attribute: Value?) throws(TemplateError) -> [[Value]] {
    guard let text = attribute.given?.text else { return [try path(attribute)] }
    var paths: [[Value]] = []
    for part in PythonText.split(text, by: ",", limit: -1) { paths.append(try path(.string(part))) }
    return paths
  }

  private func sortDictionary(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])
    let by = try bound[1].text("by") ?? "key"
    guard by == "key" || by == "value" else {
      throw .runtime("You can only sort by either \"key\" or \"value\"")
    }
    if case .undefined(let undefined) = value { throw undefined.error }
    guard case .dict(let dictionary) = value else {
      throw .runtime("'\(value.typeName)' object has no attribute 'items'")
    }
    var keys: [Value] = []
    for key in by == "key" ? dictionary.keys : dictionary.values {
      keys.append(try ignoringCase(key, bound[0].isTrue(false)))
    }
    return try list(
      sorted(elements(of: .view(dictionary, .items)), by: keys, reverse: bound[2].isTrue(false)))
  }

  private func unique(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("unique", ["case_sensitive", "attribute"])
    let path = try path(bound[1])
    let isSensitive = bound[0].isTrue(false)
    var seen: Set<Value.Key> = []
    // An empty sequence is not a special case here: elements are read when asked for.
    let source = value.isTrue || value.isUndefined ? value : try list(elements(of: value))
    return try generate(source, holding: path) { [self] item throws(TemplateError) in
      let key = try Value.Key(ignoringCase(follow(path, from: item), isSensitive))
      return seen.insert(key).inserted ? item : nil
    }
  }

  private func extreme(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind(name, ["case_sensitive", "attribute"])
    let path = try path(bound[1])
    var best: (item: Value, key: Value)?
    for item in try elements(of: value) {
      let key = try ignoringCase(follow(path, from: item), bound[0].isTrue(false))
      guard let current = best else {
        best = (item, key)
        continue
      }
      if name == "min" ? try less(key, current.key) : try less(current.key, key) { best = (item, key) }
    }
    return best?.item ?? .undefined(Undefined("No aggregated item, sequence was empty."))
  }

  private func group(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("groupby", ["attribute", "default", "case_sensitive"], required: 1)
    let path = try path(bound[0])
    let fallback = bound[1].given
    let isSensitive = bound[2].isTrue(false)
    let elements = try elements(of: value)
    var keys: [Value] = []
    for element in elements {
      keys.append(try ignoringCase(follow(path, from: element, default: fallback), isSensitive))
    }
    let order = try sorted(elements.indices.map { .int($0) }, by: keys, reverse: false).compactMap(\.integer)
    var groups: [Value] = []
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, try equal(keys[order[end]], keys[order[start]]) { end += 1 }
      let members = order[start..<end].map { elements[$0] }
      let title = isSensitive ? keys[order[start]] : try follow(path, from: members[0], default: fallback)
      groups.append(try tuple([title, list(members)], isGroup: true))
      start = end
    }
    return try list(groups)
  }

  private func batch(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("batch", ["linecount", "fill_with"], required: 1)
    return try lazily(value) { [self] () throws(TemplateError) in
      try batches(of: value, bound[0].integer(0), fill: bound[1].given)
    }
  }

  private func batches(of value: Value, _ size: Int, fill: Value?) throws(TemplateError) -> [Value] {
    var rows: [Value] = []
    var row: [Value] = []
    for item in try elements(of: value) {
      if row.count == size {
        try checkRows(rows.count + 1)
        rows.append(try list(row))
        row = []
      }
      row.append(item)
    }
    if !row.isEmpty {
      if let fill, row.count < size {
        guard size <= TemplateLimits.elements else {
          throw .limit("a list of more than \(TemplateLimits.elements) elements")
        }
        row += Array(repeating: fill, count: size - row.count)
      }
      try checkRows(rows.count + 1)
      rows.append(try list(row))
    }
    return rows
  }

  private func slices(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("slice", ["slices", "fill_with"], required: 1)
    return try lazily(value) { [self] () throws(TemplateError) in
      try slices(of: value, bound[0].integer(0), fill: bound[1].given)
    }
  }

  private func slices(of value: Value, _ count: Int, fill: Value?) throws(TemplateError) -> [Value] {
    let elements = try elements(of: value)
    guard count != 0 else { throw .runtime("integer division or modulo by zero") }
    try checkRows(count)
    var rows: [Value] = []
    var start = 0
    for index in 0..<max(count, 0) {
      let isLonger = index < elements.count % count
      let end = start + elements.count / count + (isLonger ? 1 : 0)
      var row = Array(elements[start..<end])
      if let fill, !isLonger { row.append(fill) }
      rows.append(try list(row))
      start = end
    }
    return rows
  }

  /// A list takes many times the memory of an element.
  private func checkRows(_ count: Int) throws(TemplateError) {
    guard count <= TemplateLimits.rows else { throw .limit("a list is cut into more than \(TemplateLimits.rows)") }
  }
}
