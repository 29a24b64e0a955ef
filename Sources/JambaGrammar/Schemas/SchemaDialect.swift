import JambaSystem

/// The edition of JSON Schema that a schema is written in.
enum SchemaDialect {
  case draft4, draft6, draft7, draft2019, draft2020
  /// Not said: read as 2020-12, and words that it has given up mean what they meant.
  case unsaid

  init(_ uri: String) {
    let parts = uri.split { $0 == "/" || $0 == "#" }
    self = parts.lazy.compactMap { SchemaDialect.names[$0] }.first ?? .unsaid
  }

  private static let names: [Substring: SchemaDialect] = [
    "draft-03": .draft4, "draft-04": .draft4, "draft-06": .draft6, "draft-07": .draft7, "2019-09": .draft2019, "2020-12": .draft2020,
  ]

  /// Whether what stands beside `$ref` says nothing.
  var isReferenceAlone: Bool { self == .draft4 || self == .draft6 || self == .draft7 }

  /// The keyword that names a schema.
  var identifier: String { self == .draft4 ? "id" : "$id" }

  /// Whether a list of `items` is that of a tuple, with `additionalItems` for the others.
  var hasTuples: Bool { self != .draft2020 }
}
