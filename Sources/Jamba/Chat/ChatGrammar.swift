import JambaGrammar
import JambaSystem

/// Grammars of whole answers: a thought first, then what the grammar asks, or text with tool calls in it.
enum ChatGrammar {
  private typealias Expression = GrammarRules.Expression

  /// The grammar of an answer; nil where anything goes.
  ///
  /// - Parameter grammar: of the answer's text, thoughts aside. Where calls are held to the tools, an answer is such a text
  ///   or calls.
  static func grammar(
    _ grammar: Grammar?, _ style: AnswerParser.Style, _ options: ChatOptions
  ) throws(GrammarError) -> Grammar? {
    // The generic form is held to the tools at all times: no model knows it beforehand.
    guard let tools = style.tools, options.toolUse != .free || tools == .generic else {
      guard let grammar, style.thinks else { return grammar }
      var rules = grammar.rules
      let body = Expression.rule(rules.root)
      try finish(&rules, body, style)
      return try Grammar(rules)
    }
    var compiler = try SchemaCompiler(.bool(true))
    var calls: [Expression] = []
    for tool in options.tools {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.string else { throw .invalidSchema(path: "", reason: "a tool has no name") }
      let arguments = try arguments(of: function, options, &compiler)
      calls.append(
        .sequence([.text("{\"name\": \(JSON.string(name).text()), \"arguments\": "), arguments, .text("}")]))
    }
    let string = tools == .generic ? try compiler.value(of: .object(["type": .string("string")])) : .empty
    var rules = compiler.rules
    let call = try rules.add(.choice(calls))
    let newline = Expression.optional(.text("\n"))
    let block: Expression =
      switch tools {
      case .single: .sequence([newline, call, newline, .text(tools.closing)])
      case .list, .generic:
        .sequence([
          .text(tools == .generic ? " [" : "["), newline, call,
          options.allowsSeveralCalls
            ? .any(.sequence([.text(","), .optional(.scalars(ScalarSet(of: " \n"))), call])) : .empty,
          newline, .text("]" + tools.closing),
        ])
      }
    let once = Expression.sequence([.text(tools.opening), block])
    let onlyCalls =
      tools != .single || !options.allowsSeveralCalls ? once : .sequence([once, .any(.sequence([newline, once]))])
    let body: Expression
    if options.toolUse == .required {
      body = onlyCalls
    } else if let grammar {
      body = .choice([try rules.add(grammar.rules), onlyCalls])
    } else if tools == .generic {
      // A model that does not keep to the form may answer as it is used to; what begins as an object is one of the form.
      let text = Expression.sequence([
        .scalars(ScalarSet(of: "{").inverted), .any(.scalars(ScalarSet(of: "").inverted)),
      ])
      body = .choice([text, .sequence([.text("{\"response\": "), string, .text("}")]), onlyCalls])
    } else {
      let text = try rules.number(of: "#text")
      rules.define(
        text,
        try search(
          tools.opening, &rules, mayEnd: true,
          then: options.allowsSeveralCalls ? .sequence([block, .rule(text)]) : block))
      body = .rule(text)
    }
    try finish(&rules, body, style)
    return try Grammar(rules)
  }

  /// The grammar of a call's arguments. A function without parameters takes none.
  private static func arguments(
    of function: JSON, _ options: ChatOptions, _ compiler: inout SchemaCompiler
  ) throws(GrammarError) -> Expression {
    let schema = function["parameters"] ?? .null
    guard !schema.isNull, schema != .object([:]) else { return .text("{}") }
    // What has been added to the rules of a schema that fails in the middle is dropped.
    var attempt = compiler
    do throws(GrammarError) {
      let arguments = try attempt.value(of: schema)
      compiler = attempt
      return arguments
    } catch {
      guard options.leavesParametersToModel || options.toolUse == .free, function["strict"]?.bool != true else {
        throw error
      }
      return try compiler.value(of: .object(["type": .string("object")]))
    }
  }

  /// Puts the thought before an answer, where there is one.
  private static func finish(
    _ rules: inout GrammarRules, _ body: Expression, _ style: AnswerParser.Style
  ) throws(GrammarError) {
    let root = try rules.number(of: "#answer")
    rules.define(root, body)
    rules.root = root
    guard style.thinks, style.beginsThinking || !style.isThoughtOver else { return }
    let space = Expression.repeated(.scalars(ScalarSet(of: " \n")), 0, 4)
    let thought = try search(ChatFormat.thinkClosing, &rules, mayEnd: false, then: .sequence([space, body]))
    rules.define(
      root,
      style.beginsThinking
        ? thought : .choice([body, .sequence([.optional(.text("\n")), .text(ChatFormat.thinkOpening), thought])]))
  }

  /// Any text up to the first place where a mark stands, and what comes behind it: the states of a search (Knuth, Morris
  /// and Pratt 1977) as rules, each of which ends in the next.
  private static func search(
    _ mark: String, _ rules: inout GrammarRules, mayEnd: Bool, then following: Expression
  ) throws(GrammarError) -> Expression {
    let scalars = Array(mark.unicodeScalars)
    let known = Set(scalars)
    let other = ScalarSet(known.map { $0.value...$0.value }).inverted
    let behind = try rules.add(following)
    var states: [Int] = []
    for index in scalars.indices { states.append(try rules.number(of: "#\(mark)\(index) \(rules.names.count)")) }
    for index in scalars.indices {
      var alternatives: [Expression] = mayEnd ? [.empty] : []
      alternatives.append(.sequence([.scalars(other), .rule(states[0])]))
      for scalar in known.sorted() {
        let text = scalars[..<index] + [scalar]
        let matched = (0...min(index + 1, scalars.count)).last { text.suffix($0).elementsEqual(scalars[..<$0]) } ?? 0
        let next = matched == scalars.count ? behind : Expression.rule(states[matched])
        alternatives.append(.sequence([.scalars(ScalarSet(scalar)), next]))
      }
      rules.define(states[index], .choice(alternatives))
    }
    return .rule(states[0])
  }
}
