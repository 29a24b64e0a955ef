import ArgumentParser
import Jamba
import JambaGrammar
import JambaSystem

/// Options that constrain answers: grammars and schemas.
struct GrammarOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A file with a JSON schema: the answer is a JSON text that it describes.", valueName: "file"))
  var jsonSchema: String?

  @Option(help: "White space of --json-schema: compact, or free, as JSON permits.")
  var jsonWhitespace = Whitespace.compact

  enum Whitespace: String, ExpressibleByArgument, CaseIterable { case compact, free }

  @Option(help: "Members of --json-schema's objects beside their properties, where it says nothing of them: declared (none), or open (any).")
  var jsonObjects = Objects.declared

  enum Objects: String, ExpressibleByArgument, CaseIterable { case declared, open }

  @Option(help: ArgumentHelp("A file with a grammar, GBNF or Lark: the answer is one of its texts.", valueName: "file"))
  var grammar: String?

  func validate() throws {
    guard jsonSchema == nil || grammar == nil else { throw ValidationError("Give either --json-schema or --grammar.") }
  }

  func load() throws -> Grammar? {
    do {
      if let grammar {
        let source = String(decoding: try contents(of: grammar), as: UTF8.self)
        return try grammar.hasSuffix(".lark") ? Grammar(lark: source) : Grammar(source: source)
      }
      return try jsonSchema.map {
        try Grammar(
          jsonSchema: json(of: $0), whitespace: jsonWhitespace == .free ? .free : .compact,
          objects: jsonObjects == .open ? .open : .declared)
      }
    } catch let error as GrammarError { throw JambaError.grammar(error) }
  }
}

/// Options of the chat template: which one, and its variables.
struct TemplateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A chat template to use instead of the model's.", valueName: "file"))
  var chatTemplate: String?

  @Option(
    help: ArgumentHelp(
      "A JSON list of the functions the model may call: {\"type\": \"function\", \"function\": {\"name\", \"description\", \"parameters\"}}.",
      valueName: "file"))
  var tools: String?

  @Option(help: "free; constrained: calls fit the functions' parameters; required: the answer is such a call.")
  var toolUse = ToolUse.free

  @Option(help: ArgumentHelp("A JSON list of documents for the template.", valueName: "file"))
  var documents: String?

  @Option(help: ArgumentHelp("A JSON object of more variables of the template, such as knobs.", valueName: "file"))
  var variables: String?

  @Flag(help: "Let names of control tokens in messages, such as <|eom|>, become those tokens.")
  var parseSpecialTokens = false

  enum ToolUse: String, ExpressibleByArgument, CaseIterable { case free, constrained, required }

  func template() throws -> String? {
    try chatTemplate.map { String(decoding: try contents(of: $0), as: UTF8.self) }
  }

  func load() throws -> ChatOptions {
    func list(_ path: String?) throws -> [JSON] {
      guard let path else { return [] }
      guard let list = try json(of: path).array else { throw CommandFailure("\(path) is not a JSON list") }
      return list
    }
    var options = ChatOptions(tools: try list(tools), documents: try list(documents))
    options.toolUse =
      switch toolUse {
      case .free: .free
      case .constrained: .constrained
      case .required: .required
      }
    if let variables {
      guard let object = try json(of: variables).object else {
        throw CommandFailure("\(variables) is not a JSON object")
      }
      options.variables = object
    }
    options.parsesSpecialTokens = parseSpecialTokens
    return options
  }
}

/// Reads a file of JSON.
func json(of path: String) throws -> JSON {
  do { return try JSON.parse(try contents(of: path)) } catch let error as JSONError {
    throw CommandFailure("\(path) is \(error)")
  }
}
