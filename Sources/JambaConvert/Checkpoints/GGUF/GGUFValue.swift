/// What a GGUF file says under a key.
enum GGUFValue: Sendable, Equatable {
  /// A whole number; beyond 64 bits with a sign the nearest.
  case integer(Int)
  case number(Double)
  case bool(Bool)
  case text(String)
  case texts([String])
  /// An array of numbers or truths, as it is in the file: arrays may be long, and few are asked for.
  case numbers(GGUFScalar, [UInt8])

  var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var text: String? { if case .text(let value) = self { value } else { nil } }
  var texts: [String]? { if case .texts(let values) = self { values } else { nil } }

  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// An array of whole numbers.
  var integers: [Int]? { array(\.integer) }

  /// An array of numbers.
  var doubles: [Double]? { array(\.number) }

  private func array<Element>(_ element: (GGUFValue) -> Element?) -> [Element]? {
    guard case .numbers(let type, let bytes) = self else { return nil }
    var elements: [Element] = []
    for first in stride(from: 0, to: bytes.count, by: type.byteCount) {
      let bits = bytes[first..<first + type.byteCount].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard let value = element(type.value(bits)) else { return nil }
      elements.append(value)
    }
    return elements
  }

  /// Elements of an array that are read. A vocabulary is the longest.
  private static let arrayLimit = 1 << 24

  /// - Parameter key: for errors.
  static func read(_ key: String, from cursor: inout GGUFCursor) throws(ConversionError) -> GGUFValue {
    let type = try cursor.number(UInt32.self)
    if let scalar = GGUFScalar(rawValue: type) { return try scalar.read(from: &cursor) }
    switch type {
    case GGUFValue.textType: return .text(try cursor.text(key))
    case GGUFValue.arrayType: return try array(key, from: &cursor)
    default: throw cursor.damaged("the type of \(key), \(type), is none")
    }
  }

  private static let textType: UInt32 = 8
  private static let arrayType: UInt32 = 9

  private static func array(_ key: String, from cursor: inout GGUFCursor) throws(ConversionError) -> GGUFValue {
    let type = try cursor.number(UInt32.self)
    if type == textType {
      let count = try cursor.count(of: "texts in \(key)", taking: 8, limit: arrayLimit)
      var texts: [String] = []
      texts.reserveCapacity(count)
      for _ in 0..<count { texts.append(try cursor.text(key)) }
      return .texts(texts)
    }
    guard let scalar = GGUFScalar(rawValue: type) else {
      throw cursor.damaged("the elements of \(key) have type \(type), which arrays do not have")
    }
    let count = try cursor.count(of: "numbers in \(key)", taking: scalar.byteCount, limit: arrayLimit)
    return .numbers(scalar, Array(try cursor.bytes(count * scalar.byteCount)))
  }
}

/// The types of single numbers and truths under keys. Raw values are those of the file.
enum GGUFScalar: UInt32, Sendable {
  case u8 = 0
  case i8 = 1
  case u16 = 2
  case i16 = 3
  case u32 = 4
  case i32 = 5
  case f32 = 6
  case bool = 7
  case u64 = 10
  case i64 = 11
  case f64 = 12

  var byteCount: Int {
    switch self {
    case .u8, .i8, .bool: 1
    case .u16, .i16: 2
    case .u32, .i32, .f32: 4
    case .u64, .i64, .f64: 8
    }
  }

  func read(from cursor: inout GGUFCursor) throws(ConversionError) -> GGUFValue {
    value(try cursor.bytes(byteCount).reversed().reduce(0) { $0 << 8 | UInt64($1) })
  }

  /// The value whose bytes are the last of a number.
  func value(_ bits: UInt64) -> GGUFValue {
    switch self {
    case .u8, .u16, .u32, .u64: .integer(Int(clamping: bits))
    case .i8: .integer(Int(Int8(truncatingIfNeeded: bits)))
    case .i16: .integer(Int(Int16(truncatingIfNeeded: bits)))
    case .i32: .integer(Int(Int32(truncatingIfNeeded: bits)))
    case .i64: .integer(Int(Int64(truncatingIfNeeded: bits)))
    case .f32: .number(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
    case .f64: .number(Double(bitPattern: bits))
    case .bool: .bool(bits != 0)
    }
  }
}
