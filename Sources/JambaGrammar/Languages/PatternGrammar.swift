extension Grammar {
  /// Makes a grammar of the texts that fit a regular expression as a whole, in the subset of docs/CHAT.md.
  public init(pattern: String) throws(GrammarError) {
    var compiler = try SchemaCompiler(.bool(true))
    try self.init(compiler.compile(pattern: pattern))
  }
}

extension SchemaCompiler {
  fileprivate mutating func compile(pattern: String) throws(GrammarError) -> GrammarRules {
    let language: Language
    do {
      let reader = PatternReader(table: table, reading: .inner)
      language = try reader.language(of: PatternParser.parse("^(?:\(pattern))$"))
    } catch { throw .syntax("the pattern has \(error.reason)", line: 1, column: 1) }
    let texts = try machine(of: language) { .scalars($0) }
    rules.root = try rules.number(of: "#root")
    rules.define(rules.root, texts)
    return rules
  }
}
