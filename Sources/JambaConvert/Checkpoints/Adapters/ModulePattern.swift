/// A regular expression over the end of a module's name, as the keys of PEFT's rank_pattern and alpha_pattern are: it has to match
/// the whole name, or what follows one of its dots.
///
/// Read are characters, `.`, classes, groups, `|`, `* + ? {m,n}`, `^ $` and `\d \w \s`. All ways to match are followed at the same
/// time, so that time grows with the product of both lengths, whatever the pattern.
package struct ModulePattern: Sendable {
  /// Why a pattern is not read: a clause.
  package struct Fault: Error {
    package let reason: String
  }

  private indirect enum Node {
    case one(CharacterSet)
    case sequence([Node])
    case choice([Node])
    case repetition(Node, Int, Int?)
    case start, end
  }

  /// Characters by their scalars.
  private struct CharacterSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isInverted = false

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != isInverted }

    static let any = CharacterSet(ranges: [10...10], isInverted: true)
    static let digits = CharacterSet(ranges: [48...57])
    static let words = CharacterSet(ranges: [48...57, 65...90, 95...95, 97...122])
    static let spaces = CharacterSet(ranges: [9...13, 32...32])
  }

  private enum Step {
    case one(CharacterSet, next: Int)
    case split(Int, Int)
    case start(next: Int)
    case end(next: Int)
    case match
  }

  private var steps: [Step] = []
  private var entry = 0
  /// Nodes compiled so far, those that are repeated once for each time.
  private var nodeCount = 0

  private static let lengthLimit = 4096
  private static let stepLimit = 20000
  private static let depthLimit = 64

  package init(_ text: String) throws(Fault) {
    let scalars = text.unicodeScalars.map(\.value)
    guard scalars.count <= ModulePattern.lengthLimit else { throw Fault(reason: "it is too long") }
    var parser = Parser(scalars: scalars)
    let node = try parser.choice(depth: 0)
    guard parser.isAtEnd else { throw Fault(reason: "a ) has no (") }
    steps.append(.match)
    entry = try compile(node, next: 0)
    // Anything that ends in a dot, or nothing, may precede it.
    let dot = try add(.one(CharacterSet(ranges: [46...46]), next: entry))
    let loop = try add(.split(0, dot))
    let any = try add(.one(.any, next: loop))
    steps[loop] = .split(any, dot)
    entry = try add(.split(entry, loop))
  }

  package func matches(_ name: String) -> Bool {
    let scalars = name.unicodeScalars.map(\.value)
    var active = closure([entry], isStart: true, isEnd: scalars.isEmpty)
    for (index, scalar) in scalars.enumerated() {
      var next: [Int] = []
      for state in active {
        if case .one(let set, let target) = steps[state], set.contains(scalar) { next.append(target) }
      }
      if next.isEmpty { return false }
      active = closure(next, isStart: false, isEnd: index == scalars.count - 1)
    }
    return active.contains(0)
  }

  /// The states that can be reached without a character.
  private func closure(_ states: [Int], isStart: Bool, isEnd: Bool) -> [Int] {
    var seen = [Bool](repeating: false, count: steps.count)
    var (stack, found) = (states, [Int]())
    while let state = stack.popLast() {
      guard !seen[state] else { continue }
      seen[state] = true
      switch steps[state] {
      case .one, .match: found.append(state)
      case .split(let a, let b): stack += [a, b]
      case .start(let next): if isStart { stack.append(next) }
      case .end(let next): if isEnd { stack.append(next) }
      }
    }
    return found
  }

  private mutating func add(_ step: Step) throws(Fault) -> Int {
    guard steps.count < ModulePattern.stepLimit else { throw Fault(reason: "it is too large") }
    steps.append(step)
    return steps.count - 1
  }

  /// - Returns: where the steps of a node begin, which end at `next`.
  private mutating func compile(_ node: Node, next: Int) throws(Fault) -> Int {
    nodeCount += 1
    guard nodeCount <= 4 * ModulePattern.stepLimit else { throw Fault(reason: "it is too large") }
    switch node {
    case .one(let set): return try add(.one(set, next: next))
    case .start: return try add(.start(next: next))
    case .end: return try add(.end(next: next))
    case .sequence(let nodes):
      var next = next
      for node in nodes.reversed() { next = try compile(node, next: next) }
      return next
    case .choice(let nodes):
      var first = try compile(nodes[nodes.count - 1], next: next)
      for node in nodes.dropLast().reversed() { first = try add(.split(try compile(node, next: next), first)) }
      return first
    case .repetition(let node, let least, let most):
      var next = next
      if let most {
        let end = next
        for _ in 0..<max(0, most - least) { next = try add(.split(try compile(node, next: next), end)) }
      } else {
        let loop = try add(.match)
        steps[loop] = .split(try compile(node, next: loop), next)
        next = loop
      }
      for _ in 0..<least { next = try compile(node, next: next) }
      return next
    }
  }

  private struct Parser {
    let scalars: [UInt32]
    var position = 0

    init(scalars: [UInt32]) { self.scalars = scalars }

    var isAtEnd: Bool { position == scalars.count }
    private var next: UInt32? { isAtEnd ? nil : scalars[position] }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard next == character.value else { return false }
      position += 1
      return true
    }

    mutating func choice(depth: Int) throws(Fault) -> Node {
      guard depth < ModulePattern.depthLimit else { throw Fault(reason: "it is nested too deeply") }
      var nodes = [try sequence(depth: depth)]
      while take("|") { nodes.append(try sequence(depth: depth)) }
      return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    private mutating func sequence(depth: Int) throws(Fault) -> Node {
      var nodes: [Node] = []
      while let scalar = next, scalar != 0x7C, scalar != 0x29 { nodes.append(try quantified(try atom(depth: depth))) }
      return .sequence(nodes)
    }

    private mutating func quantified(_ node: Node) throws(Fault) -> Node {
      var (least, most): (Int, Int?) = (1, 1)
      if take("*") {
        (least, most) = (0, nil)
      } else if take("+") {
        (least, most) = (1, nil)
      } else if take("?") {
        (least, most) = (0, 1)
      } else if let bounds = bounds() {
        (least, most) = bounds
      } else {
        return node
      }
      guard most ?? least >= least else { throw Fault(reason: "a repetition has a range without sense") }
      _ = take("?")  // which way comes first does not matter
      guard ![0x2A, 0x2B, 0x3F].contains(next ?? 0), bounds() == nil else {
        throw Fault(reason: "two repetitions follow each other")
      }
      return .repetition(node, least, most)
    }

    /// What stands in braces, where that is a number of times; else they are characters.
    private mutating func bounds() -> (Int, Int?)? {
      let start = position
      guard take("{") else { return nil }
      let least = number()
      let isRange = take(",")
      let most = isRange ? number() : least
      guard take("}"), isRange || least != nil else {
        position = start
        return nil
      }
      return (least ?? 0, most)
    }

    private mutating func number() -> Int? {
      var value: Int?
      while let scalar = next, 48...57 ~= scalar {
        value = min((value ?? 0) * 10 + Int(scalar - 48), ModulePattern.stepLimit)
        position += 1
      }
      return value
    }

    private mutating func atom(depth: Int) throws(Fault) -> Node {
      guard let scalar = next else { return .sequence([]) }
      guard bounds() == nil else { throw Fault(reason: "a repetition has nothing to repeat") }
      position += 1
      switch scalar {
      case 0x28:  // (
        if take("?") {
          guard take(":") else { throw Fault(reason: "it has a group that begins with (?") }
        }
        let node = try choice(depth: depth + 1)
        guard take(")") else { throw Fault(reason: "a ( has no )") }
        return node
      case 0x5B: return .one(try characterClass())
      case 0x2E: return .one(.any)
      case 0x5E: return .start
      case 0x24: return .end
      case 0x2A, 0x2B, 0x3F: throw Fault(reason: "a repetition has nothing to repeat")
      case 0x5C: return .one(try escape())
      default: return .one(CharacterSet(ranges: [scalar...scalar]))
      }
    }

    private mutating func escape() throws(Fault) -> CharacterSet {
      guard let scalar = next else { throw Fault(reason: "it ends in a backslash") }
      position += 1
      func inverted(_ set: CharacterSet) -> CharacterSet { CharacterSet(ranges: set.ranges, isInverted: true) }
      switch Unicode.Scalar(scalar) {
      case "d": return .digits
      case "D": return inverted(.digits)
      case "w": return .words
      case "W": return inverted(.words)
      case "s": return .spaces
      case "S": return inverted(.spaces)
      case let character? where character.isASCII && (character.properties.isAlphabetic || 48...57 ~= scalar):
        throw Fault(reason: "it has the escape \\\(character)")
      default: return CharacterSet(ranges: [scalar...scalar])
      }
    }

    private mutating func characterClass() throws(Fault) -> CharacterSet {
      var set = CharacterSet()
      set.isInverted = take("^")
      var isFirst = true
      while isFirst || next != 0x5D {
        isFirst = false
        guard let scalar = next else { throw Fault(reason: "a [ has no ]") }
        position += 1
        var low = scalar
        if scalar == 0x5C {
          let escaped = try escape()
          guard !escaped.isInverted else { throw Fault(reason: "a class holds an inverted one") }
          guard escaped.ranges.count == 1, escaped.ranges[0].count == 1 else {
            set.ranges += escaped.ranges
            continue
          }
          low = escaped.ranges[0].lowerBound
        }
        var high = low
        if next == 0x2D, position + 1 < scalars.count, scalars[position + 1] != 0x5D {
          position += 1
          high = scalars[position]
          position += 1
          guard high != 0x5C, high >= low else { throw Fault(reason: "a class has a range without sense") }
        }
        set.ranges.append(low...high)
      }
      position += 1
      return set
    }
  }
}
