public import JambaSystem

/// What a JSON text of a schema has between its parts.
public enum JSONWhitespace: String, Sendable, CaseIterable {
  /// A space, a line break with up to 20 spaces, or nothing, behind brackets, colons, commas and values.
  case compact
  /// Whatever JSON permits, wherever it does within the text.
  case free
}

/// Which members an object of a schema with `properties` has where nothing is said of others.
public enum JSONObjects: String, Sendable, CaseIterable {
  /// None: a model that may go on with others often does without end.
  case declared
  /// Any, as the standard says.
  case open
}

/// A context-free grammar that constrains an answer, ready to be followed.
///
///     let grammar = try Grammar(gbnf: "root ::= \"yes\" | \"no\"")
///     let options = GenerationOptions(grammar: grammar)
///
/// Immutable: any number of generations may follow it at once.
public struct Grammar: Sendable {
  let automaton: Automaton
  /// The same for all copies, and for no other grammar.
  let identity = Identity()
  /// As it was written, to be put into larger grammars.
  package let rules: GrammarRules

  /// Reads a grammar in GBNF, as docs/CHAT.md describes it. Throws for a text that is not one, for a rule that begins
  /// with itself and for a grammar that matches nothing or is too large.
  public init(gbnf source: String) throws(GrammarError) {
    try self.init(GrammarParser.parse(source))
  }

  /// Reads a grammar in the form of Lark, as far as docs/CHAT.md describes it. Throws as `init(gbnf:)` does.
  public init(lark source: String) throws(GrammarError) { try self.init(LarkParser.parse(source)) }

  /// Reads a grammar in GBNF or in the form of Lark: what stands behind the first name, `::=` or a colon, says which.
  public init(source: String) throws(GrammarError) {
    try self.init(LarkParser.reads(source) ? LarkParser.parse(source) : GrammarParser.parse(source))
  }

  /// Makes a grammar of JSON texts that a JSON schema describes, in the subset of docs/CHAT.md. Throws
  /// `unsupported` for what is outside of it.
  ///
  /// - Parameters:
  ///   - whitespace: what stands between the parts; the schema's own `x-whitespace` is before it.
  ///   - objects: which members an object has beside its `properties`; the schema's own `x-objects` is before it.
  public init(
    jsonSchema schema: JSON, whitespace: JSONWhitespace = .compact, objects: JSONObjects = .declared
  ) throws(GrammarError) {
    var compiler = try SchemaCompiler(schema, whitespace: whitespace, objects: objects)
    try self.init(compiler.compile())
  }

  /// Any JSON value.
  public static var json: Grammar { get throws(GrammarError) { try Grammar(jsonSchema: .bool(true)) } }

  package init(_ rules: GrammarRules) throws(GrammarError) {
    self.rules = rules
    automaton = try Automaton(rules)
  }

  final class Identity: Sendable {}

  /// About how much memory it takes, as it is followed and as it was written.
  package var byteCount: Int { 3 * automaton.byteCount }

  /// Whether a text is one of the grammar's.
  public func matches(_ text: String) throws(GrammarError) -> Bool {
    var matcher = try GrammarMatcher(automaton)
    return try matcher.advance(text.utf8) && matcher.accepts
  }
}
