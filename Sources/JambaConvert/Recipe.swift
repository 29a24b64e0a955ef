public import JambaFormat

/// Which matrix is stored how: the first rule whose pattern fits the tensor's name decides.
public struct Recipe: Sendable {
  public struct Rule: Sendable {
    /// A tensor name in which `*` stands for any text.
    public let pattern: String
    public let type: StorageType
    /// The distance between codes in units of a row's root mean square; 0: as close as the type allows. The farther apart,
    /// the smaller a packed file is. For int4, int6 and int8.
    public let step: Float

    public init(pattern: String, type: StorageType, step: Float = 0) {
      self.pattern = pattern
      self.type = type
      self.step = step
    }
  }

  public let name: String
  public let rules: [Rule]
  /// How many of the rules precede the recipe's own.
  private var addedCount = 0
  /// More bits than 4 go where a bit more for each weight of the model would avoid at least this part of the divergence that 4
  /// bits everywhere cost. Nil: the rules are all there is.
  private(set) var leastGain: Double?

  /// 4 bits, and 6 or 8 where they gain much for their size.
  public static let balanced = gaining(0.8, name: "balanced")

  /// 4 bits, and more only where they gain most.
  public static let small = gaining(1.4, name: "small")

  private static func gaining(_ leastGain: Double, name: String) -> Recipe {
    var recipe = Recipe(name: name, rules: uniform(.int4).rules)
    recipe.leastGain = leastGain
    return recipe
  }

  /// Every matrix in one type, but for those that need another.
  public static func uniform(_ type: StorageType) -> Recipe {
    let needs = TensorRole.allCases.compactMap { role in
      role.traits.leastPrecision.map { Rule(pattern: "*." + role.traits.name, type: $0) }
    }
    return Recipe(name: type.name, rules: needs + [Rule(pattern: "*", type: type)])
  }

  /// The recipe with other rules before its own.
  public func preceded(by added: [Rule]) -> Recipe {
    var recipe = Recipe(name: name, rules: added + rules)
    recipe.addedCount = addedCount + added.count
    recipe.leastGain = leastGain
    return recipe
  }

  init(name: String, rules: [Rule]) {
    self.name = name
    self.rules = rules
  }

  /// The recipe for a model of these tensors: nothing but rules, the added ones first.
  func resolved(for tensors: [TensorSpecification]) -> Recipe {
    guard let leastGain else { return self }
    var recipe = Recipe(
      name: name, rules: rules.prefix(addedCount) + Recipe.rules(gaining: leastGain, tensors) + rules.dropFirst(addedCount))
    recipe.addedCount = addedCount
    return recipe
  }

  /// The first added rule that fits no matrix, most likely by mistake.
  func uselessRule(among tensors: [TensorSpecification]) -> Rule? {
    rules.prefix(addedCount).first { rule in
      !tensors.contains {
        $0.kind == .matrix && Recipe.matches(Array(rule.pattern.utf8), Array($0.name.utf8))
      }
    }
  }

  /// How a matrix is stored. Every recipe ends with a rule for all names.
  func rule(for tensor: String) -> Rule {
    let name = Array(tensor.utf8)
    return rules.first { Recipe.matches(Array($0.pattern.utf8), name) }!
  }

  /// Whether `*`, in a pattern, can stand for texts that make it the name.
  ///
  /// A star takes as little as it may; where the rest does not fit, the last star takes more, which is all that can help.
  /// - Complexity: O(pattern x name).
  private static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
    let star = UInt8(ascii: "*")
    var (p, n) = (0, 0)
    /// The last star, and where what it stands for ends.
    var last: (star: Int, end: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == star {
        last = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let (star, end) = last {
        last = (star, end + 1)
        (p, n) = (star + 1, end + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == star }
  }
}
