/// A JSON value that keeps what other readers lose and this project needs: the order of members (a chat template prints
/// them), integers apart from floating-point numbers, and duplicate names as an error.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A number with a fraction or an exponent.
  case number(Double)
  /// A number that neither of these holds, an integer beyond 64 bits or one such as 1e400, as it was written.
  case numeral(String)
  case string(String)
  case array([JSON])
  case object(JSONObject)
}

/// A string compared by its bytes. Swift's `==` takes canonically equivalent strings (é in one scalar or in two) for
/// equal; names in a file and tokens of a vocabulary are not.
package struct ExactString: Hashable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (a: ExactString, b: ExactString) -> Bool {
    guard a.text.utf8.count == b.text.utf8.count else { return false }
    var (a, b) = (a.text, b.text)
    return a.withUTF8 { a in b.withUTF8 { b in unsafe a.elementsEqual(b) } }
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// The members of a JSON object in their order of appearance. Names are compared byte by byte.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  public private(set) var keys: [String] = []
  private var values: [JSON] = []
  /// Where in these a name stands, if there are more than `fewNames`.
  private var places: [ExactString: Int] = [:]

  /// So many names are looked through faster than one is hashed.
  private static let fewNames = 8

  public init() {}

  public init(dictionaryLiteral elements: (String, JSON)...) {
    for (key, value) in elements { self[key] = value }
  }

  public var count: Int { keys.count }

  public subscript(key: String) -> JSON? {
    get { place(of: ExactString(key)).map { values[$0] } }
    set {
      guard let newValue else { return remove(key) }
      if let place = place(of: ExactString(key)) { values[place] = newValue } else { append(key, newValue) }
    }
  }

  private func place(of name: ExactString) -> Int? {
    keys.count > JSONObject.fewNames ? places[name] : keys.firstIndex { ExactString($0) == name }
  }

  private mutating func append(_ key: String, _ value: JSON) {
    keys.append(key)
    values.append(value)
    if keys.count == JSONObject.fewNames + 1 { findPlaces(from: 0) } else { findPlaces(from: keys.count - 1) }
  }

  /// Finds names' places again, of those from one on.
  private mutating func findPlaces(from first: Int) {
    guard keys.count > JSONObject.fewNames else {
      places = [:]
      return
    }
    for index in first..<keys.count { places[ExactString(keys[index])] = index }
  }

  private mutating func remove(_ key: String) {
    let name = ExactString(key)
    guard let place = place(of: name) else { return }
    keys.remove(at: place)
    values.remove(at: place)
    places[name] = nil
    findPlaces(from: place)
  }

  /// Adds a member; false, and no change, when the name is taken.
  package mutating func insertNew(_ key: String, _ value: JSON) -> Bool {
    guard place(of: ExactString(key)) == nil else { return false }
    append(key, value)
    return true
  }

  /// Members in order.
  public var members: some Sequence<(key: String, value: JSON)> {
    zip(keys, values).lazy.map { (key: $0, value: $1) }
  }
}

extension JSON {
  public subscript(key: String) -> JSON? {
    if case .object(let object) = self { object[key] } else { nil }
  }

  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  public var isNull: Bool { self == .null }

  /// The value as an integer of 64 bits; a floating-point number counts when it is whole (`32.0`).
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .numeral(let text): Double(text).flatMap { $0.isFinite ? $0 : nil }
    default: nil
    }
  }
}
