/// The methods of strings.
extension Interpreter {
  func callText(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    try scan(text.utf8.count)
    guard arguments.named.isEmpty || Methods.takesKeywords.contains(name) else {
      throw .runtime("str.\(name)() takes no keyword arguments")
    }
    switch name {
    case "split", "rsplit":
      let bound = try arguments.bind(name, ["sep", "maxsplit"])
      return try split(text, bound[0].text("sep"), bound[1].integer(-1), fromRight: name == "rsplit")
    case "splitlines":
      return try strings(PythonText.splitLines(text, keepEnds: arguments.bind(name, ["keepends"])[0].isTrue(false)))
    case "strip", "lstrip", "rstrip":
      let characters = try arguments.bind(name, ["chars"])[0].text("chars")
      return try string(
        PythonText.strip(text, characters, left: name != "rstrip", right: name != "lstrip"))
    case "startswith", "endswith": return try hasAffix(name, text, arguments)
    case "upper", "lower", "title", "capitalize", "swapcase", "casefold":
      _ = try arguments.bind(name, [])
      return try string(Self.recased(name, text))
    case "replace": return try replace(text, arguments.bind(name, ["old", "new", "count"], required: 2))
    case "join":
      let items = try elements(of: arguments.bind(name, ["iterable"], required: 1)[0] ?? .none)
      var pieces: [String] = []
      for (index, item) in items.enumerated() {
        guard let piece = item.text else {
          throw .runtime("sequence item \(index): expected str instance, \(item.typeName) found")
        }
        pieces.append(piece)
      }
      return try joined(pieces, text)
    case "find", "rfind", "index", "rindex", "count": return try search(name, text, arguments)
    case "format": return try string(braceFormat(text, arguments))
    case "format_map": return try string(braceFormat(text, mapping(arguments)))
    case "translate": return try translate(text, arguments.bind(name, ["table"], required: 1)[0] ?? .none)
    case "maketrans": return try translation(arguments)
    case "removeprefix", "removesuffix": return try removeAffix(name, text, arguments)
    case "zfill", "center", "ljust", "rjust": return try padded(name, text, arguments)
    case "partition", "rpartition": return try partition(name, text, arguments)
    case "expandtabs":
      let size = try arguments.bind(name, ["tabsize"])[0].integer(8)
      return try string(expandTabs(text, size))
    default:
      _ = try arguments.bind(name, [])
      return .bool(Self.holds(name, text))
    }
  }

  func split(_ text: String, _ separator: String?, _ limit: Int, fromRight: Bool) throws(TemplateError) -> Value {
    try allocate(text.utf8.count)
    guard let separator else {
      return try strings(
        fromRight ? PythonText.splitAtSpaceFromRight(text, limit: limit) : PythonText.splitAtSpace(text, limit: limit))
    }
    guard !separator.isEmpty else { throw .runtime("empty separator") }
    try scan(text.utf8.count)
    return try strings(
      fromRight
        ? PythonText.splitFromRight(text, by: separator, limit: limit)
        : PythonText.split(text, by: separator, limit: limit))
  }

  private static func recased(_ name: String, _ text: String) -> String {
    switch name {
    case "upper": PythonText.upper(text)
    case "title": PythonText.title(text)
    case "capitalize": PythonText.capitalize(text)
    case "swapcase": PythonText.swapCase(text)
    case "casefold": PythonText.caseFold(text)
    default: PythonText.lower(text)
    }
  }

  /// Texts with a separator between them, the size checked first.
  func joined(_ pieces: [String], _ separator: String) throws(TemplateError) -> Value {
    var size = 0
    for piece in pieces {
      size += piece.utf8.count + separator.utf8.count
      guard size <= TemplateLimits.stringBytes * 2 else { break }
    }
    try allocate(size)
    return .string(pieces.joined(separator: separator))
  }

  /// Arguments: old, new, count.
  func replace(_ text: String, _ bound: [Value?]) throws(TemplateError) -> Value {
    guard let old = try bound[0].text("replace() argument 1"), let new = try bound[1].text("replace() argument 2")
    else { throw .runtime("replace() argument must be str, not NoneType") }
    let limit = try bound[2].integer(-1)
    guard !old.isEmpty else {
      var pieces = [""]
      var rest = text.unicodeScalars[...]
      while let scalar = rest.first, limit < 0 || pieces.count < limit {
        pieces.append(String(scalar))
        rest.removeFirst()
      }
      if limit == 0 { return .string(text) }
      // "ab" becomes "-a-b-": the last gap is at the end when the count allows.
      if !rest.isEmpty || (limit >= 0 && pieces.count >= limit) {
        pieces.append(String(rest))
        let head = try joined(Array(pieces[..<(pieces.count - 1)]), new).text ?? ""
        let last = limit < 0 || pieces.count - 1 <= limit ? new : ""
        return try string(head + (pieces.count == 2 ? new : last) + String(rest))
      }
      pieces.append("")
      return try joined(pieces, new)
    }
    try scan(text.utf8.count)
    return try joined(PythonText.split(text, by: old, limit: limit), new)
  }

  private func hasAffix(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind(name, ["prefix", "start", "end"], required: 1)
    var candidates: [Value] = [bound[0] ?? .none]
    if case .tuple(let sequence)? = bound[0] { candidates = sequence.elements }
    var part = text
    if bound[1] != nil || bound[2] != nil {
      let scalars = Array(text.unicodeScalars)
      if try bound[1].given.integer(0) > scalars.count { return .bool(false) }
      let (start, stop) = try Self.window(bound[1], bound[2], scalars.count)
      if start > stop { return .bool(false) }
      part = String(scalars[start..<stop])
    }
    for candidate in candidates {
      guard let affix = candidate.text else {
        throw .runtime("\(name) first arg must be str or a tuple of str, not \(candidate.typeName)")
      }
      if name == "startswith" ? part.utf8.starts(with: affix.utf8) : Self.ends(part, with: affix) { return .bool(true) }
    }
    return .bool(false)
  }

  private static func ends(_ text: String, with suffix: String) -> Bool {
    text.utf8.count >= suffix.utf8.count && text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  private func removeAffix(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    guard let affix = try arguments.bind(name, ["affix"], required: 1)[0].text("\(name)() argument") else {
      throw .runtime("\(name)() argument must be str, not NoneType")
    }
    if name == "removeprefix" {
      return text.utf8.starts(with: affix.utf8)
        ? try string(PythonText.string(Array(text.utf8.dropFirst(affix.utf8.count)))) : .string(text)
    }
    return Self.ends(text, with: affix)
      ? try string(PythonText.string(Array(text.utf8.dropLast(affix.utf8.count)))) : .string(text)
  }

  private func search(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind(name, ["sub", "start", "end"], required: 1)
    guard let part = try bound[0].text("\(name)() argument") else {
      throw .runtime("must be str, not NoneType")
    }
    let scalars = Array(text.unicodeScalars)
    let (start, stop) = try Self.window(bound[1], bound[2], scalars.count)
    let isPastEnd = try bound[1].given.integer(0) > scalars.count
    var found: Int?
    var count = 0
    if start <= stop, !isPastEnd {
      var bytes = Array(String(scalars[start..<stop]).utf8)
      if name == "count" {
        if part.isEmpty { return .int(stop - start + 1) }
        let search = ByteSearch(part.utf8)
        var position = 0
        while let next = search.first(in: bytes, from: position) {
          count += 1
          position = next + search.count
        }
      } else if name.hasPrefix("r") {
        bytes.reverse()
        found = ByteSearch(part.utf8.reversed()).first(in: bytes, from: 0).map {
          stop - PythonText.string(bytes[..<$0].reversed()).unicodeScalars.count - part.unicodeScalars.count
        }
      } else {
        found = ByteSearch(part.utf8).first(in: bytes, from: 0).map {
          start + PythonText.string(bytes[..<$0]).unicodeScalars.count
        }
      }
    }
    if name == "count" { return .int(count) }
    if let found { return .int(found) }
    if name.hasSuffix("index") { throw .runtime("substring not found") }
    return .int(-1)
  }

  private func padded(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind(name, name == "zfill" ? ["width"] : ["width", "fillchar"], required: 1)
    let width = try bound[0].integer(0)
    let count = text.unicodeScalars.count
    let missing = width.subtractingReportingOverflow(count).partialValue
    var fill = " "
    if name == "zfill" {
      fill = "0"
    } else if let given = bound[1] {
      guard let text = given.text else {
        throw .runtime("The fill character must be a unicode character, not \(given.typeName)")
      }
      fill = text
    }
    guard fill.unicodeScalars.count == 1 else {
      throw .runtime("The fill character must be exactly one character long")
    }
    guard width > count else { return .string(text) }
    try allocate(min(missing, TemplateLimits.stringBytes + 1) * fill.utf8.count)
    func pad(_ count: Int) -> String { String(fill).repeated(count) }
    switch name {
    case "ljust": return try string(text + pad(missing))
    case "rjust": return try string(pad(missing) + text)
    case "center":
      let left = missing / 2 + (missing & width & 1)
      return try string(pad(left) + text + pad(missing - left))
    default:
      if let first = text.unicodeScalars.first, first == "-" || first == "+" {
        return try string(String(first) + pad(missing) + String(text.unicodeScalars.dropFirst()))
      }
      return try string(pad(missing) + text)
    }
  }

  private func partition(_ name: String, _ text: String, _ arguments: Arguments) throws(TemplateError) -> Value {
    guard let separator = try arguments.bind(name, ["sep"], required: 1)[0].text("sep"), !separator.isEmpty else {
      throw .runtime("empty separator")
    }
    let pieces =
      name == "partition"
      ? PythonText.split(text, by: separator, limit: 1) : PythonText.splitFromRight(text, by: separator, limit: 1)
    let parts =
      pieces.count == 2 ? [pieces[0], separator, pieces[1]] : name == "partition" ? [text, "", ""] : ["", "", text]
    return try tuple(parts.map { .string($0) })
  }

  private func expandTabs(_ text: String, _ size: Int) throws(TemplateError) -> String {
    var result = ""
    var column = 0
    for scalar in text.unicodeScalars {
      if scalar == "\t" {
        guard size > 0 else { continue }
        let width = size - column % size
        try allocate(min(width, TemplateLimits.stringBytes + 1))
        result += " ".repeated(width)
        column += width
      } else {
        result.unicodeScalars.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return result
  }

  /// Characters replaced by a table from their codes to texts, codes or nothing.
  private func translate(_ text: String, _ table: Value) throws(TemplateError) -> Value {
    var result = ""
    for scalar in text.unicodeScalars {
      try spend()
      let found = try item(.int(Int(scalar.value)), of: table)
      switch found {
      case .undefined: result.unicodeScalars.append(scalar)
      case .none: break
      case .string(let text), .markup(let text): result += text
      default:
        guard let code = found.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
          throw .runtime("character mapping must return integer, None or str")
        }
        result.unicodeScalars.append(scalar)
      }
    }
    return try string(result)
  }

  /// `str.maketrans`
  private func translation(_ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("maketrans", ["x", "y", "z"], required: 1)
    let result = Value.Dictionary()
    if bound[1] == nil {
      guard case .dict(let dictionary) = bound[0] else {
        throw .runtime("if you give only one argument to maketrans it must be a dict")
      }
      for (key, value) in zip(dictionary.keys, dictionary.values) {
        guard let text = key.text else {
          try result.set(key, value)
          continue
        }
        guard text.unicodeScalars.count == 1 else {
          throw .runtime("string keys in translate table must be of length 1")
        }
        try result.set(.int(Int(text.unicodeScalars.first!.value)), value)
      }
      return .dict(result)
    }
    guard let from = bound[0]?.text?.unicodeScalars, let to = bound[1]?.text?.unicodeScalars else {
      throw .runtime("maketrans() arguments must be str")
    }
    guard from.count == to.count else {
      throw .runtime("the first two maketrans arguments must have equal length")
    }
    for (old, new) in zip(from, to) { try result.set(.int(Int(old.value)), .int(Int(new.value))) }
    if let gone = bound[2] {
      guard let text = gone.text else { throw .runtime("maketrans() argument 3 must be str, not \(gone.typeName)") }
      for scalar in text.unicodeScalars { try result.set(.int(Int(scalar.value)), .none) }
    }
    return .dict(result)
  }

  /// `isdigit` and its like.
  static func holds(_ name: String, _ text: String) -> Bool {
    let scalars = text.unicodeScalars
    if name == "isascii" { return scalars.allSatisfy(\.isASCII) }
    if name == "isprintable" { return scalars.allSatisfy(\.isPythonPrintable) }
    guard !scalars.isEmpty else { return false }
    switch name {
    case "isdigit": return scalars.allSatisfy(\.isPythonDigit)
    case "isidentifier":
      let first = scalars.first!
      return (first == "_" || first.properties.isXIDStart) && scalars.dropFirst().allSatisfy(\.properties.isXIDContinue)
    case "isdecimal": return scalars.allSatisfy { $0.properties.numericType == .decimal }
    case "isnumeric": return scalars.allSatisfy { $0.properties.numericType != nil }
    case "isalpha": return scalars.allSatisfy(\.isPythonAlphabetic)
    case "isalnum": return scalars.allSatisfy(\.isPythonAlphanumeric)
    case "isspace": return scalars.allSatisfy(\.isPythonSpace)
    case "isupper", "islower":
      let wantsUpper = name == "isupper"
      var found = false
      for scalar in scalars {
        let properties = scalar.properties
        let isUpper = properties.isUppercase
        let isLower = properties.isLowercase
        if properties.generalCategory == .titlecaseLetter || (wantsUpper ? isLower : isUpper) { return false }
        if wantsUpper ? isUpper : isLower { found = true }
      }
      return found
    case "istitle":
      var afterCased = false
      var found = false
      for scalar in scalars {
        let properties = scalar.properties
        if properties.isUppercase || properties.generalCategory == .titlecaseLetter {
          if afterCased { return false }
          (afterCased, found) = (true, true)
        } else if properties.isLowercase {
          if !afterCased { return false }
          found = true
        } else {
          afterCased = false
        }
      }
      return found
    default: return false
    }
  }
}
