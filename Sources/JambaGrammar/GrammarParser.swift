/// Reads GBNF: rules `name ::= …` of literals, character classes, names, groups, `|`, `*`, `+`, `?`, `{m,n}` and comments.
/// A rule's text goes on in the next line inside parentheses and behind `|` or `::=`.
struct GrammarParser: GrammarScanner {
  let scalars: [Unicode.Scalar]
  var position = 0
  var height = 0
  private var rules: GrammarRules

  /// Reads a grammar; it must define `root`.
  static func parse(_ source: String) throws(GrammarError) -> GrammarRules {
    var rules = try read(source, into: GrammarRules())
    guard rules.contains("root") else { throw .unknownRule("root") }
    rules.root = try rules.number(of: "root")
    return rules
  }

  /// Adds a text's rules to others.
  static func read(_ source: String, into rules: GrammarRules) throws(GrammarError) -> GrammarRules {
    var parser = GrammarParser(scalars: try scalars(of: source), rules: rules)
    try parser.readRules()
    for (name, body) in zip(parser.rules.names, parser.rules.bodies) where body == nil { throw .unknownRule(name) }
    return parser.rules
  }

  private init(scalars: [Unicode.Scalar], rules: GrammarRules) {
    self.scalars = scalars
    self.rules = rules
  }

  private mutating func skipSpace(newlines: Bool) {
    while let scalar = current {
      if scalar == "#" {
        while let scalar = current, scalar != "\n", scalar != "\r" { position += 1 }
      } else if scalar == " " || scalar == "\t" || newlines && (scalar == "\n" || scalar == "\r") {
        position += 1
      } else {
        return
      }
    }
  }

  private mutating func readRules() throws(GrammarError) {
    skipSpace(newlines: true)
    while current != nil {
      let start = position
      let name = try name()
      skipSpace(newlines: false)
      guard skip("::=") else { throw failure("expected ::= behind the rule's name") }
      guard !rules.contains(name) else { throw failure("the rule \"\(name)\" is defined twice", at: start) }
      skipSpace(newlines: true)
      let rule = try rules.number(of: name)
      rules.define(rule, try alternatives(depth: 0))
      guard current == nil || current == "\n" || current == "\r" else { throw failure("expected the end of the rule") }
      skipSpace(newlines: true)
    }
  }

  private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
    default: false
    }
  }

  private mutating func name() throws(GrammarError) -> String {
    var name = ""
    while let scalar = current, GrammarParser.isNameScalar(scalar) {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard !name.isEmpty else { throw failure("expected a rule's name") }
    return name
  }

  private mutating func alternatives(depth: Int) throws(GrammarError) -> GrammarRules.Expression {
    guard depth < GrammarLimits.nesting else { throw failure("parentheses nest deeper than \(GrammarLimits.nesting)") }
    var alternatives = [try sequence(depth: depth)]
    var highest = height
    while current == "|" {
      position += 1
      skipSpace(newlines: true)
      alternatives.append(try sequence(depth: depth))
      highest = max(highest, height)
    }
    height = highest
    return .alternatives(alternatives, height: height)
  }

  private mutating func sequence(depth: Int) throws(GrammarError) -> GrammarRules.Expression {
    var items: [GrammarRules.Expression] = []
    var highest = 0
    defer { height = highest }
    while let scalar = current {
      height = 0
      let item: GrammarRules.Expression
      switch scalar {
      case "\"": item = .text(try literal())
      case "[": item = .scalars(try characterClass())
      case ".":
        position += 1
        item = .scalars(.all)
      case "(":
        position += 1
        skipSpace(newlines: true)
        item = try alternatives(depth: depth + 1)
        skipSpace(newlines: true)
        guard skip(")") else { throw failure("expected )") }
        try nest()
      case _ where GrammarParser.isNameScalar(scalar): item = .rule(try rules.number(of: name()))
      case "<", "!": throw failure("tokens by name or number are not supported")
      case "\n", "\r", "|", ")": return .joined(items)
      default: throw failure("\(scalar.escaped(asASCII: true)) means nothing here")
      }
      items.append(try repetitions(of: item, isNested: depth > 0))
      highest = max(highest, height)
      skipSpace(newlines: depth > 0)
    }
    return .joined(items)
  }

  private mutating func repetitions(
    of item: GrammarRules.Expression, isNested: Bool
  ) throws(GrammarError) -> GrammarRules.Expression {
    var item = item
    var isRepeated = false
    while true {
      // A blank may stand before a repetition.
      let behind = position
      skipSpace(newlines: isNested)
      let bounds: (least: Int, most: Int?)
      switch current {
      case "*": bounds = (0, nil)
      case "+": bounds = (1, nil)
      case "?": bounds = (0, 1)
      case "{":
        position += 1
        bounds = try self.bounds()
      default:
        position = behind
        return item
      }
      position += 1
      item = .repetition(of: item, bounds.least, bounds.most)
      if isRepeated { try nest() }
      isRepeated = true
    }
  }

  private mutating func literal() throws(GrammarError) -> String {
    let start = position
    position += 1
    var text = ""
    while let scalar = current, scalar != "\n" {
      if scalar == "\"" {
        position += 1
        return text
      }
      text.unicodeScalars.append(try character())
    }
    throw failure("the literal has no end", at: start)
  }

  private mutating func characterClass() throws(GrammarError) -> ScalarSet {
    let start = position
    position += 1
    let isInverted = skip("^")
    var ranges: [ClosedRange<UInt32>] = []
    while let scalar = current, scalar != "\n" {
      if scalar == "]" {
        position += 1
        let set = ScalarSet(ranges)
        return isInverted ? set.inverted : set
      }
      let low = try character().value
      var high = low
      if current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        high = try character().value
        guard low <= high else { throw failure("a range that is the wrong way round") }
      }
      ranges.append(low...high)
    }
    throw failure("the character class has no end", at: start)
  }

  /// A character, or what a backslash makes of those behind it.
  private mutating func character() throws(GrammarError) -> Unicode.Scalar {
    let start = position
    let scalar = scalars[position]
    position += 1
    guard scalar == "\\" else { return scalar }
    guard let kind = current else { throw failure("a backslash at the end", at: start) }
    position += 1
    switch kind {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "x": return try codePoint(digits: 2)
    case "u": return try codePoint(digits: 4)
    case "U": return try codePoint(digits: 8)
    case "\\", "\"", "[", "]", "-", "^", "/": return kind
    default: throw failure("an unknown escape", at: start)
    }
  }
}
