/// The variable `loop`: where a loop stands. Looks one item ahead only when asked.
final class LoopState {
  private var items: Value.Cursor?
  private var count: Int?
  private(set) var index0 = -1
  /// The item ahead, once looked at; nil inside: there is none.
  private var ahead: Value??
  private var current: Value?
  private(set) var previous: Value?
  var lastChanged: [Value]?
  /// Of a recursive loop: what `loop(sequence)` runs, and where.
  private(set) var recursion: (loop: Statement.Loop, activation: Activation)?
  let recursionDepth: Int

  /// How deep the values nest that it runs over.
  let depth: Int

  init(
    _ items: Value.Cursor, count: Int?, recursion: (loop: Statement.Loop, activation: Activation)? = nil,
    recursionDepth: Int = 0
  ) {
    self.recursion = recursion
    self.recursionDepth = recursionDepth
    self.items = items
    self.count = count
    depth = items.depth + 1
  }

  /// Lets go of all values.
  func clear() {
    items = nil
    ahead = nil
    current = nil
    previous = nil
    lastChanged = nil
    recursion = nil
  }

  func next() throws(TemplateError) -> Value? {
    let item: Value?
    if let looked = ahead {
      // A missing item was seen once already; the end is the end.
      guard let looked else { return nil }
      item = looked
      ahead = nil
    } else {
      item = try items?.next()
    }
    guard let item else { return nil }
    index0 += 1
    previous = current
    current = item
    return item
  }

  func peek() throws(TemplateError) -> Value? {
    if let looked = ahead { return looked }
    let item = try items?.next()
    ahead = .some(item)
    return item
  }

  /// How many items there are; reads all that are left where they are not counted.
  func length() throws(TemplateError) -> Int {
    if let count { return count }
    var rest: [Value] = []
    while let item = try items?.next() {
      rest.append(item)
      guard rest.count <= TemplateLimits.elements else { throw .limit("a loop over too many items") }
    }
    var seen = index0 + 1
    if case .some(.some) = ahead { seen += 1 }
    let total = rest.count + seen
    var position = 0
    items = try Value.Cursor("generator", depth: depth - 1) { () throws(TemplateError) -> Value? in
      guard position < rest.count else { return nil }
      defer { position += 1 }
      return rest[position]
    }
    count = total
    return total
  }
}
