import JambaSystem

/// A place in tokenizer.json or tokenizer_config.json: a value, and the path that an error names.
struct TokenizerField {
  let path: String
  /// Nil when absent or null: the two mean the same in these files.
  let value: JSON?

  init(_ path: String, _ value: JSON?) {
    self.path = path
    if case .null? = value { self.value = nil } else { self.value = value }
  }

  subscript(name: String) -> TokenizerField {
    TokenizerField(path.isEmpty ? name : path + "." + name, value?[name])
  }

  func invalid(_ reason: String) -> TokenizerError { .invalid(field: path, reason: reason) }

  /// The value, or an error that says it is missing.
  func required(_ kind: String) throws(TokenizerError) -> JSON {
    guard let value else { throw invalid("is missing; it should be \(kind)") }
    return value
  }

  func string() throws(TokenizerError) -> String {
    guard let string = try required("a string").string else { throw invalid("is not a string") }
    return string
  }

  func array() throws(TokenizerError) -> [JSON] {
    guard let array = try required("an array").array else { throw invalid("is not an array") }
    return array
  }

  func object() throws(TokenizerError) -> JSONObject {
    guard let object = try required("an object").object else { throw invalid("is not an object") }
    return object
  }

  func bool(default standard: Bool) throws(TokenizerError) -> Bool {
    guard let value else { return standard }
    guard let bool = value.bool else { throw invalid("is neither true nor false") }
    return bool
  }

  /// A count that a rule is repeated by: small, or the file is damaged.
  func count(atMost limit: Int) throws(TokenizerError) -> Int {
    guard case .integer(let count) = try required("a count"), 0...limit ~= count else {
      throw invalid("is not a whole number from 0 to \(limit)")
    }
    return count
  }

  /// The elements of an array, each with its own path.
  func elements() throws(TokenizerError) -> [TokenizerField] {
    try array().enumerated().map { TokenizerField("\(path)[\($0.offset)]", $0.element) }
  }

  /// The component's `type`, which selects how the rest is read.
  func type() throws(TokenizerError) -> String {
    _ = try object()
    return try self["type"].string()
  }

  /// A token's text: a string, or an object that keeps it under `content`, as tokenizer_config.json may spell it.
  func tokenText() throws(TokenizerError) -> String? {
    guard let value else { return nil }
    if case .object = value { return try self["content"].string() }
    return try string()
  }
}
