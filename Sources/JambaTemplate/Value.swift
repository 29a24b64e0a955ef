import JambaSystem

/// The value of an expression: Python's values, as far as templates see them.
enum Value {
  case undefined(Undefined)
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  /// A string marked safe: adding to it escapes the other side.
  case markup(String)
  case list(Sequence)
  case tuple(Sequence)
  case dict(Dictionary)
  case range(Range)
  /// `dict.items()` and its like.
  case view(Dictionary, Dictionary.View)
  /// A generator or an iterator: passed once.
  case cursor(Cursor)
  case namespace(Namespace)
  case macro(Macro)
  case function(Function)
  case method(Method)
  case loop(LoopState)
  case cycler(Cycler)
  case joiner(Joiner)

  /// Names of the render context's and the language's functions.
  enum Function: String, CaseIterable {
    case range, dict, namespace, cycler, joiner
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
  }

  static func undefined(named name: String) -> Value { .undefined(Undefined("'\(name)' is undefined")) }
}

/// The value of what does not exist: prints as nothing, and fails with its message when used for more.
final class Undefined {
  let message: String

  init(_ message: String) { self.message = message }

  var error: TemplateError { .runtime(message) }
}

extension Value {
  /// The elements of a list or a tuple, immutable as the reference's sandbox keeps them.
  final class Sequence {
    let elements: [Value]
    /// How deep values nest in it: recursion over values is bounded by it.
    let depth: Int
    /// A tuple of `groupby`, with the attributes `grouper` and `list`.
    let isGroup: Bool

    init(_ elements: [Value], isGroup: Bool = false) throws(TemplateError) {
      guard elements.count <= TemplateLimits.elements else {
        throw .limit("a list of more than \(TemplateLimits.elements) elements")
      }
      self.elements = elements
      self.isGroup = isGroup
      depth = try Value.depth(around: elements)
    }
  }

  /// Whole numbers in steps.
  final class Range {
    let start, stop, step, count: Int

    init(start: Int, stop: Int, step: Int) throws(TemplateError) {
      guard step != 0 else { throw .runtime("range() arg 3 must not be zero") }
      let (distance, overflow) = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
      let stride = step.magnitude
      let length = start == stop || (step > 0) != (stop > start) ? 0 : (distance.magnitude - 1) / stride + 1
      guard !overflow, length <= TemplateLimits.rangeElements else {
        throw .runtime(
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(TemplateLimits.rangeElements)).")
      }
      self.start = start
      self.stop = stop
      self.step = step
      count = Int(length)
    }

    subscript(index: Int) -> Int { start &+ index &* step }
  }

  final class Method {
    let receiver: Value
    let name: String

    init(_ receiver: Value, _ name: String) {
      self.receiver = receiver
      self.name = name
    }
  }

  /// Values one after the other, made as they are asked for.
  final class Cursor {
    let typeName: String
    let depth: Int
    private let pull: () throws(TemplateError) -> Value?

    init(
      _ typeName: String, depth: Int, pull: @escaping () throws(TemplateError) -> Value?
    ) throws(TemplateError) {
      guard depth < TemplateLimits.valueDepth else { throw .limit("values nested too deep") }
      self.typeName = typeName
      self.depth = depth
      self.pull = pull
    }

    func next() throws(TemplateError) -> Value? { try pull() }
  }

  final class Cycler {
    let items: [Value]
    let depth: Int
    var position = 0

    init(_ items: [Value]) throws(TemplateError) {
      self.items = items
      depth = try Value.depth(around: items)
    }
  }

  final class Joiner {
    let separator: Value
    let depth: Int
    var isUsed = false

    init(_ separator: Value) throws(TemplateError) {
      self.separator = separator
      depth = try Value.depth(around: [separator])
    }
  }

  /// The only value a template can change. Cleared when the rendering ends, as it may hold itself.
  final class Namespace {
    var attributes = Dictionary()
  }

  /// A macro with the activation that its free names refer to.
  final class Macro {
    let definition: Statement.Macro
    let name: String?
    let activation: Activation

    init(_ definition: Statement.Macro, name: String?, activation: Activation) {
      self.definition = definition
      self.name = name
      self.activation = activation
    }
  }

  static func depth(around values: [Value]) throws(TemplateError) -> Int {
    var deepest = 0
    for value in values { deepest = max(deepest, value.depth) }
    guard deepest < TemplateLimits.valueDepth else { throw .limit("values nested too deep") }
    return deepest + 1
  }

  var depth: Int {
    switch self {
    case .list(let sequence), .tuple(let sequence): sequence.depth
    case .dict(let dictionary): dictionary.depth
    case .view(let dictionary, _): dictionary.depth + 1
    case .cursor(let cursor): cursor.depth
    case .method(let method): method.receiver.depth + 1
    case .loop(let loop): loop.depth
    case .cycler(let cycler): cycler.depth
    case .joiner(let joiner): joiner.depth
    default: 0
    }
  }
}

/// The variables of a running function.
final class Activation {
  var slots: [Value?]
  let parent: Activation?
  var isTracked = false

  init(slotCount: Int, parent: Activation?) {
    slots = Array(repeating: nil, count: slotCount)
    self.parent = parent
  }
}

extension Value {
  /// A dictionary that keeps the order in which its keys came.
  final class Dictionary {
    enum View: String {
      case keys = "dict_keys"
      case values = "dict_values"
      case items = "dict_items"
    }

    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private var indices: [Key: Int] = [:]
    private(set) var depth = 1

    var count: Int { keys.count }

    subscript(key: Key) -> Value? { indices[key].map { values[$0] } }

    subscript(name: String) -> Value? { self[.string(ExactString(name))] }

    func set(_ key: Value, _ value: Value) throws(TemplateError) {
      let hashed = try Key(key)
      let depth = try Value.depth(around: [key, value])
      if let index = indices[hashed] {
        values[index] = value
      } else {
        guard keys.count < TemplateLimits.elements else {
          throw .limit("a dict of more than \(TemplateLimits.elements) elements")
        }
        indices[hashed] = keys.count
        keys.append(key)
        values.append(value)
      }
      self.depth = max(self.depth, depth)
    }

  }

  /// A value as a dictionary's key: equal values have equal keys (`1 == 1.0 == True`).
  indirect enum Key: Hashable {
    case none
    case int(Int)
    case float(Double)
    case string(ExactString)
    case tuple([Key])
    case undefined
    case object(ObjectIdentifier)
    case function(String)

    init(_ value: Value) throws(TemplateError) {
      switch value {
      case .undefined: self = .undefined
      case .none: self = .none
      case .bool(let value): self = .int(value ? 1 : 0)
      case .int(let value): self = .int(value)
      case .float(let value): self = Int(exactly: value).map { .int($0) } ?? .float(value)
      case .string(let text), .markup(let text): self = .string(ExactString(text))
      case .tuple(let sequence):
        var keys: [Key] = []
        for element in sequence.elements { keys.append(try Key(element)) }
        self = .tuple(keys)
      case .list, .dict, .view: throw .runtime("unhashable type: '\(value.typeName)'")
      case .range(let range): self = .object(ObjectIdentifier(range))
      case .cursor(let object): self = .object(ObjectIdentifier(object))
      case .namespace(let object): self = .object(ObjectIdentifier(object))
      case .macro(let object): self = .object(ObjectIdentifier(object))
      case .method(let object): self = .object(ObjectIdentifier(object))
      case .loop(let object): self = .object(ObjectIdentifier(object))
      case .cycler(let object): self = .object(ObjectIdentifier(object))
      case .joiner(let object): self = .object(ObjectIdentifier(object))
      case .function(let function): self = .function(function.rawValue)
      }
    }
  }
}

extension Value {
  init(_ json: JSON) throws(TemplateError) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .int(value)
    case .number(let value): self = .float(value)
    case .largeInteger(let digits): self = .float(Double(digits) ?? .infinity)
    case .string(let value): self = .string(value)
    case .array(let elements):
      var values: [Value] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try Value(element)) }
      self = .list(try Sequence(values))
    case .object(let object):
      let dictionary = Dictionary()
      for (key, value) in object.members { try dictionary.set(.string(key), Value(value)) }
      self = .dict(dictionary)
    }
  }

  /// The text of a string, marked safe or not.
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  /// The number when the value is an integer or a boolean, which counts as one.
  var integer: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number when the value is one.
  var number: Double? {
    if case .float(let value) = self { return value }
    return integer.map { Double($0) }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .float(let value): value != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .list(let sequence), .tuple(let sequence): !sequence.elements.isEmpty
    case .dict(let dictionary), .view(let dictionary, _): dictionary.count > 0
    case .range(let range): range.count > 0
    default: true
    }
  }

  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .float: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .dict: "dict"
    case .range: "range"
    case .view(_, let view): view.rawValue
    case .cursor(let cursor): cursor.typeName
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .function: "function"
    case .method: "builtin_function_or_method"
    case .loop: "LoopContext"
    case .cycler: "Cycler"
    case .joiner: "Joiner"
    }
  }
}
