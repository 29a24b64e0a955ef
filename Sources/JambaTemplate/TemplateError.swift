/// Why a template could not be read or rendered, and where in its source.
public enum TemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A place in the template's source; both count from one. Zero: the place is not known.
  public struct Position: Equatable, Sendable {
    public let line: Int
    public let column: Int

    static let unknown = Position(line: 0, column: 0)
  }

  /// The source is not a template of the supported language.
  case syntax(String, at: Position)
  /// An operation failed while rendering.
  case runtime(String, at: Position)
  /// The template called `raise_exception(message)`: it refuses the conversation.
  case raised(String, at: Position)
  /// The template or its output passed one of `TemplateLimits`.
  case limit(String, at: Position)

  public var message: String {
    switch self {
    case .syntax(let message, _), .runtime(let message, _), .raised(let message, _), .limit(let message, _): message
    }
  }

  public var position: Position {
    switch self {
    case .syntax(_, let position), .runtime(_, let position), .raised(_, let position), .limit(_, let position):
      position
    }
  }

  public var description: String {
    let kind =
      switch self {
      case .syntax: "not a valid chat template"
      case .runtime: "the chat template failed"
      case .raised: "the chat template refused its input"
      case .limit: "the chat template was stopped"
      }
    let place = position == .unknown ? "" : " at line \(position.line), column \(position.column)"
    return "\(kind)\(place): \(message)"
  }

  static func runtime(_ message: String) -> TemplateError { .runtime(message, at: .unknown) }
  static func limit(_ message: String) -> TemplateError { .limit(message, at: .unknown) }

  /// The same error with a place, unless it has one already.
  func located(at place: Position) -> TemplateError {
    guard position == .unknown else { return self }
    return switch self {
    case .syntax(let message, _): .syntax(message, at: place)
    case .runtime(let message, _): .runtime(message, at: place)
    case .raised(let message, _): .raised(message, at: place)
    case .limit(let message, _): .limit(message, at: place)
    }
  }
}

/// A template comes with a model and is not to be trusted: everything it could make grow has a limit.
package enum TemplateLimits {
  static let sourceBytes = 4 << 20
  /// Blocks within blocks and parentheses within parentheses, in the source.
  static let nesting = 100
  /// Statements and expressions within each other while rendering, macro calls included.
  static let depth = 400
  /// Lists within lists, and other values within values.
  static let valueDepth = 200
  /// Steps of a rendering: statements and expressions evaluated, elements visited, text read in units of 16 bytes and
  /// copied in units of 64 or more.
  package static let work = 10_000_000
  /// The most bytes that a rendering may allocate in all, freed or not.
  static let allocatedBytes = 640 << 20
  /// One string, or the output.
  static let stringBytes = 16 << 20
  /// The elements of one list.
  static let elements = 1 << 19
  /// The lists into which one is cut.
  static let rows = 1 << 16
  /// As in the reference's sandbox.
  static let rangeElements = 100_000
  /// The digits of an integer that is read or printed, as in Python.
  static let integerDigits = 4300
  /// The bits of an integer.
  static let integerBits = 1 << 17

  /// The digits of an integer, if they are not too many.
  static func checked(_ digits: [UInt8]) throws(TemplateError) -> [UInt8] {
    guard digits.count <= integerDigits else {
      throw .runtime("Exceeds the limit (\(integerDigits) digits) for integer string conversion: value has \(digits.count) digits")
    }
    return digits
  }
}
