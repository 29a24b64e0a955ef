/// Which attributes Python's objects have.
enum Methods {
  enum Access { case absent, method, unsafe, unsupported }

  private static let strings: Set<String> = [
    "split", "rsplit", "strip", "lstrip", "rstrip", "startswith", "endswith", "upper", "lower", "title", "capitalize",
    "replace", "join", "find", "rfind", "count", "index", "rindex", "format", "splitlines", "isdigit", "isalpha",
    "isalnum", "isspace", "isupper", "islower", "isnumeric", "isdecimal", "istitle", "isascii", "removeprefix",
    "removesuffix", "zfill", "center", "ljust", "rjust", "swapcase", "partition", "rpartition", "expandtabs", "casefold",
    "format_map", "isidentifier", "isprintable", "maketrans", "translate",
  ]
  private static let markups: Set<String> = ["escape", "striptags", "unescape"]
  private static let integers: Set<String> = ["bit_length", "bit_count", "as_integer_ratio", "conjugate"]
  private static let floats: Set<String> = ["is_integer", "as_integer_ratio", "conjugate", "hex"]
  /// Methods of strings whose arguments have names.
  static let takesKeywords: Set<String> = ["split", "rsplit", "splitlines", "expandtabs", "format"]
  private static let dicts: Set<String> = ["items", "keys", "values", "get", "copy", "fromkeys"]
  private static let mutatingDicts: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
  private static let lists: Set<String> = ["index", "count", "copy"]
  private static let mutatingLists: Set<String> = [
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove",
  ]

  static func access(_ name: String, of value: Value) -> Access {
    if name.hasPrefix("__"), name.hasSuffix("__") { return .absent }
    switch value {
    case .markup where markups.contains(name): return .method
    case .string, .markup: return strings.contains(name) ? .method : name == "encode" ? .unsupported : .absent
    case .dict:
      return dicts.contains(name) ? .method : mutatingDicts.contains(name) ? .unsafe : .absent
    case .list: return lists.contains(name) ? .method : mutatingLists.contains(name) ? .unsafe : .absent
    case .tuple, .range: return name == "index" || name == "count" ? .method : .absent
    case .cycler: return name == "next" || name == "reset" ? .method : .absent
    case .float: return floats.contains(name) ? .method : name == "fromhex" ? .unsupported : .absent
    case .int, .big, .bool:
      return integers.contains(name) ? .method : name == "to_bytes" || name == "from_bytes" ? .unsupported : .absent
    case .function(.dict): return name == "fromkeys" ? .method : .absent
    default: return .absent
    }
  }
}

extension Interpreter {
  func call(_ method: Value.Method, _ arguments: Arguments) throws(TemplateError) -> Value {
    let name = method.name
    switch method.receiver {
    case .string(let text): return try callText(name, text, arguments)
    case .markup(let text): return try callMarkup(name, text, arguments)
    case .dict where name == "fromkeys", .function(.dict): return try dictionaryFromKeys(arguments)
    case .dict(let dictionary): return try call(name, dictionary, method.receiver, arguments)
    case .list, .tuple, .range: return try callSequence(name, method.receiver, arguments)
    case .loop(let loop): return try call(name, loop, arguments)
    case .cycler(let cycler):
      _ = try arguments.bind(name, [])
      if name == "reset" {
        cycler.position = 0
        return .none
      }
      defer { cycler.position = (cycler.position + 1) % cycler.items.count }
      return cycler.items[cycler.position]
    case .float(let number):
      _ = try arguments.bind(name, [])
      return try call(name, number)
    case .int, .big, .bool:
      _ = try arguments.bind(name, [])
      let whole = method.receiver.whole ?? BigInteger(0)
      switch name {
      case "bit_length": return .int(whole.bitWidth)
      case "bit_count": return .int(whole.limbs.reduce(0) { $0 + $1.nonzeroBitCount })
      case "as_integer_ratio": return try tuple([.whole(whole), .int(1)])
      default: return .whole(whole)
      }
    default: throw .runtime("'\(method.receiver.typeName)' object has no method '\(name)'")
    }
  }

  private func call(_ name: String, _ number: Double) throws(TemplateError) -> Value {
    switch name {
    case "is_integer": return .bool(number.isFinite && number == number.rounded())
    case "conjugate": return .float(number)
    case "hex": return .string(FloatText.hexadecimal(number))
    default:
      guard number.isFinite else {
        throw .runtime("cannot convert \(number.isNaN ? "NaN" : "Infinity") to integer ratio")
      }
      guard number != 0 else { return try tuple([.int(0), .int(1)]) }
      // A significand without zeros at its end.
      let exponent = Int(number.exponent) - number.significandWidth
      let significand = BigInteger(floor: Double(sign: number.sign, exponent: -exponent, significand: number.magnitude))
      return exponent >= 0
        ? try tuple([.whole(significand.shiftedLeft(exponent)), .int(1)])
        : try tuple([.whole(significand), .whole(BigInteger(1).shiftedLeft(-exponent))])
    }
  }

  private func dictionaryFromKeys(_ arguments: Arguments) throws(TemplateError) -> Value {
    let bound = try arguments.bind("fromkeys", ["iterable", "value"], required: 1)
    let result = Value.Dictionary()
    for key in try elements(of: bound[0] ?? .none) { try result.set(key, bound[1] ?? .none) }
    try allocate(result.count * 96 + 64)
    return .dict(result)
  }

  private func call(
    _ name: String, _ dictionary: Value.Dictionary, _ receiver: Value, _ arguments: Arguments
  ) throws(TemplateError) -> Value {
    if name == "get" {
      guard arguments.named.isEmpty else { throw .runtime("dict.get() takes no keyword arguments") }
      let bound = try arguments.bind("get", ["key", "default"], required: 1)
      return dictionary[try Value.Key(bound[0] ?? .none)] ?? bound[1] ?? Value.none
    }
    _ = try arguments.bind(name, [])
    switch name {
    case "items": return .view(dictionary, .items)
    case "keys": return .view(dictionary, .keys)
    case "values": return .view(dictionary, .values)
    default: return .dict(try Globals.dictionary(Arguments(positional: [receiver]), self))
    }
  }

  private func callSequence(_ name: String, _ receiver: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    if name == "copy" {
      _ = try arguments.bind(name, [])
      return try list(elements(of: receiver))
    }
    let bound = try arguments.bind(name, name == "index" ? ["value", "start", "stop"] : ["value"], required: 1)
    let values = try elements(of: receiver)
    let wanted = bound[0] ?? .none
    if name == "count" {
      var count = 0
      for value in values where try equal(value, wanted) { count += 1 }
      return .int(count)
    }
    let (start, stop) = try Self.window(bound[1], bound[2], values.count)
    for index in start..<max(start, stop) where try equal(values[index], wanted) { return .int(index) }
    throw .runtime("\(try representation(of: wanted)) is not in \(receiver.typeName)")
  }

  /// Optional bounds as offsets within `0...count`.
  static func window(_ start: Value?, _ stop: Value?, _ count: Int) throws(TemplateError) -> (Int, Int) {
    func clamped(_ value: Value?, _ fallback: Int) throws(TemplateError) -> Int {
      let index = try value.given.integer(fallback)
      return index < 0 ? (index < -count ? 0 : index + count) : min(index, count)
    }
    return (try clamped(start, 0), try clamped(stop, count))
  }

  private func call(_ name: String, _ loop: LoopState, _ arguments: Arguments) throws(TemplateError) -> Value {
    guard arguments.named.isEmpty else { throw .runtime("\(name)() takes no keyword arguments") }
    if name == "cycle" {
      guard !arguments.positional.isEmpty else { throw .runtime("no items for cycling given") }
      return arguments.positional[max(0, loop.index0) % arguments.positional.count]
    }
    if let last = loop.lastChanged, last.count == arguments.positional.count {
      var isSame = true
      for (a, b) in zip(last, arguments.positional) where try !equal(a, b) { isSame = false }
      if isSame { return .bool(false) }
    }
    loop.lastChanged = arguments.positional
    return .bool(true)
  }
}
