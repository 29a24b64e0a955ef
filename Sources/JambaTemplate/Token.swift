/// A piece of a template's source.
struct Token: Sendable {
  enum Kind: Sendable, Equatable {
    /// Text outside of tags.
    case data(String)
    case variableBegin, variableEnd, blockBegin, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case bigInteger(BigInteger)
    case float(Double)
    case symbol(String)
    case end
  }

  let kind: Kind
  let position: TemplateError.Position

  func isName(_ name: String) -> Bool { kind == .name(name) }
  func isSymbol(_ symbol: String) -> Bool { kind == .symbol(symbol) }

  /// The token in an error's words.
  var summary: String {
    switch kind {
    case .data: "template data / text"
    case .variableBegin: "begin of print statement"
    case .variableEnd: "end of print statement"
    case .blockBegin: "begin of statement block"
    case .blockEnd: "end of statement block"
    case .name(let name): name
    case .string: "string"
    case .integer, .bigInteger: "integer"
    case .float: "float"
    case .symbol(let symbol): symbol
    case .end: "end of template"
    }
  }
}
