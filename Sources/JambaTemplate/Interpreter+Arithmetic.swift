import JambaSystem

/// Arithmetic by Python's rules.
extension Interpreter {
  func calculate(_ left: Value, _ kind: ArithmeticOperator, _ right: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = left { throw undefined.error }
    if case .undefined(let undefined) = right {
      if kind == .modulo, left.text != nil { return try percent(left, right) }
      throw undefined.error
    }
    if let a = left.integer, let b = right.integer { return try integers(a, kind, b) }
    if let a = left.whole, let b = right.whole { return try integers(a, kind, b) }
    if let a = left.number, let b = right.number {
      if case .big = left, a.isInfinite { throw tooLarge }
      if case .big = right, b.isInfinite { throw tooLarge }
      return try floats(a, kind, b)
    }
    switch kind {
    case .add: if let sum = try sum(left, right) { return sum }
    case .multiply:
      if let times = right.integer, let product = try repeated(left, times) { return product }
      if let times = left.integer, let product = try repeated(right, times) { return product }
    case .modulo: if left.text != nil { return try percent(left, right) }
    default: break
    }
    throw unsupported(left, kind, right)
  }

  private func percent(_ format: Value, _ values: Value) throws(TemplateError) -> Value {
    if case .markup(let text) = format { return .markup(try percentFormat(text, values, escapes: true)) }
    return try string(percentFormat(format.text ?? "", values))
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
      let product = text.isEmpty ? "" : text.repeated(times)
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
    let result: (partialValue: Int, overflow: Bool)
    switch kind {
    case .add: result = a.addingReportingOverflow(b)
    case .subtract: result = a.subtractingReportingOverflow(b)
    case .multiply: result = a.multipliedReportingOverflow(by: b)
    case .divide where b != 0 && max(a.magnitude, b.magnitude) <= 1 << 53: return .float(Double(a) / Double(b))
    case .floorDivide where b != 0 && a != Int.min:
      let quotient = a / b
      return .int(quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient)
    case .modulo where b != 0 && a != Int.min:
      let remainder = a % b
      return .int(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder)
    default: return try integers(BigInteger(a), kind, BigInteger(b))
    }
    return result.overflow ? try integers(BigInteger(a), kind, BigInteger(b)) : .int(result.partialValue)
  }

  private func integers(
    _ a: BigInteger, _ kind: ArithmeticOperator, _ b: BigInteger
  ) throws(TemplateError) -> Value {
    try spend((a.limbs.count * b.limbs.count + a.limbs.count + b.limbs.count) >> 4)
    switch kind {
    case .add: return .whole(try checked(a + b))
    case .subtract: return .whole(try checked(a - b))
    case .multiply: return .whole(try checked(a * b))
    case .divide:
      guard !b.isZero else { throw .runtime("division by zero") }
      let quotient = a.divided(by: b)
      guard quotient.isFinite else { throw .runtime("integer division result too large for a float") }
      return .float(quotient)
    case .floorDivide, .modulo:
      guard !b.isZero else { throw .runtime("integer division or modulo by zero") }
      let (quotient, remainder) = a.dividedDown(by: b)
      return .whole(kind == .modulo ? remainder : quotient)
    case .power:
      if b.isNegative {
        guard !a.isZero else { throw .runtime("0.0 cannot be raised to a negative power") }
        guard a.double.isFinite, b.double.isFinite else { throw tooLarge }
        return .float(power(a.double, b.double))
      }
      if a.bitWidth <= 1 {
        let isOdd = b.limbs.first.map { $0 & 1 == 1 } ?? false
        return .whole(b.isZero || a.isNegative && !isOdd ? BigInteger(1) : a)
      }
      guard let exponent = b.int, exponent <= TemplateLimits.integerBits / a.bitWidth * 2 else { throw overflow }
      try spend((a.limbs.count * exponent) * (a.limbs.count * exponent) >> 4)
      return .whole(try checked(a.power(exponent)))
    }
  }

  private var overflow: TemplateError { .limit("an integer of more than \(TemplateLimits.integerBits) bits") }
  var tooLarge: TemplateError { .runtime("int too large to convert to float") }

  private func checked(_ value: BigInteger) throws(TemplateError) -> BigInteger {
    guard value.bitWidth <= TemplateLimits.integerBits else { throw overflow }
    return value
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
        remainder = b.sign == .minus ? -0.0 : 0.0
      }
      if kind == .modulo { return .float(remainder) }
      guard quotient != 0 else { return .float(Double(signOf: a / b, magnitudeOf: 0)) }
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
    if let whole = value.whole { return .whole(whole.negated) }
    if case .float(let number) = value { return .float(-number) }
    if case .undefined(let undefined) = value { throw undefined.error }
    throw .runtime("bad operand type for unary -: '\(value.typeName)'")
  }

  func positive(_ value: Value) throws(TemplateError) -> Value {
    if let integer = value.integer { return .int(integer) }
    switch value {
    case .float, .big: return value
    case .undefined(let undefined): throw undefined.error
    default: break
    }
    throw .runtime("bad operand type for unary +: '\(value.typeName)'")
  }
}
