/// Why a grammar or a JSON schema cannot be used, or why it stopped an answer.
public enum GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text is not a GBNF grammar; line and column count from one.
  case syntax(String, line: Int, column: Int)
  /// A rule is named that the grammar does not have.
  case unknownRule(String)
  /// A rule begins with itself: it could never be decided.
  case leftRecursion(rule: String)
  /// No finite text matches.
  case matchesNothing
  /// A size passed its limit.
  case tooLarge(String)
  /// A JSON schema's keyword, or a use of one, that is not supported. `path` is a JSON pointer.
  case unsupported(keyword: String, path: String, reason: String)
  /// The schema is not one.
  case invalidSchema(path: String, reason: String)
  /// A step took more work than the limit: the grammar is too ambiguous.
  case tooAmbiguous
  /// No token of the vocabulary continues the text as the grammar asks.
  case noTokenFits

  public var description: String {
    switch self {
    case .syntax(let reason, let line, let column):
      "the grammar is not valid at line \(line), column \(column): \(reason)"
    case .unknownRule(let name): "the grammar names the rule \"\(name)\", which it does not define"
    case .leftRecursion(let rule): "the grammar's rule \"\(rule)\" begins with itself; write it as a repetition"
    case .matchesNothing: "the grammar matches no finite text"
    case .tooLarge(let what): "the grammar is too large: \(what)"
    case .unsupported(let keyword, let path, let reason):
      "the JSON schema uses \"\(keyword)\" at \(path.isEmpty ? "its root" : path), which is not supported\(reason.isEmpty ? "" : ": " + reason)"
    case .invalidSchema(let path, let reason):
      "the JSON schema is not valid at \(path.isEmpty ? "its root" : path): \(reason)"
    case .tooAmbiguous: "the grammar is too ambiguous to be followed"
    case .noTokenFits: "no token of the model's vocabulary continues the text as the grammar asks"
    }
  }
}

/// A grammar comes from a file or a request and is not to be trusted: everything it could make grow has a limit.
enum GrammarLimits {
  static let sourceBytes = 1 << 20
  /// Parentheses within parentheses; schemas within schemas.
  static let nesting = 100
  /// The deepest nesting of alternatives that are factored, which takes time for each level.
  static let factoredHeight = 8
  /// The largest bound of a repetition.
  static let repetitions = 1_000_000
  static let states = 1 << 18
  /// Rules waiting for the end of others: what a text may nest.
  static let depth = 1000
  /// Steps of one token mask.
  static let work = 2_000_000
  /// Bytes of sets of stacks kept between steps.
  static let stackBytes = 12 << 20
  /// Bytes of masks kept between steps.
  static let maskBytes = 4 << 20
  /// Bytes of masks of what stands on top of stacks, kept between steps.
  static let topBytes = 2 << 20
}
