/// Filters that make numbers.
extension Interpreter {
  func numberFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "abs":
      _ = try arguments.bind(name, [])
      if case .float(let number) = value { return .float(number.magnitude) }
      if let integer = value.integer { return integer < 0 ? try negate(value) : .int(integer) }
      if case .undefined = value { throw .runtime("bad operand type for abs(): 'Undefined'") }
      throw .runtime("bad operand type for abs(): '\(value.typeName)'")
    case "int": return try integer(value, arguments)
    case "float":
      let bound = try arguments.bind(name, ["default"])
      if case .undefined(let undefined) = value { throw undefined.error }
      if let number = value.number { return .float(number) }
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
    if let integer = value.integer { return .int(integer) }
    if case .float(let number) = value {
      guard number.isFinite else {
        // The reference lets one of these errors through.
        if number.isInfinite { throw .runtime("cannot convert float infinity to integer") }
        return fallback
      }
      return .int(try whole(number))
    }
    guard let text = value.text else { return fallback }
    if let integer = try Self.integer(text, base: bound[1].integer(10)) { return .int(integer) }
    guard let number = FloatText.parse(text), number.isFinite else { return fallback }
    return .int(try whole(number))
  }

  private func whole(_ number: Double) throws(TemplateError) -> Int {
    guard let integer = Int(exactly: number.rounded(.towardZero)) else { throw .limit("an integer beyond 64 bits") }
    return integer
  }

  /// `int(text, base)`; nil for what it refuses.
  private static func integer(_ text: String, base: Int) throws(TemplateError) -> Int? {
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
    var digits = ""
    var mayUnderscore = afterPrefix
    for (offset, scalar) in scalars.enumerated() {
      if scalar == "_" {
        guard mayUnderscore, offset + 1 < scalars.count else { return nil }
        mayUnderscore = false
        continue
      }
      guard let digit = scalar.asciiDigitValue, digit < radix else { return nil }
      digits.unicodeScalars.append(scalar)
      mayUnderscore = true
    }
    guard !digits.isEmpty else { return nil }
    if base == 0, !afterPrefix, digits.hasPrefix("0"), digits.contains(where: { $0 != "0" }) { return nil }
    guard let value = Int((isNegative ? "-" : "") + digits, radix: radix) else {
      throw .limit("an integer beyond 64 bits")
    }
    return value
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
      let rounded = scaled.integer ?? Int(exactly: scaledNumber.rounded(method == "ceil" ? .up : .down))
      guard let rounded else { throw .limit("an integer beyond 64 bits") }
      return try calculate(.int(rounded), .divide, scale)
    }
    guard let integer = value.integer else { return .float(FloatText.round(number, places: places)) }
    guard places < 0 else { return .int(integer) }
    guard places > -19 else { return .int(0) }
    // To the nearest multiple, halves to the even one.
    var unit = 1
    for _ in 0..<(-places) { unit *= 10 }
    let remainder = integer % unit
    var base = integer - remainder
    let distance = remainder.magnitude
    let rest = UInt(unit) - distance
    if distance > rest || (distance == rest && (base / unit) % 2 != 0) {
      let (moved, overflow) = base.addingReportingOverflow(remainder < 0 ? -unit : unit)
      if overflow { throw .limit("an integer beyond 64 bits") }
      base = moved
    }
    return .int(base)
  }

  private func fileSize(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let isBinary = try arguments.bind("filesizeformat", ["binary"])[0].isTrue(false)
    guard let bytes = value.number ?? value.text.flatMap(FloatText.parse) else {
      throw .runtime("float() argument must be a string or a real number, not '\(value.typeName)'")
    }
    let base = isBinary ? 1024.0 : 1000.0
    if bytes == 1 { return .string("1 Byte") }
    if bytes < base { return .string("\(try whole(bytes)) Bytes") }
    let prefixes = isBinary
      ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    var unit = base
    for prefix in prefixes {
      unit *= base
      if bytes < unit || prefix == prefixes.last {
        guard (base * bytes / unit).isFinite else { break }
        return .string(FloatText.fixed(base * bytes / unit, precision: 1) + " " + prefix)
      }
    }
    throw .runtime("cannot print an infinite size")
  }
}
