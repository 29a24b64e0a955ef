public import JambaFormat

/// Which matrix is stored how: the first rule whose pattern fits the tensor's name decides.
public struct Recipe: Sendable {
  public struct Rule: Sendable {
    /// A tensor name in which `*` stands for any text.
    public let pattern: String
    public let type: StorageType
  }

  public let name: String
  public let rules: [Rule]

  /// Experts and MLPs in 4 bits, the sensitive rest in 8.
  public static let balanced = Recipe(
    name: "balanced",
    [("*.router.weight", .f32), ("*.feed_forward.*", .int4), ("*", .int8)])

  /// The large projections of the Mamba mixer in 4 bits, too.
  public static let small = Recipe(
    name: "small",
    [
      ("*.router.weight", .f32), ("*.feed_forward.*", .int4), ("*.mamba.in_proj.weight", .int4),
      ("*.mamba.out_proj.weight", .int4), ("*", .int8),
    ])

  /// Every matrix in one type, the router aside.
  public static func uniform(_ type: StorageType) -> Recipe {
    Recipe(name: type.name, [("*.router.weight", .f32), ("*", type)])
  }

  private init(name: String, _ rules: [(String, StorageType)]) {
    self.name = name
    self.rules = rules.map { Rule(pattern: $0.0, type: $0.1) }
  }

  /// How a matrix is stored. Every recipe ends with a rule for all names.
  func type(of tensor: String) -> StorageType {
    let name = Array(tensor.utf8)
    return rules.first { Recipe.matches(Array($0.pattern.utf8)[...], name[...]) }!.type
  }

  private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    if first == UInt8(ascii: "*") {
      let rest = pattern.dropFirst()
      return (name.startIndex...name.endIndex).contains { matches(rest, name[$0...]) }
    }
    return name.first == first && matches(pattern.dropFirst(), name.dropFirst())
  }
}
