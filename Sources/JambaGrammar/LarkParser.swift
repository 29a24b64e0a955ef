import JambaSystem

/// Reads grammars in the form of Lark, as far as llguidance has it: rules in small letters, terminals in capitals, which are
/// regular; `%ignore`, `%json`, repetitions, literals without regard to case.
///
/// Terminals are not told apart before rules are: what `%ignore` names may stand behind every terminal of a rule and before
/// the first, and a text is in the grammar if any way to part it is.
struct LarkParser: GrammarScanner {
  /// A terminal's expression.
  private indirect enum Terminal {
    case language(Language)
    case name(String, Int)
    case sequence([Terminal])
    case choice([Terminal])
    case repeated(Terminal, Int, Int?)
  }

  let scalars: [Unicode.Scalar]
  var position = 0
  var height = 0
  private var rules = GrammarRules()
  private let table = LanguageTable()
  private var terminals: [String: Terminal] = [:]
  private var languages: [String: Language] = [:]
  private var open: Set<String> = []
  /// How deep terminals nest where one is made a language.
  private var depth = 0
  /// Machines of terminals, each a rule.
  private var machines: [Language: GrammarRules.Expression] = [:]
  /// By rule: its alternatives, how deep parts nest in them, and where it stands.
  private var definitions: [(name: String, alternatives: [[Item]], height: Int, place: Int)] = []
  private var names: Set<String> = []
  private var ignored: [Terminal] = []

  /// An item of a rule.
  private indirect enum Item {
    case rule(String, Int)
    case terminal(Terminal, Int)
    case group([[Item]], height: Int)
    case repeated(Item, Int, Int?)
    case made(GrammarRules.Expression)
  }

  /// Whether a text is such a grammar rather than GBNF: its first definition has a colon.
  static func reads(_ source: String) -> Bool {
    for line in source.split(whereSeparator: \.isNewline) {
      let line = line.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("//") { continue }
      if line.hasPrefix("%") { return true }
      let rest = line.drop { $0.isLetter || $0.isNumber || "_-?!.".contains($0) }.drop { $0.isWhitespace }
      return rest.hasPrefix(":") && !rest.hasPrefix("::=") || rest.hasPrefix("[") || rest.hasPrefix("{")
    }
    return false
  }

  static func parse(_ source: String) throws(GrammarError) -> GrammarRules {
    var parser = LarkParser(scalars: try scalars(of: source))
    try parser.readStatements()
    return try parser.compile()
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  // MARK: Reading

  private mutating func skipSpace(newlines: Bool) {
    while let scalar = current {
      let isComment = scalar == "#" || scalar == "/" && position + 1 < scalars.count && scalars[position + 1] == "/"
      if isComment {
        while let scalar = current, scalar != "\n" { position += 1 }
      } else if scalar == " " || scalar == "\t" || scalar == "\r" || newlines && scalar == "\n" {
        position += 1
      } else {
        return
      }
    }
  }

  private mutating func name() throws(GrammarError) -> String {
    var name = ""
    while let scalar = current, scalar.isASCII, scalar.properties.isAlphabetic || "0"..."9" ~= scalar || scalar == "_" || scalar == "-" {
      // A hyphen and a sign of more begin an alias.
      if scalar == "-", position + 1 < scalars.count, scalars[position + 1] == ">" { break }
      name.unicodeScalars.append(scalar)
      position += 1
    }
    guard !name.isEmpty else { throw failure("expected a name") }
    return name
  }

  private static func isTerminal(_ name: String) -> Bool {
    let first = name.unicodeScalars.first { $0 != "_" }
    return first.map { "A"..."Z" ~= $0 } ?? false
  }

  private mutating func readStatements() throws(GrammarError) {
    skipSpace(newlines: true)
    while let scalar = current {
      let place = position
      if scalar == "%" {
        try readDirective()
      } else {
        // How trees are shaped says nothing of texts.
        while current == "?" || current == "!" { position += 1 }
        let name = try name()
        if current == "." { throw failure("priorities, as of \"\(name)\", are not supported") }
        if current == "{" { throw failure("templates, as \"\(name)\", are not supported") }
        if current == "[" { throw failure("attributes, as of \"\(name)\", are not supported") }
        skipSpace(newlines: false)
        guard skip(":") else { throw failure("expected : behind \"\(name)\"") }
        if LarkParser.isTerminal(name) {
          guard terminals[name] == nil else { throw failure("\"\(name)\" is defined twice", at: place) }
          terminals[name] = try terminalAlternatives(depth: 0)
        } else {
          guard names.insert(name).inserted else { throw failure("\"\(name)\" is defined twice", at: place) }
          let alternatives = try alternatives(depth: 0)
          definitions.append((name, alternatives, height, place))
        }
      }
      skipSpace(newlines: false)
      guard current == nil || current == "\n" else { throw failure("expected the end of the line") }
      skipSpace(newlines: true)
    }
  }

  private mutating func readDirective() throws(GrammarError) {
    let place = position
    position += 1
    let name = try name()
    skipSpace(newlines: false)
    switch name {
    case "ignore": ignored.append(try terminalAlternatives(depth: 0))
    case "llguidance":
      guard try json().object?.count == 0 else { throw failure("%llguidance with options is not supported", at: place) }
    case "import":
      guard skip("common.") else { throw failure("only common terminals can be imported") }
      let imported = try self.name()
      guard let pattern = LarkParser.common[imported] else { throw failure("there is no common terminal \"\(imported)\"", at: place) }
      var known = imported
      skipSpace(newlines: false)
      if skip("->") {
        skipSpace(newlines: false)
        known = try self.name()
      }
      terminals[known] = .language(try language(of: pattern, flags: "", at: place))
    default: throw failure("%\(name) is not supported", at: place)
    }
  }

  /// Terminals that grammars import under `common`.
  private static let common = [
    "DIGIT": "[0-9]", "HEXDIGIT": "[0-9a-fA-F]", "INT": "[0-9]+", "SIGNED_INT": "[+\\-]?[0-9]+",
    "DECIMAL": "[0-9]+\\.[0-9]*|\\.[0-9]+", "FLOAT": "[0-9]+[eE][+\\-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+\\-]?[0-9]+)?",
    "NUMBER": "[0-9]+(?:\\.[0-9]*)?(?:[eE][+\\-]?[0-9]+)?|\\.[0-9]+(?:[eE][+\\-]?[0-9]+)?",
    "SIGNED_NUMBER": "[+\\-]?(?:[0-9]+(?:\\.[0-9]*)?(?:[eE][+\\-]?[0-9]+)?|\\.[0-9]+(?:[eE][+\\-]?[0-9]+)?)",
    "ESCAPED_STRING": "\"(?:[^\"\\\\\\n]|\\\\[^\\n])*\"", "LCASE_LETTER": "[a-z]", "UCASE_LETTER": "[A-Z]", "LETTER": "[A-Za-z]",
    "WORD": "[A-Za-z]+", "CNAME": "[A-Za-z_][A-Za-z0-9_]*", "WS_INLINE": "[ \\t]+", "WS": "[ \\t\\f\\r\\n]+", "CR": "\\r", "LF": "\\n",
    "NEWLINE": "(?:\\r?\\n)+", "SH_COMMENT": "#[^\\n]*", "CPP_COMMENT": "//[^\\n]*",
  ]

  /// Whether another alternative follows, on this line or the next.
  private mutating func skipBar(nested: Bool) -> Bool {
    let before = position
    skipSpace(newlines: true)
    if skip("|") {
      skipSpace(newlines: true)
      return true
    }
    if !nested { position = before }
    return false
  }

  private mutating func alternatives(depth: Int) throws(GrammarError) -> [[Item]] {
    guard depth < GrammarLimits.nesting else { throw failure("parentheses nest deeper than \(GrammarLimits.nesting)") }
    var all: [[Item]] = []
    var highest = 0
    defer { height = highest }
    _ = skipBar(nested: depth > 0)
    repeat {
      var items: [Item] = []
      while true {
        skipSpace(newlines: depth > 0)
        height = 0
        guard let item = try item(depth: depth) else { break }
        items.append(try repeated(item) { .repeated($0, $1, $2) })
        highest = max(highest, height)
      }
      if skip("->") {
        skipSpace(newlines: false)
        _ = try name()
      }
      all.append(items)
    } while skipBar(nested: depth > 0)
    return all
  }

  private mutating func item(depth: Int) throws(GrammarError) -> Item? {
    let place = position
    switch current {
    case nil, "\n", "|", ")", "]": return nil
    case "(", "[":
      let isOptional = current == "["
      position += 1
      let parts = try alternatives(depth: depth + 1)
      let group = Item.group(parts, height: height)
      skipSpace(newlines: true)
      guard skip(isOptional ? "]" : ")") else { throw failure("expected \(isOptional ? "]" : ")")") }
      try nest()
      return isOptional ? .repeated(group, 0, 1) : group
    case "<": throw failure("tokens by name or number are not supported")
    case "%":
      guard skip("%json") else { throw failure("only %json may stand here") }
      skipSpace(newlines: true)
      let schema = try json()
      var compiler = try SchemaCompiler(schema)
      return .made(try rules.add(compiler.compile()))
    case "-" where position + 1 < scalars.count && scalars[position + 1] == ">": return nil
    case "\"", "/": return .terminal(try terminalItem(depth: depth)!, place)
    default:
      let name = try name()
      if LarkParser.isTerminal(name) { return .terminal(.name(name, place), place) }
      if current == "{" , isTemplate { throw failure("templates, as \"\(name)\", are not supported", at: place) }
      return .rule(name, place)
    }
  }

  /// Whether the brace here holds a template's argument rather than bounds.
  private var isTemplate: Bool {
    let next = scalars[(position + 1)...].first { $0 != " " }
    return !(next.map { "0"..."9" ~= $0 || $0 == "," } ?? false)
  }

  private mutating func terminalAlternatives(depth: Int) throws(GrammarError) -> Terminal {
    guard depth < GrammarLimits.nesting else { throw failure("parentheses nest deeper than \(GrammarLimits.nesting)") }
    var all: [Terminal] = []
    var highest = 0
    defer { height = highest }
    _ = skipBar(nested: depth > 0)
    repeat {
      var items: [Terminal] = []
      while true {
        skipSpace(newlines: depth > 0)
        height = 0
        guard let item = try terminalItem(depth: depth) else { break }
        items.append(try repeated(item) { .repeated($0, $1, $2) })
        highest = max(highest, height)
      }
      all.append(.sequence(items))
    } while skipBar(nested: depth > 0)
    return all.count == 1 ? all[0] : .choice(all)
  }

  private mutating func terminalItem(depth: Int) throws(GrammarError) -> Terminal? {
    let place = position
    switch current {
    case nil, "\n", "|", ")", "]": return nil
    case "(", "[":
      let isOptional = current == "["
      position += 1
      let group = try terminalAlternatives(depth: depth + 1)
      skipSpace(newlines: true)
      guard skip(isOptional ? "]" : ")") else { throw failure("expected \(isOptional ? "]" : ")")") }
      try nest()
      return isOptional ? .repeated(group, 0, 1) : group
    case "\"":
      let text = try literal()
      let isCaseless = current == "i"
      if isCaseless { position += 1 }
      let before = position
      skipSpace(newlines: false)
      if !isCaseless, skip("..") {
        skipSpace(newlines: false)
        guard current == "\"" else { throw failure("expected a literal behind ..") }
        let end = try literal()
        guard let low = text.unicodeScalars.first, let high = end.unicodeScalars.first, text.unicodeScalars.count == 1,
          end.unicodeScalars.count == 1, low <= high
        else { throw failure("a range is of two characters, the lower first", at: place) }
        return .language(table.set(ScalarSet([low.value...high.value])))
      }
      position = before
      return .language(
        table.sequence(
          text.unicodeScalars.map { scalar in
            table.set(isCaseless ? ScalarSet(scalar).caseless : ScalarSet(scalar))
          }))
    case "/": return .language(try regularExpression())
    case "<": throw failure("tokens by name or number are not supported")
    case "&", "~": throw failure("\(current!) between terminals is not supported")
    default:
      let name = try name()
      guard LarkParser.isTerminal(name) else { throw failure("a terminal cannot hold the rule \"\(name)\"", at: place) }
      return .name(name, place)
    }
  }

  private mutating func repeated<Part>(_ part: Part, _ make: (Part, Int, Int?) -> Part) throws(GrammarError) -> Part {
    var part = part
    var isRepeated = false
    while true {
      let before = position
      skipSpace(newlines: false)
      switch current {
      case "*": part = make(part, 0, nil)
      case "+": part = make(part, 1, nil)
      case "?": part = make(part, 0, 1)
      case "{":
        position += 1
        let (least, most) = try bounds()
        part = make(part, least, most)
      case "~":
        position += 1
        skipSpace(newlines: false)
        let least = try number()
        let most = skip("..") ? try number() : least
        guard most >= least else { throw failure("the repetition's bounds are the wrong way round") }
        part = make(part, least, most)
        position -= 1
      default:
        position = before
        return part
      }
      position += 1
      if isRepeated { try nest() }
      isRepeated = true
    }
  }

  private mutating func literal() throws(GrammarError) -> String {
    let start = position
    position += 1
    var text = ""
    while let scalar = current, scalar != "\n" {
      position += 1
      if scalar == "\"" { return text }
      guard scalar == "\\" else {
        text.unicodeScalars.append(scalar)
        continue
      }
      guard let kind = current else { break }
      position += 1
      switch kind {
      case "n": text += "\n"
      case "r": text += "\r"
      case "t": text += "\t"
      case "f": text += "\u{0C}"
      case "x": text.unicodeScalars.append(try codePoint(digits: 2))
      case "u": text.unicodeScalars.append(try codePoint(digits: 4))
      case "U": text.unicodeScalars.append(try codePoint(digits: 8))
      case "\\", "\"", "/", "'": text.unicodeScalars.append(kind)
      default: throw failure("an unknown escape", at: position - 2)
      }
    }
    throw failure("the literal has no end", at: start)
  }

  private mutating func regularExpression() throws(GrammarError) -> Language {
    let start = position
    position += 1
    var text = ""
    while let scalar = current, scalar != "/" {
      guard scalar != "\n" else { break }
      position += 1
      if scalar == "\\", let next = current {
        position += 1
        if next != "/" { text += "\\" }
        text.unicodeScalars.append(next)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    guard skip("/") else { throw failure("the regular expression has no end", at: start) }
    var flags = ""
    while let scalar = current, scalar.properties.isAlphabetic {
      guard "isu".unicodeScalars.contains(scalar) else { throw failure("the flag \(scalar) is not supported") }
      flags.unicodeScalars.append(scalar)
      position += 1
    }
    return try language(of: text, flags: flags, at: start)
  }

  /// The texts that a pattern matches as a whole.
  private func language(of pattern: String, flags: String, at place: Int) throws(GrammarError) -> Language {
    do throws(PatternFailure) {
      let parsed = try PatternParser.parse(pattern, isCaseless: flags.contains("i"), pointTakesAll: flags.contains("s"))
      guard !parsed.hasAssertion else { throw PatternFailure(reason: "anchors and looking ahead or behind") }
      return PatternReader(table: table, reading: .inner).whole(parsed)
    } catch {
      throw failure("a regular expression that is not supported: \(error.reason)", at: place)
    }
  }

  /// A JSON value in the grammar's text.
  private mutating func json() throws(GrammarError) -> JSON {
    let start = position
    var (depth, isInString) = (0, false)
    while let scalar = current {
      position += 1
      if isInString {
        if scalar == "\\" { position += 1 } else if scalar == "\"" { isInString = false }
      } else if scalar == "\"" {
        isInString = true
      } else if scalar == "{" {
        depth += 1
      } else if scalar == "}" {
        depth -= 1
        if depth == 0 { break }
      }
      if depth == 0 { throw failure("expected {", at: start) }
    }
    var text = ""
    for scalar in scalars[start..<min(position, scalars.count)] { text.unicodeScalars.append(scalar) }
    do { return try JSON.parse(Array(text.utf8)) } catch { throw failure("this is no JSON: \(error)", at: start) }
  }

  // MARK: Compiling

  private mutating func compile() throws(GrammarError) -> GrammarRules {
    guard names.contains("start") else { throw .unknownRule("start") }
    var skipped: [Language] = []
    for one in ignored { skipped.append(try language(of: one)) }
    var gap: GrammarRules.Expression?
    if !skipped.isEmpty { gap = try rules.add(.any(machine(of: table.union(skipped)))) }
    for definition in definitions { _ = try rules.number(of: definition.name) }
    for definition in definitions {
      let rule = try rules.number(of: definition.name)
      // A rule that begins with itself is what else it is, and then what follows it there, again and again.
      var (firsts, laters): ([GrammarRules.Expression], [GrammarRules.Expression]) = ([], [])
      for items in definition.alternatives {
        if case .rule(definition.name, _)? = items.first {
          laters.append(try expression(of: Array(items.dropFirst()), gap))
        } else {
          firsts.append(try expression(of: items, gap))
        }
      }
      let body = GrammarRules.Expression.alternatives(firsts, height: definition.height)
      let rest = GrammarRules.Expression.alternatives(laters, height: definition.height)
      rules.define(rule, laters.isEmpty ? body : .joined([body, .repetition(of: rest, 0, nil)]))
    }
    let start = GrammarRules.Expression.rule(try rules.number(of: "start"))
    rules.root = try rules.number(of: "#start")
    rules.define(rules.root, gap.map { .sequence([$0, start]) } ?? start)
    return rules
  }

  private mutating func expression(
    of items: [Item], _ gap: GrammarRules.Expression?
  ) throws(GrammarError) -> GrammarRules.Expression {
    var parts: [GrammarRules.Expression] = []
    for item in items { parts.append(try expression(of: item, gap)) }
    return .joined(parts)
  }

  private mutating func expression(of item: Item, _ gap: GrammarRules.Expression?) throws(GrammarError) -> GrammarRules.Expression {
    switch item {
    case .rule(let name, let place):
      guard names.contains(name) else { throw failure("the rule \"\(name)\" is not defined", at: place) }
      return .rule(try rules.number(of: name))
    case .terminal(let terminal, _):
      let text = try machine(of: language(of: terminal))
      return gap.map { .sequence([text, $0]) } ?? text
    case .made(let made): return gap.map { .sequence([made, $0]) } ?? made
    case .repeated(let body, let least, let most): return .repetition(of: try expression(of: body, gap), least, most)
    case .group(let alternatives, let height):
      var all: [GrammarRules.Expression] = []
      for one in alternatives { all.append(try expression(of: one, gap)) }
      return .alternatives(all, height: height)
    }
  }

  private mutating func language(of terminal: Terminal) throws(GrammarError) -> Language {
    depth += 1
    defer { depth -= 1 }
    // A level of parentheses is a repetition, a choice and a sequence.
    guard depth <= 4 * GrammarLimits.nesting else { throw .tooLarge("terminals nest deeper than \(GrammarLimits.nesting)") }
    switch terminal {
    case .language(let language): return language
    case .name(let name, let place):
      if let known = languages[name] { return known }
      guard let body = terminals[name] else { throw failure("the terminal \"\(name)\" is not defined", at: place) }
      guard open.count < GrammarLimits.nesting else { throw failure("terminals nest deeper than \(GrammarLimits.nesting)", at: place) }
      guard open.insert(name).inserted else { throw failure("the terminal \"\(name)\" holds itself", at: place) }
      let language = try language(of: body)
      open.remove(name)
      languages[name] = language
      return language
    case .sequence(let parts):
      var languages: [Language] = []
      for part in parts { languages.append(try language(of: part)) }
      return table.sequence(languages)
    case .choice(let parts):
      var languages: [Language] = []
      for part in parts { languages.append(try language(of: part)) }
      return table.union(languages)
    case .repeated(let body, let least, let most): return table.repeated(try language(of: body), least, most)
    }
  }

  private mutating func machine(of language: Language) throws(GrammarError) -> GrammarRules.Expression {
    if let known = machines[language] { return known }
    guard let automaton = try table.automaton(of: language, limit: 40_000) else {
      throw .tooLarge("a terminal of more than 40000 states")
    }
    let made = try rules.add(automaton.expression(automaton.sets.map { .scalars($0) }))
    machines[language] = made
    return made
  }
}
