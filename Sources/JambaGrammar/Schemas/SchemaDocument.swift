import JambaSystem

/// A schema's place in a document: a number in a `SchemaDocument`.
struct SchemaPlace: Hashable, Comparable {
  let number: Int32

  static func < (a: SchemaPlace, b: SchemaPlace) -> Bool { a.number < b.number }
}

/// The schemas of a document, and what their references name.
struct SchemaDocument {
  /// A class, as it is asked for again and again and copied nowhere.
  final class Entry {
    let schema: JSON
    /// A JSON pointer.
    let path: String
    /// The address against which its references are resolved.
    let base: String
    let dialect: SchemaDialect

    init(schema: JSON, path: String, base: String, dialect: SchemaDialect) {
      (self.schema, self.path, self.base, self.dialect) = (schema, path, base, dialect)
    }
  }

  private(set) var entries: [Entry] = []
  private var places: [ExactString: SchemaPlace] = [:]
  /// Schemas with an address, and those with an anchor: address, `#` and name.
  private var resources: [String: SchemaPlace] = [:]
  private var anchors: [String: SchemaPlace] = [:]
  private var isAnchorDouble: Set<String> = []
  /// How many schemas have a dynamic anchor.
  private var dynamicAnchors: [String: Int] = [:]

  static let limit = 100_000

  /// The schema that nothing fits.
  let never = SchemaPlace(number: 1)

  init(_ schema: JSON) throws(GrammarError) {
    let dialect = schema["$schema"]?.string.map { SchemaDialect($0) } ?? .unsaid
    let root = try add(schema, path: "", base: "", dialect: dialect)
    resources[""] = root
    _ = try synthetic(.bool(false), beside: root)
    try index(schema, dialect)
  }

  func entry(_ place: SchemaPlace) -> Entry { entries[Int(place.number)] }

  var root: SchemaPlace { SchemaPlace(number: 0) }

  /// A schema within another, or one that stands nowhere in the document.
  private mutating func add(
    _ schema: JSON, path: String, base: String, dialect: SchemaDialect, isKnown: Bool = true
  ) throws(GrammarError) -> SchemaPlace {
    if isKnown, let known = places[ExactString(path)] { return known }
    guard entries.count < SchemaDocument.limit else { throw .tooLarge("more than \(SchemaDocument.limit) schemas") }
    let place = SchemaPlace(number: Int32(entries.count))
    var (base, dialect) = (base, dialect)
    if let said = schema["$schema"]?.string { dialect = SchemaDialect(said) }
    if let address = SchemaDocument.address(of: schema, dialect) {
      base = SchemaReference.resolved(address, against: base)
    }
    entries.append(Entry(schema: schema, path: path, base: base, dialect: dialect))
    if isKnown { places[ExactString(path)] = place }
    return place
  }

  /// The schema at a keyword of another, `key` being a path from there.
  mutating func child(of place: SchemaPlace, _ schema: JSON, at key: String) throws(GrammarError) -> SchemaPlace {
    let parent = entry(place)
    return try add(schema, path: "\(parent.path)/\(key)", base: parent.base, dialect: parent.dialect)
  }

  /// A schema made while schemas are taken apart, beside that at `place`.
  mutating func synthetic(_ schema: JSON, beside place: SchemaPlace) throws(GrammarError) -> SchemaPlace {
    let parent = entry(place)
    return try add(schema, path: parent.path, base: parent.base, dialect: parent.dialect, isKnown: false)
  }

  private static func address(of schema: JSON, _ dialect: SchemaDialect) -> String? {
    // What stands beside a reference says nothing there.
    guard let object = schema.object, !(dialect.isReferenceAlone && object["$ref"] != nil) else { return nil }
    let said = object["$id"]?.string ?? (dialect == .draft4 || dialect == .unsaid ? object["id"]?.string : nil)
    guard let said else { return nil }
    let address = SchemaReference.parts(said).address
    return address.isEmpty ? nil : address
  }

  // MARK: Addresses and anchors

  /// Keywords whose values are schemas or lists of them, schemas by name, and what is no schema and holds none.
  private static let applicators = names([
    "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "else", "if", "items", "not", "oneOf",
    "prefixItems",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
  ])
  private static let containers = names([
    "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties",
  ])
  private static let constants = names(["const", "enum", "default", "example", "examples"])

  private static func names(_ names: [String]) -> Set<ExactString> { Set(names.map { ExactString($0) }) }

  /// What may hold schemas, with its place in the document.
  private struct Part {
    let value: JSON
    let path: String
    let base: String
    let dialect: SchemaDialect
  }

  /// Finds what has an address or an anchor. What stands where no schema is meant counts if nothing else has its name.
  private mutating func index(_ schema: JSON, _ dialect: SchemaDialect) throws(GrammarError) {
    var other: [Part] = []
    try index(Part(value: schema, path: "", base: "", dialect: dialect), isMeant: true, &other)
    var next = 0
    while next < other.count {
      try index(other[next], isMeant: false, &other)
      next += 1
    }
  }

  private mutating func index(_ part: Part, isMeant: Bool, _ other: inout [Part]) throws(GrammarError) {
    var (base, dialect) = (part.base, part.dialect)
    func inner(_ value: JSON, _ key: String) -> Part {
      Part(value: value, path: "\(part.path)/\(key)", base: base, dialect: dialect)
    }
    switch part.value {
    case .array(let elements):
      for (position, element) in elements.enumerated() where !element.isLeaf {
        try index(inner(element, String(position)), isMeant: isMeant, &other)
      }
    case .object(let object):
      if let said = object["$schema"]?.string { dialect = SchemaDialect(said) }
      if let address = SchemaDocument.address(of: part.value, dialect) {
        base = SchemaReference.resolved(address, against: part.base)
        let place = try add(part.value, path: part.path, base: part.base, dialect: dialect)
        if resources[base] == nil { resources[base] = place }
      }
      try indexAnchors(of: object, part, base, dialect, isMeant)
      for (key, member) in object.members where !member.isLeaf && !SchemaDocument.constants.contains(ExactString(key)) {
        let member = inner(member, SchemaReference.escaped(key))
        if SchemaDocument.applicators.contains(ExactString(key)) {
          try index(member, isMeant: isMeant, &other)
        } else if SchemaDocument.containers.contains(ExactString(key)), case .object(let schemas) = member.value {
          for (name, schema) in schemas.members where !schema.isLeaf {
            try index(
              Part(
                value: schema, path: "\(member.path)/\(SchemaReference.escaped(name))", base: base, dialect: dialect),
              isMeant: isMeant, &other)
          }
        } else {
          other.append(member)
        }
      }
    default: break
    }
  }

  private mutating func indexAnchors(
    of object: JSONObject, _ part: Part, _ base: String, _ dialect: SchemaDialect, _ isMeant: Bool
  ) throws(GrammarError) {
    var names = [object["$anchor"]?.string, object["$dynamicAnchor"]?.string]
    if isMeant, let name = object["$dynamicAnchor"]?.string { dynamicAnchors[name, default: 0] += 1 }
    for key in ["$id", "id"] {
      guard let said = object[key]?.string, let fragment = SchemaReference.parts(said).fragment, !fragment.isEmpty,
        !fragment.hasPrefix("/")
      else { continue }
      names.append(fragment)
    }
    for case let name? in names {
      let key = "\(base)#\(name)"
      if !isMeant, anchors[key] != nil { continue }
      let place = try add(part.value, path: part.path, base: base, dialect: dialect)
      if let other = anchors[key], other != place { isAnchorDouble.insert(key) }
      anchors[key] = place
    }
  }

  // MARK: References

  /// What a reference names.
  mutating func target(of reference: JSON, keyword: String, from place: SchemaPlace) throws(GrammarError) -> SchemaPlace
  {
    let entry = entry(place)
    let path = "\(entry.path)/\(keyword)"
    guard let text = reference.string else { throw .invalidSchema(path: path, reason: "it is not a string") }
    let (address, written) = SchemaReference.parts(text)
    let base = SchemaReference.resolved(address, against: entry.base)
    guard let resource = resources[base] ?? (address.isEmpty ? root : nil) else {
      throw .unsupported(
        keyword: keyword, path: entry.path, reason: "\(JSON.string(text).text()) is outside of the document")
    }
    guard let fragment = SchemaReference.decoded(written ?? "") else {
      throw .invalidSchema(path: path, reason: "its percent signs spell no text")
    }
    if fragment.isEmpty { return resource }
    guard fragment.hasPrefix("/") else {
      let key = "\(base)#\(fragment)"
      guard let anchor = anchors[key] ?? anchors["#\(fragment)"] else {
        throw .invalidSchema(path: path, reason: "there is no anchor \(JSON.string(fragment).text())")
      }
      guard keyword == "$ref" || !isAnchorDouble.contains(key) && dynamicAnchors[fragment, default: 0] < 2 else {
        throw .unsupported(keyword: keyword, path: entry.path, reason: "several schemas have its anchor")
      }
      return anchor
    }
    let start = self.entry(resource)
    var (target, targetPath, targetBase, dialect) = (start.schema, start.path, start.base, start.dialect)
    for part in fragment.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      let name = SchemaReference.unescaped(part)
      guard
        let next = target[name]
          ?? Int(name).flatMap({ index in target.array.flatMap { $0.indices.contains(index) ? $0[index] : nil } })
      else { throw .invalidSchema(path: path, reason: "there is nothing at \(text)") }
      // What lies on the way may change the address that references within it go out from.
      if targetPath != start.path {
        if let said = target["$schema"]?.string { dialect = SchemaDialect(said) }
        if let address = SchemaDocument.address(of: target, dialect) {
          targetBase = SchemaReference.resolved(address, against: targetBase)
        }
      }
      target = next
      targetPath += "/" + SchemaReference.escaped(name)
    }
    return try add(target, path: targetPath, base: targetBase, dialect: dialect)
  }
}

extension JSON {
  /// Whether it has no parts.
  fileprivate var isLeaf: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }
}
