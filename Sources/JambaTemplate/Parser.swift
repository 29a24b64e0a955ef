/// Turns tokens into statements. Bounded in nesting; names and blocks get numbers, by which `Resolver` describes them.
struct Parser {
  private let tokens: [Token]
  private var index = 0
  private var nesting = 0
  /// How many loops of the current function surround the current place.
  var loopDepth = 0
  private(set) var namedBlocks: [String: Statement.NamedBlock] = [:]
  private(set) var nameCount = 0
  private(set) var blockCount = 0

  static func parse(_ source: String) throws(TemplateError) -> Parsed {
    var parser = Parser(tokens: try Lexer.tokens(of: source))
    let body = try parser.statements(until: [])
    return Parsed(
      body: body, namedBlocks: parser.namedBlocks, nameCount: parser.nameCount, blockCount: parser.blockCount)
  }

  struct Parsed {
    let body: [Statement]
    let namedBlocks: [String: Statement.NamedBlock]
    let nameCount: Int
    let blockCount: Int
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  // MARK: Tokens

  /// The last token is the end, and stays.
  var current: Token { tokens[index] }
  var next: Token { tokens[min(index + 1, tokens.count - 1)] }

  @discardableResult
  mutating func advance() -> Token {
    let token = tokens[index]
    if index + 1 < tokens.count { index += 1 }
    return token
  }

  mutating func skip(name: String) -> Bool {
    guard current.isName(name) else { return false }
    advance()
    return true
  }

  mutating func skip(symbol: String) -> Bool {
    guard current.isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func expect(symbol: String) throws(TemplateError) {
    guard skip(symbol: symbol) else { throw unexpected(wanted: symbol) }
  }

  mutating func expect(name: String) throws(TemplateError) {
    guard skip(name: name) else { throw unexpected(wanted: name) }
  }

  mutating func expect(_ kind: Token.Kind) throws(TemplateError) {
    guard current.kind == kind else {
      throw unexpected(wanted: Token(kind: kind, position: current.position).summary)
    }
    advance()
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw unexpected(wanted: "name") }
    advance()
    return name
  }

  func unexpected(wanted: String) -> TemplateError {
    if current.kind == .end {
      return failure("unexpected end of template, expected '\(wanted)'.")
    }
    return failure("expected token '\(wanted)', got '\(current.summary)'")
  }

  func failure(_ message: String, at position: Position? = nil) -> TemplateError {
    .syntax(message, at: position ?? current.position)
  }

  mutating func add(_ block: Statement.NamedBlock) throws(TemplateError) {
    guard namedBlocks.updateValue(block, forKey: block.name) == nil else {
      throw failure("block '\(block.name)' defined twice", at: block.position)
    }
  }

  // MARK: Numbers and nesting

  mutating func newName() -> Int {
    defer { nameCount += 1 }
    return nameCount
  }

  mutating func newBlock() -> Int {
    defer { blockCount += 1 }
    return blockCount
  }

  /// To be called where the parser calls itself; `leave` undoes it.
  mutating func enter() throws(TemplateError) {
    guard nesting < TemplateLimits.nesting else {
      throw .limit("nested deeper than \(TemplateLimits.nesting)", at: current.position)
    }
    nesting += 1
  }

  mutating func leave() { nesting -= 1 }

  /// Parses a body that runs as a function of its own, where the loops around it cannot be left.
  mutating func inFunction<T>(
    _ parse: (inout Parser) throws(TemplateError) -> T
  ) throws(TemplateError) -> T {
    let outer = loopDepth
    loopDepth = 0
    defer { loopDepth = outer }
    return try parse(&self)
  }
}
