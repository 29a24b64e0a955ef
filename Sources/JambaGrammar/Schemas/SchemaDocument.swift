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
    try index(schema, path: "", base: "", dialect: dialect, depth: 0)
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

  /// Keywords whose values are no schemas and hold none.
  private static let constants: Set<ExactString> = Set(["const", "enum", "default", "example", "examples"].map { ExactString($0) })

  /// Finds what has an address or an anchor.
  private mutating func index(
    _ value: JSON, path: String, base: String, dialect: SchemaDialect, depth: Int
  ) throws(GrammarError) {
    switch value {
    case .array(let elements):
      for (position, element) in elements.enumerated() where !element.isLeaf {
        try index(element, path: "\(path)/\(position)", base: base, dialect: dialect, depth: depth + 1)
      }
    case .object(let object):
      var (base, dialect) = (base, dialect)
      if let said = object["$schema"]?.string { dialect = SchemaDialect(said) }
      if let address = SchemaDocument.address(of: value, dialect) {
        let outer = base
        base = SchemaReference.resolved(address, against: base)
        let place = try add(value, path: path, base: outer, dialect: dialect)
        if resources[base] == nil { resources[base] = place }
      }
      var names = [object["$anchor"]?.string, object["$dynamicAnchor"]?.string]
      if let name = object["$dynamicAnchor"]?.string { dynamicAnchors[name, default: 0] += 1 }
      for key in ["$id", "id"] {
        guard let said = object[key]?.string, let fragment = SchemaReference.parts(said).fragment, !fragment.isEmpty,
          !fragment.hasPrefix("/")
        else { continue }
        names.append(fragment)
      }
      for case let name? in names {
        let place = try add(value, path: path, base: base, dialect: dialect)
        let key = "\(base)#\(name)"
        if let other = anchors[key], other != place { isAnchorDouble.insert(key) }
        anchors[key] = place
      }
      for (key, member) in object.members where !member.isLeaf && !SchemaDocument.constants.contains(ExactString(key)) {
        try index(
          member, path: "\(path)/\(SchemaReference.escaped(key))", base: base, dialect: dialect, depth: depth + 1)
      }
    default: break
    }
  }

  // MARK: References

  /// What a reference names.
  mutating func target(of reference: JSON, keyword: String, from place: SchemaPlace) throws(GrammarError) -> SchemaPlace {
    let entry = entry(place)
    let path = "\(entry.path)/\(keyword)"
    guard let text = reference.string else { throw .invalidSchema(path: path, reason: "it is not a string") }
    let (address, written) = SchemaReference.parts(text)
    let base = SchemaReference.resolved(address, against: entry.base)
    guard let resource = resources[base] ?? (address.isEmpty ? root : nil) else {
      throw .unsupported(keyword: keyword, path: entry.path, reason: "\(JSON.string(text).text()) is outside of the document")
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
