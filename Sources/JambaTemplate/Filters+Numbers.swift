/// Filters that make numbers.
extension Interpreter {
  func numberFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "abs":
      _ = try arguments.bind(name, [])
      if case .float(let number) = value { return .float(number.magnitude) }
      if let whole = value.whole { return .whole(whole.magnitude) }
      if case .undefined = value { throw .runtime("bad operand type for abs(): 'Undefined'") }
      throw .runtime("bad operand type for abs(): '\(value.typeName)'")
    case "int": return try integer(value, arguments)
    case "float":
      let bound = try arguments.bind(name, ["default"])
      if case .undefined(let undefined) = value { throw undefined.error }
      if let number = value.number {
        // The reference lets this error through.
        if case .big = value, number.isInfinite { throw tooLarge }
        return .float(number)
      }
      if let text = value.text, let number = FloatText.parse(text) { return .float(number) }
      return bound[0] ?? .float(0)
    case "round": return try round(value, arguments)
    case "filesizeformat": return try fileSize(value, arguments)
    default: return nil
    }
  }

  private func integer(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("int", ["default", "base"])
    let fallback = bound[0] ?? .int(0)
    if case .undefined(let undefined) = value { throw undefined.error }
    if let whole = value.whole { return .whole(whole) }
    if case .float(let number) = value {
      guard number.isFinite else {
        // The reference lets one of these errors through.
        if number.isInfinite { throw .runtime("cannot convert float infinity to integer") }
        return fallback
      }
      return whole(number)
    }
    guard let text = value.text else { return fallback }
    if let integer = try Self.integer(text, base: bound[1].integer(10)) { return .whole(integer) }
    guard let number = FloatText.parse(text), number.isFinite else { return fallback }
    return whole(number)
  }

  private func whole(_ number: Double) -> Value { .whole(BigInteger(floor: number.rounded(.towardZero))) }

  /// `int(text, base)`; nil for what it refuses.
  private static func integer(_ text: String, base: Int) throws(TemplateError) -> BigInteger? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var scalars = Array(PythonText.strip(text, nil).unicodeScalars)[...]
    var isNegative = false
    if let first = scalars.first, first == "-" || first == "+" {
      isNegative = first == "-"
      scalars.removeFirst()
    }
    var radix = base == 0 ? 10 : base
    var afterPrefix = false
    if scalars.count > 1, scalars.first == "0", let letter = scalars.dropFirst().first {
      let prefixes: [Unicode.Scalar: Int] = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2]
      if let found = prefixes[letter], base == 0 || base == found {
        radix = found
        scalars = scalars.dropFirst(2)
        afterPrefix = true
      }
    }
    var digits: [UInt8] = []
    var mayUnderscore = afterPrefix
    for (offset, scalar) in scalars.enumerated() {
      if scalar == "_" {
        guard mayUnderscore, offset + 1 < scalars.count else { return nil }
        mayUnderscore = false
        continue
      }
      guard let digit = scalar.asciiDigitValue ?? scalar.decimalValue, digit < radix else { return nil }
      digits.append(UInt8(digit))
      mayUnderscore = true
    }
    guard !digits.isEmpty else { return nil }
    if base == 0, !afterPrefix, digits[0] == 0, digits.contains(where: { $0 != 0 }) { return nil }
    // Too many digits are an error in Python that this filter takes for no number.
    guard digits.count <= TemplateLimits.integerDigits else { return nil }
    return BigInteger(digits: digits, radix: radix, isNegative: isNegative)
  }

  private func round(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("round", ["precision", "method"])
    let method = try bound[1].text("method") ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw .runtime("method must be common, ceil or floor")
    }
    if case .undefined(let undefined) = value { throw undefined.error }
    let places = try bound[0].integer(0)
    guard let number = value.number else {
      throw .runtime("type \(value.typeName) doesn't define __round__ method")
    }
    guard method == "common" else {
      let scale = try calculate(.int(10), .power, .int(places))
      let scaled = try calculate(value, .multiply, scale)
      guard let scaledNumber = scaled.number, scaledNumber.isFinite else {
        throw .runtime("cannot convert float to integer")
      }
      let rounded = scaled.whole ?? BigInteger(floor: scaledNumber.rounded(method == "ceil" ? .up : .down))
      return try calculate(.whole(rounded), .divide, scale)
    }
    guard let whole = value.whole else { return .float(FloatText.round(number, places: places)) }
    guard places < 0 else { return .whole(whole) }
    guard places > -TemplateLimits.integerDigits else { return .int(0) }
    // To the nearest multiple, halves to the even one.
    let unit = BigInteger(10).power(-places)
    let (quotient, remainder) = whole.dividedDown(by: unit)
    let twice = remainder.shiftedLeft(1)
    let isOdd = quotient.limbs.first.map { $0 & 1 == 1 } ?? false
    let goesUp = twice > unit || twice == unit && isOdd
    return .whole((goesUp ? quotient + BigInteger(1) : quotient) * unit)
  }

  private func fileSize(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let isBinary = try arguments.bind("filesizeformat", ["binary"])[0].isTrue(false)
    guard let bytes = value.number ?? value.text.flatMap(FloatText.parse) else {
      throw .runtime("float() argument must be a string or a real number, not '\(value.typeName)'")
    }
    let base = isBinary ? 1024.0 : 1000.0
    if bytes == 1 { return .string("1 Byte") }
    if bytes < base { return .string("\(try text(of: whole(bytes))) Bytes") }
    let prefixes = isBinary
      ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    var unit = base
    for prefix in prefixes {
      unit *= base
      if bytes < unit || prefix == prefixes.last {
        if bytes.isInfinite { return .string("inf " + prefix) }
        guard (base * bytes / unit).isFinite else { break }
        return .string(FloatText.fixed(base * bytes / unit, precision: 1) + " " + prefix)
      }
    }
    throw .runtime("cannot print an infinite size")
  }
}
