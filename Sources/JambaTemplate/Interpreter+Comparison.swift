/// Equality, order and membership by Python's rules.
extension Interpreter {
  func compare(_ left: Value, _ kind: ComparisonOperator, _ right: Value) throws(TemplateError) -> Bool {
    switch kind {
    case .equal: try equal(left, right)
    case .notEqual: try !equal(left, right)
    case .less: try less(left, right, "<")
    case .greater: try less(right, left, ">", swapped: true)
    case .lessOrEqual: try lessOrEqual(left, right, "<=")
    case .greaterOrEqual: try lessOrEqual(right, left, ">=", swapped: true)
    case .contained: try contains(right, left)
    case .notContained: try !contains(right, left)
    }
  }

  func equal(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
    try spend()
    if let a = left.text, let b = right.text {
      try scan(min(a.utf8.count, b.utf8.count))
      return PythonText.equal(a, b)
    }
    if let order = order(left, right) { return order == .same }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      guard a !== b else { return true }
      guard a.elements.count == b.elements.count else { return false }
      for (x, y) in zip(a.elements, b.elements) where try !equal(x, y) { return false }
      return true
    case (.dict(let a), .dict(let b)):
      guard a !== b else { return true }
      guard a.count == b.count else { return false }
      for (key, value) in zip(a.keys, a.values) {
        guard let other = b[try Value.Key(key)], try equal(value, other) else { return false }
      }
      return true
    case (.range(let a), .range(let b)):
      return a.count == b.count
        && (a.count == 0 || a.start == b.start && (a.count == 1 || a.step == b.step))
    case (.view(let a, let kind), .view(let b, let other)):
      guard kind != .values, other != .values else { return a === b && kind == other }
      guard a.count == b.count else { return false }
      let members = try elements(of: right)
      for element in try elements(of: left) where try !contains(element, in: members) { return false }
      return true
    default: return try isSame(left, right)
    }
  }

  /// Python's `is`.
  func isSame(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
    switch (left, right) {
    case (.none, .none): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.int(let a), .int(let b)): return a == b
    case (.big(let a), .big(let b)): return a == b
    case (.string(let a), .string(let b)): return PythonText.equal(a, b)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return a === b
    case (.dict(let a), .dict(let b)): return a === b
    case (.undefined(let a), .undefined(let b)): return a === b
    case (.function(let a), .function(let b)): return a == b
    case (.template, .template): return true
    case (.range(let a), .range(let b)): return a === b
    case (.cursor(let a), .cursor(let b)): return a === b
    case (.namespace(let a), .namespace(let b)): return a === b
    case (.macro(let a), .macro(let b)): return a === b
    case (.loop(let a), .loop(let b)): return a === b
    case (.cycler(let a), .cycler(let b)): return a === b
    case (.joiner(let a), .joiner(let b)): return a === b
    default: return false
    }
  }

  private enum Order { case less, same, greater, unordered }

  /// How two numbers compare, exactly; nil when one is not a number.
  private func order(_ left: Value, _ right: Value) -> Order? {
    if let a = left.integer, let b = right.integer { return a < b ? .less : a == b ? .same : .greater }
    if let a = left.whole, let b = right.whole { return a < b ? .less : a == b ? .same : .greater }
    if let a = left.whole, case .float(let b) = right { return order(a, b) }
    guard case .float(let a) = left else { return nil }
    if let b = right.whole {
      switch order(b, a) {
      case .less: return .greater
      case .greater: return .less
      case let other: return other
      }
    }
    guard case .float(let b) = right else { return nil }
    return a < b ? .less : a == b ? .same : a > b ? .greater : .unordered
  }

  private func order(_ a: BigInteger, _ b: Double) -> Order {
    if b.isNaN { return .unordered }
    if b.isInfinite { return b > 0 ? .less : .greater }
    let whole = BigInteger(floor: b)
    return a < whole ? .less : a > whole ? .greater : b == b.rounded(.down) ? .same : .less
  }

  func less(
    _ left: Value, _ right: Value, _ symbol: String = "<", swapped: Bool = false
  ) throws(TemplateError) -> Bool {
    try spend()
    if let order = order(left, right) { return order == .less }
    if let a = left.text, let b = right.text {
      try scan(min(a.utf8.count, b.utf8.count))
      return PythonText.less(a, b)
    }
    if let (a, b) = sequences(left, right) {
      for (x, y) in zip(a.elements, b.elements) where try !equal(x, y) { return try less(x, y, symbol, swapped: swapped) }
      return a.elements.count < b.elements.count
    }
    throw incomparable(left, right, symbol, swapped)
  }

  private func lessOrEqual(
    _ left: Value, _ right: Value, _ symbol: String, swapped: Bool = false
  ) throws(TemplateError) -> Bool {
    if let order = order(left, right) { return order == .less || order == .same }
    if left.text != nil, right.text != nil { return try !less(right, left) }
    if let (a, b) = sequences(left, right) {
      for (x, y) in zip(a.elements, b.elements) where try !equal(x, y) {
        return try lessOrEqual(x, y, symbol, swapped: swapped)
      }
      return a.elements.count <= b.elements.count
    }
    throw incomparable(left, right, symbol, swapped)
  }

  private func sequences(_ left: Value, _ right: Value) -> (Value.Sequence, Value.Sequence)? {
    switch (left, right) {
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): (a, b)
    default: nil
    }
  }

  private func incomparable(_ left: Value, _ right: Value, _ symbol: String, _ swapped: Bool) -> TemplateError {
    if case .undefined(let undefined) = left { return undefined.error }
    if case .undefined(let undefined) = right { return undefined.error }
    let (a, b) = swapped ? (right, left) : (left, right)
    return .runtime("'\(symbol)' not supported between instances of '\(a.typeName)' and '\(b.typeName)'")
  }

  func contains(_ value: Value, in elements: [Value]) throws(TemplateError) -> Bool {
    for element in elements where try equal(element, value) { return true }
    return false
  }

  /// `element in container`
  func contains(_ container: Value, _ element: Value) throws(TemplateError) -> Bool {
    try spend()
    switch container {
    case .string(let text), .markup(let text):
      guard let part = element.text else {
        throw .runtime("'in <string>' requires string as left operand, not \(element.typeName)")
      }
      try scan(text.utf8.count)
      return PythonText.contains(text, part)
    case .dict(let dictionary), .view(let dictionary, .keys): return dictionary[try Value.Key(element)] != nil
    case .undefined: return false
    case .none, .bool, .int, .big, .float, .namespace, .macro, .function, .method, .cycler, .joiner, .template, .block:
      throw .runtime("argument of type '\(container.typeName)' is not iterable")
    default:
      let cursor = try iterate(container)
      while let value = try cursor.next() { if try equal(value, element) { return true } }
      return false
    }
  }

  /// Sorts stably by keys; equal keys keep their order in both directions.
  func sorted(_ values: [Value], by keys: [Value], reverse: Bool) throws(TemplateError) -> [Value] {
    try allocate(values.count * 64)
    var order = Array(values.indices)
    var buffer = order
    var width = 1
    while width < order.count {
      var start = 0
      while start < order.count {
        let middle = min(start + width, order.count)
        let end = min(start + 2 * width, order.count)
        var (left, right) = (start, middle)
        for index in start..<end {
          var takesRight = left >= middle
          if !takesRight, right < end {
            takesRight =
              reverse
              ? try less(keys[order[left]], keys[order[right]]) : try less(keys[order[right]], keys[order[left]])
          }
          if takesRight {
            buffer[index] = order[right]
            right += 1
          } else {
            buffer[index] = order[left]
            left += 1
          }
        }
        start = end
      }
      swap(&order, &buffer)
      width *= 2
    }
    return order.map { values[$0] }
  }
}
