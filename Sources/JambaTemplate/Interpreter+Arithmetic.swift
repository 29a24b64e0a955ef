import JambaSystem

/// Arithmetic by Python's rules. Integers have 64 bits; what does not fit is an error.
extension Interpreter {
  func calculate(_ left: Value, _ kind: ArithmeticOperator, _ right: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = left { throw undefined.error }
    if case .undefined(let undefined) = right {
      if kind == .modulo, let format = left.text { return try string(percentFormat(format, right)) }
      throw undefined.error
    }
    if let a = left.integer, let b = right.integer { return try integers(a, kind, b) }
    if let a = left.number, let b = right.number { return try floats(a, kind, b) }
    switch kind {
    case .add: if let sum = try sum(left, right) { return sum }
    case .multiply:
      if let times = right.integer, let product = try repeated(left, times) { return product }
      if let times = left.integer, let product = try repeated(right, times) { return product }
    case .modulo: if let format = left.text { return try string(percentFormat(format, right)) }
    default: break
    }
    throw unsupported(left, kind, right)
  }

  private func unsupported(_ left: Value, _ kind: ArithmeticOperator, _ right: Value) -> TemplateError {
    if kind == .add, left.text != nil {
      return .runtime("can only concatenate str (not \"\(right.typeName)\") to str")
    }
    if kind == .add, case .list = left {
      return .runtime("can only concatenate list (not \"\(right.typeName)\") to list")
    }
    return .runtime(
      "unsupported operand type(s) for \(kind.rawValue): '\(left.typeName)' and '\(right.typeName)'")
  }

  private func sum(_ left: Value, _ right: Value) throws(TemplateError) -> Value? {
    switch (left, right) {
    case (.string(let a), .string(let b)):
      try allocate(a.utf8.count + b.utf8.count)
      return .string(a + b)
    case (.markup(let a), .markup(let b)): return .markup(try string(a + b).text ?? "")
    case (.markup(let a), .string(let b)): return .markup(try string(a + PythonText.escapedForHTML(b)).text ?? "")
    case (.string(let a), .markup(let b)): return .markup(try string(PythonText.escapedForHTML(a) + b).text ?? "")
    case (.list(let a), .list(let b)):
      try allocate((a.elements.count + b.elements.count) * 24)
      return .list(try Value.Sequence(a.elements + b.elements))
    case (.tuple(let a), .tuple(let b)):
      try allocate((a.elements.count + b.elements.count) * 24)
      return .tuple(try Value.Sequence(a.elements + b.elements))
    default: return nil
    }
  }

  private func repeated(_ value: Value, _ times: Int) throws(TemplateError) -> Value? {
    let times = max(times, 0)
    switch value {
    case .string(let text), .markup(let text):
      let (size, overflow) = text.utf8.count.multipliedReportingOverflow(by: times)
      try allocate(overflow ? Int.max >> 1 : size)
      let product = text.isEmpty ? "" : String(repeating: text, count: times)
      return if case .markup = value { .markup(product) } else { .string(product) }
    case .list(let sequence), .tuple(let sequence):
      let (count, overflow) = sequence.elements.count.multipliedReportingOverflow(by: times)
      guard !overflow, count <= TemplateLimits.elements else {
        throw .limit("a list of more than \(TemplateLimits.elements) elements")
      }
      try allocate(count * 24)
      var elements: [Value] = []
      elements.reserveCapacity(count)
      if !sequence.elements.isEmpty { for _ in 0..<times { elements += sequence.elements } }
      return if case .list = value { try list(elements) } else { try tuple(elements) }
    default: return nil
    }
  }

  private func integers(_ a: Int, _ kind: ArithmeticOperator, _ b: Int) throws(TemplateError) -> Value {
    switch kind {
    case .add: return try checked(a.addingReportingOverflow(b))
    case .subtract: return try checked(a.subtractingReportingOverflow(b))
    case .multiply: return try checked(a.multipliedReportingOverflow(by: b))
    case .divide:
      guard b != 0 else { throw .runtime("division by zero") }
      return .float(Double(a) / Double(b))
    case .floorDivide:
      guard b != 0 else { throw .runtime("integer division or modulo by zero") }
      let (quotient, overflow) = a.dividedReportingOverflow(by: b)
      if overflow { return try checked((0, true)) }
      return .int(quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient)
    case .modulo:
      guard b != 0 else { throw .runtime("integer division or modulo by zero") }
      let remainder = a.remainderReportingOverflow(dividingBy: b).partialValue
      return .int(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder)
    case .power:
      if b < 0 {
        guard a != 0 else { throw .runtime("0.0 cannot be raised to a negative power") }
        return .float(power(Double(a), Double(b)))
      }
      return .int(try integerPower(a, b))
    }
  }

  private func integerPower(_ base: Int, _ exponent: Int) throws(TemplateError) -> Int {
    if base == 0 || base == 1 || exponent == 0 { return exponent == 0 ? 1 : base }
    if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
    guard exponent < 64 else { throw overflow }
    var result = 1
    for _ in 0..<exponent {
      let (product, overflowed) = result.multipliedReportingOverflow(by: base)
      if overflowed { throw overflow }
      result = product
    }
    return result
  }

  private var overflow: TemplateError { .limit("an integer beyond 64 bits") }

  private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> Value {
    guard !result.overflow else { throw overflow }
    return .int(result.partialValue)
  }

  private func floats(_ a: Double, _ kind: ArithmeticOperator, _ b: Double) throws(TemplateError) -> Value {
    switch kind {
    case .add: return .float(a + b)
    case .subtract: return .float(a - b)
    case .multiply: return .float(a * b)
    case .divide:
      guard b != 0 else { throw .runtime("float division by zero") }
      return .float(a / b)
    case .floorDivide, .modulo:
      guard b != 0 else {
        throw .runtime(kind == .modulo ? "float modulo" : "float floor division by zero")
      }
      var remainder = a.truncatingRemainder(dividingBy: b)
      var quotient = (a - remainder) / b
      if remainder != 0 {
        if (b < 0) != (remainder < 0) {
          remainder += b
          quotient -= 1
        }
      } else {
        remainder = b < 0 ? -0.0 : 0.0
      }
      if kind == .modulo { return .float(remainder) }
      guard quotient != 0 else { return .float((a < 0) != (b < 0) ? -0.0 : 0.0) }
      var floored = quotient.rounded(.down)
      if quotient - floored > 0.5 { floored += 1 }
      return .float(floored)
    case .power:
      if a == 0, b < 0 { throw .runtime("0.0 cannot be raised to a negative power") }
      if a < 0, a.isFinite, b.isFinite, b != b.rounded() { throw .runtime("complex numbers are not supported") }
      let result = power(a, b)
      guard result.isFinite || !a.isFinite || !b.isFinite else { throw .runtime("Numerical result out of range") }
      return .float(result)
    }
  }

  func negate(_ value: Value) throws(TemplateError) -> Value {
    if let integer = value.integer { return try checked(Int.zero.subtractingReportingOverflow(integer)) }
    if case .float(let number) = value { return .float(-number) }
    if case .undefined(let undefined) = value { throw undefined.error }
    throw .runtime("bad operand type for unary -: '\(value.typeName)'")
  }

  func positive(_ value: Value) throws(TemplateError) -> Value {
    if let integer = value.integer { return .int(integer) }
    if case .float = value { return value }
    if case .undefined(let undefined) = value { throw undefined.error }
    throw .runtime("bad operand type for unary +: '\(value.typeName)'")
  }
}
