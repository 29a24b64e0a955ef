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
    a.text.utf8.elementsEqual(b.text.utf8)
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
  /// Where in these a name stands.
  private var places: [ExactString: Int] = [:]

  public init() {}

  public init(dictionaryLiteral elements: (String, JSON)...) {
    for (key, value) in elements { self[key] = value }
  }

  public var count: Int { keys.count }

  public subscript(key: String) -> JSON? {
    get { places[ExactString(key)].map { values[$0] } }
    set {
      guard let newValue else { return remove(key) }
      if let place = places[ExactString(key)] { values[place] = newValue } else { _ = insertNew(key, newValue) }
    }
  }

  private mutating func remove(_ key: String) {
    guard let place = places.removeValue(forKey: ExactString(key)) else { return }
    keys.remove(at: place)
    values.remove(at: place)
    for index in place..<keys.count { places[ExactString(keys[index])] = index }
  }

  /// Adds a member; false, and no change, when the name is taken.
  package mutating func insertNew(_ key: String, _ value: JSON) -> Bool {
    let exact = ExactString(key)
    if let taken = places.updateValue(keys.count, forKey: exact) {
      places[exact] = taken
      return false
    }
    keys.append(key)
    values.append(value)
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
