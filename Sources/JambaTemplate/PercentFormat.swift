/// `format % values`
extension Interpreter {
  /// - Parameter escapes: what is put into a format that is marked safe is escaped.
  func percentFormat(_ format: String, _ values: Value, escapes: Bool = false) throws(TemplateError) -> String {
    try scan(format.utf8.count)
    var arguments: [Value] = [values]
    if case .tuple(let sequence) = values { arguments = sequence.elements }
    var used = 0
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var spec = NumberFormat()
      var named: Value?
      if scalars.first == "(" {
        scalars.removeFirst()
        let name = String(scalars.prefix { $0 != ")" })
        scalars = scalars.drop { $0 != ")" }.dropFirst()
        guard case .dict(let dictionary) = values else { throw .runtime("format requires a mapping") }
        guard let value = dictionary[name] else { throw .runtime("KeyError: \(PythonText.quoted(name))") }
        named = value
      }
      while let flag = scalars.first, "-+ #0".unicodeScalars.contains(flag) {
        scalars.removeFirst()
        switch flag {
        case "-": spec.align = "<"
        case "+": spec.sign = "+"
        case " ": if spec.sign != "+" { spec.sign = " " }
        case "#": spec.isAlternate = true
        default: spec.padsWithZeros = true
        }
      }
      func argument() throws(TemplateError) -> Value {
        if let named { return named }
        guard used < arguments.count else { throw .runtime("not enough arguments for format string") }
        used += 1
        return arguments[used - 1]
      }
      if scalars.first == "*" {
        scalars.removeFirst()
        let width = try Optional(argument()).integer(0)
        if width < 0 { spec.align = "<" }
        spec.width = Int(clamping: width.magnitude)
      } else {
        spec.width = try Self.number(&scalars) ?? 0
      }
      if scalars.first == "." {
        scalars.removeFirst()
        if scalars.first == "*" {
          scalars.removeFirst()
          spec.precision = max(0, try Optional(argument()).integer(0))
        } else {
          spec.precision = try Self.number(&scalars) ?? 0
        }
      }
      while let length = scalars.first, "hlL".unicodeScalars.contains(length) { scalars.removeFirst() }
      guard let conversion = scalars.popFirst() else { throw .runtime("incomplete format") }
      if conversion == "%" {
        result += "%"
        continue
      }
      result += try percentField(conversion, argument(), spec, escapes)
      try allocate(result.utf8.count)
    }
    var acceptsRest = false
    switch values {
    case .dict, .undefined: acceptsRest = true
    default: break
    }
    if case .list = values, used == 0 { acceptsRest = true }
    if case .range = values, used == 0 { acceptsRest = true }
    guard used >= arguments.count || acceptsRest else {
      throw .runtime("not all arguments converted during string formatting")
    }
    return result
  }

  static func number(_ scalars: inout Substring.UnicodeScalarView) throws(TemplateError) -> Int? {
    let digits = scalars.prefix { $0.isASCIIDigit }
    guard !digits.isEmpty else { return nil }
    scalars = scalars.dropFirst(digits.count)
    guard let value = Int(String(digits)), value <= TemplateLimits.stringBytes else {
      throw .limit("a width or precision too large")
    }
    return value
  }

  private func percentField(
    _ conversion: Unicode.Scalar, _ value: Value, _ spec: NumberFormat, _ escapes: Bool
  ) throws(TemplateError) -> String {
    var spec = spec
    switch conversion {
    case "s", "r", "a":
      var text = conversion == "s" ? try self.text(of: value) : try representation(of: value)
      if escapes { text = conversion == "s" ? try escaped(value) : PythonText.escapedForHTML(text) }
      if conversion == "a" {
        text = PythonText.ascii(text)
      }
      if let precision = spec.precision { text = String(text.unicodeScalars.prefix(precision)) }
      if spec.align == nil { spec.align = ">" }
      return try spec.aligned(text, self)
    case "c":
      let text: String
      if let code = value.integer {
        guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
          throw .runtime("%c arg not in range(0x110000)")
        }
        text = String(scalar)
      } else if let single = value.text, single.unicodeScalars.count == 1 {
        text = single
      } else {
        throw .runtime("%c requires int or char")
      }
      if spec.align == nil { spec.align = ">" }
      return try spec.aligned(text, self)
    case "d", "i", "u", "x", "X", "o":
      let integer: BigInteger
      if let whole = value.whole {
        integer = whole
      } else if case .float(let number) = value, "diu".unicodeScalars.contains(conversion) {
        guard number.isFinite else { throw .runtime("cannot convert float to integer") }
        integer = BigInteger(floor: number.rounded(.towardZero))
      } else if case .undefined(let undefined) = value {
        throw undefined.error
      } else {
        throw .runtime("%\(conversion) format: a real number is required, not \(value.typeName)")
      }
      if let precision = spec.precision { spec.minimumDigits = precision }
      spec.precision = nil
      spec.kind = conversion == "i" || conversion == "u" ? "d" : conversion
      return try spec.formatted(integer, self)
    case "e", "E", "f", "F", "g", "G":
      if case .undefined(let undefined) = value { throw undefined.error }
      guard let number = value.number else { throw .runtime("must be real number, not \(value.typeName)") }
      spec.kind = conversion
      return try spec.formatted(number, self)
    default: throw .runtime("unsupported format character '\(conversion)'")
    }
  }
}

/// How a number is laid out, in `%` formats and in format specifications.
struct NumberFormat {
  var fill: Unicode.Scalar = " "
  /// `<`, `>`, `^` or `=`; numbers stand to the right unless told.
  var align: Unicode.Scalar?
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var padsWithZeros = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var minimumDigits = 0
  var kind: Unicode.Scalar?

  /// A text in its field.
  func aligned(_ text: String, _ interpreter: Interpreter) throws(TemplateError) -> String {
    let missing = width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    try interpreter.allocate(missing * String(fill).utf8.count + text.utf8.count)
    let pad = String(fill)
    switch align {
    case ">": return pad.repeated(missing) + text
    case "^":
      return pad.repeated(missing / 2) + text + pad.repeated(missing - missing / 2)
    default: return text + pad.repeated(missing)
    }
  }

  private func number(
    sign: String, prefix: String, digits: String, _ interpreter: Interpreter
  ) throws(TemplateError) -> String {
    var digits = digits
    if let grouping {
      let parts = PythonText.split(digits, by: ".", limit: 1)
      let size = kind == "x" || kind == "X" || kind == "o" || kind == "b" ? 4 : 3
      var grouped = ""
      let whole = Array(parts[0].unicodeScalars)
      for (index, digit) in whole.enumerated() {
        if index > 0, (whole.count - index) % size == 0 { grouped.unicodeScalars.append(grouping) }
        grouped.unicodeScalars.append(digit)
      }
      digits = grouped + (parts.count > 1 ? "." + parts[1] : "")
    }
    let zeroFills = padsWithZeros && align == nil
    if zeroFills || align == "=" {
      let missing = width - sign.utf8.count - prefix.utf8.count - digits.unicodeScalars.count
      if missing > 0 {
        try interpreter.allocate(missing * 4)
        digits = (zeroFills ? "0" : String(fill)).repeated(missing) + digits
      }
      return sign + prefix + digits
    }
    var copy = self
    if align == nil { copy.align = ">" }
    return try copy.aligned(sign + prefix + digits, interpreter)
  }

  private func signText(_ isNegative: Bool) -> String {
    isNegative ? "-" : sign == "+" ? "+" : sign == " " ? " " : ""
  }

  func formatted(_ value: BigInteger, _ interpreter: Interpreter) throws(TemplateError) -> String {
    var digits: String
    var prefix = ""
    switch kind {
    case "x", "X":
      digits = value.magnitude.text(radix: 16, uppercase: kind == "X")
      prefix = kind == "X" ? "0X" : "0x"
    case "o":
      digits = value.magnitude.text(radix: 8)
      prefix = "0o"
    case "b":
      digits = value.magnitude.text(radix: 2)
      prefix = "0b"
    default: digits = try interpreter.text(of: value.magnitude)
    }
    if minimumDigits > digits.utf8.count {
      try interpreter.allocate(minimumDigits)
      digits = String(repeating: "0", count: minimumDigits - digits.utf8.count) + digits
    }
    return try number(sign: signText(value.isNegative), prefix: isAlternate ? prefix : "", digits: digits, interpreter)
  }

  func formatted(_ value: Double, _ interpreter: Interpreter) throws(TemplateError) -> String {
    let isNegative = value.sign == .minus && !value.isNaN
    var digits: String
    let precision = precision ?? 6
    try interpreter.allocate(precision)
    if !value.isFinite {
      digits = (value.isNaN ? "nan" : "inf") + (kind == "%" ? "%" : "")
      if kind == "F" || kind == "E" || kind == "G" { digits = PythonText.upper(digits) }
    } else {
      switch kind {
      case "f", "F":
        digits = FloatText.fixed(value, precision: precision)
        if isAlternate, precision == 0 { digits += "." }
      case "%": digits = FloatText.fixed(value * 100, precision: precision) + "%"
      case "e": digits = FloatText.scientific(value, precision: precision)
      case "E": digits = FloatText.scientific(value, precision: precision, letter: "E")
      case "G": digits = FloatText.general(value, precision: precision, letter: "E", keepsZeros: isAlternate)
      case "g", "n": digits = FloatText.general(value, precision: precision, keepsZeros: isAlternate)
      default:
        if let given = self.precision {
          digits = FloatText.general(value, precision: given)
          if !digits.contains("."), !digits.contains("e") { digits += ".0" }
        } else {
          digits = FloatText.representation(of: value.magnitude)
        }
      }
    }
    return try number(sign: signText(isNegative), prefix: "", digits: digits, interpreter)
  }
}
