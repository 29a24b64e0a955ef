/// Schemas that a value must fit all together, some of them not: what becomes a rule of the grammar.
struct SchemaGoal: Hashable {
  struct Part: Hashable, Comparable {
    let place: SchemaPlace
    var isNegated = false

    static func < (a: Part, b: Part) -> Bool {
      a.place != b.place ? a.place < b.place : !a.isNegated && b.isNegated
    }
  }

  /// Sorted, each once; none for any value.
  private(set) var parts: [Part] = []

  static let anything = SchemaGoal()

  init(_ places: SchemaPlace...) { parts = places.map { Part(place: $0) } }

  init(_ part: Part) { parts = [part] }

  var isAnything: Bool { parts.isEmpty }

  func and(_ other: SchemaGoal) -> SchemaGoal {
    if other.isAnything { return self }
    if isAnything { return other }
    var all = self
    all.parts = Array(Set(parts + other.parts)).sorted()
    return all
  }
}
