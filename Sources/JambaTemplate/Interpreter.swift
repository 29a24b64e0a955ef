/// One rendering of a template. Everything here is bounded by `TemplateLimits`.
final class Interpreter {
  let program: Program
  let context: Value.Dictionary
  let now: LocalTime
  /// The current buffer: the output, or the text that a macro or a block captures.
  private var output = ""
  private var depth = 0
  private var work = 0
  private let maximumWork: Int
  private var allocatedBytes = 0
  /// Values that may hold themselves, and are cleared at the end so that nothing leaks.
  private var activations: [Activation] = []
  private var namespaces: [Value.Namespace] = []
  /// Loops that something still refers to after their end.
  private var loops: [LoopState] = []
  /// The template's own variables, for its named blocks.
  private let exports = Value.Dictionary()
  /// Whether what is printed is escaped.
  var isEscaping = false
  /// How many values have been assigned.
  private(set) var assignmentCount = 0

  init(program: Program, context: Value.Dictionary, now: LocalTime, maximumWork: Int) {
    self.program = program
    self.maximumWork = maximumWork
    self.context = context
    self.now = now
  }

  func render() throws(TemplateError) -> String {
    let root = Activation(slotCount: program.slotCounts[0], parent: nil)
    track(root)
    defer { clear() }
    enter(program.root, in: root)
    _ = try execute(program.body, in: root)
    return output
  }

  // MARK: Limits

  /// Counts a piece of work, in steps.
  func spend(_ count: Int = 1) throws(TemplateError) {
    work += count
    guard work <= maximumWork else { throw .limit("rendering takes more than \(maximumWork) steps") }
  }

  /// Counts the work of looking at every byte of a text.
  func scan(_ byteCount: Int) throws(TemplateError) { try spend(byteCount >> 4) }

  /// Counts memory about to be used, and the work of filling it.
  func allocate(_ byteCount: Int) throws(TemplateError) {
    guard byteCount <= TemplateLimits.stringBytes else {
      throw .limit("a string of more than \(TemplateLimits.stringBytes) bytes")
    }
    allocatedBytes += byteCount
    guard allocatedBytes <= TemplateLimits.allocatedBytes else {
      throw .limit("rendering uses more than \(TemplateLimits.allocatedBytes) bytes")
    }
    try spend(byteCount >> 8)
  }

  func list(_ elements: [Value]) throws(TemplateError) -> Value {
    try allocate(elements.count * 24 + 64)
    return .list(try Value.Sequence(elements))
  }

  func tuple(_ elements: [Value], isGroup: Bool = false) throws(TemplateError) -> Value {
    try allocate(elements.count * 24 + 64)
    return .tuple(try Value.Sequence(elements, isGroup: isGroup))
  }

  func string(_ text: String) throws(TemplateError) -> Value {
    try allocate(text.utf8.count)
    return .string(text)
  }

  func strings(_ texts: [String]) throws(TemplateError) -> Value {
    var values: [Value] = []
    values.reserveCapacity(texts.count)
    for text in texts { values.append(try string(text)) }
    return try list(values)
  }

  /// Runs one level deeper.
  @inline(__always)
  func deeper<T>(_ body: () throws(TemplateError) -> T) throws(TemplateError) -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= TemplateLimits.depth else {
      throw .limit("rendering nests deeper than \(TemplateLimits.depth)")
    }
    try spend()
    return try body()
  }

  func track(_ activation: Activation) {
    guard !activation.isTracked else { return }
    activation.isTracked = true
    activations.append(activation)
  }

  func newNamespace() throws(TemplateError) -> Value.Namespace {
    try allocate(128)
    let namespace = Value.Namespace()
    namespaces.append(namespace)
    return namespace
  }

  /// Keeps a loop that has ended and is still referred to.
  func track(_ loop: LoopState) throws(TemplateError) {
    try allocate(256)
    loops.append(loop)
  }

  /// Takes apart what could hold itself, in the order it was made: no chain of releases is longer than a value is deep.
  private func clear() {
    for activation in activations { activation.slots = [] }
    for namespace in namespaces { namespace.attributes = Value.Dictionary() }
    for loop in loops { loop.clear() }
  }

  // MARK: Output

  func write(_ text: String) throws(TemplateError) {
    guard output.utf8.count + text.utf8.count <= TemplateLimits.stringBytes else {
      throw .limit("an output of more than \(TemplateLimits.stringBytes) bytes")
    }
    try spend(text.utf8.count >> 6)
    output += text
  }

  /// The output of `body`, and how it ended.
  func capture(
    _ body: () throws(TemplateError) -> Signal
  ) throws(TemplateError) -> (text: String, signal: Signal) {
    var outer = ""
    swap(&outer, &output)
    defer { output = outer }
    let signal = try body()
    try allocate(output.utf8.count)
    return (output, signal)
  }

  /// Text that has been captured: safe where what was printed into it has been escaped.
  func captured(_ text: String) -> Value { isEscaping ? .markup(text) : .string(text) }

  // MARK: Variables

  /// How statements ended: a loop control passes through everything up to its loop.
  enum Signal {
    case normal, breakLoop, continueLoop
  }

  func enter(_ scope: Program.Scope, in activation: Activation) {
    for (slot, load) in scope.loads {
      switch load {
      case .parameter: break
      case .context(let name): activation.slots[slot] = global(name)
      case .copy(let reference): activation.slots[slot] = lookUp(reference, in: activation)
      case .missing: activation.slots[slot] = nil
      }
    }
  }

  func leave(_ scope: Program.Scope, in activation: Activation) {
    for (slot, _) in scope.loads { activation.slots[slot] = nil }
  }

  func global(_ name: String) -> Value? {
    if name == "self" { return .template }
    return exports[name] ?? context[name] ?? Value.Function(rawValue: name).map { .function($0) }
  }

  func lookUp(_ reference: Program.Reference, in activation: Activation) -> Value? {
    var place = activation
    for _ in 0..<reference.hops {
      guard let parent = place.parent else { return nil }
      place = parent
    }
    return place.slots.indices.contains(reference.slot) ? place.slots[reference.slot] : nil
  }

  func assign(_ value: Value, to target: Target, in activation: Activation) throws(TemplateError) {
    assignmentCount += 1
    switch target {
    case .name(let name, let id):
      if program.exported.contains(id) { try exports.set(.string(name), value) }
      // What is assigned to is always the running function's own.
      activation.slots[program.references[id].slot] = value
    case .attribute(_, let id, let attribute):
      guard case .namespace(let namespace)? = lookUp(program.references[id], in: activation) else {
        throw .runtime("cannot assign attribute on non-namespace object")
      }
      try Globals.check(attribute)
      try namespace.attributes.set(.string(attribute), value)
    case .tuple(let targets):
      let cursor = try iterate(value)
      var values: [Value] = []
      while let value = try cursor.next() {
        values.append(value)
        guard values.count <= targets.count else {
          throw .runtime("too many values to unpack (expected \(targets.count))")
        }
      }
      guard values.count == targets.count else {
        throw .runtime("not enough values to unpack (expected \(targets.count), got \(values.count))")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target, in: activation) }
    }
  }
}
