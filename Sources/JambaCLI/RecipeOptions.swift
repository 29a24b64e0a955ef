import ArgumentParser
import Jamba
import JambaConvert
import JambaFormat
import JambaSystem

/// How a checkpoint's weights are to be stored: of `convert`, and of `plan` for what is not converted yet.
struct RecipeOptions: ParsableArguments {
  /// A type of matrices, by its name.
  struct WeightType: ExpressibleByArgument {
    let storage: StorageType

    init?(argument: String) {
      guard let type = WeightType.all.first(where: { $0.name == argument }) else { return nil }
      storage = type
    }

    static var allValueStrings: [String] { all.map(\.name) }

    /// The smallest first.
    private static var all: [StorageType] {
      StorageType.allCases.filter(\.isMatrix).sorted {
        $0.stripByteCount(columns: 1024)! < $1.stripByteCount(columns: 1024)!
      }
    }
  }

  enum RecipeName: String, ExpressibleByArgument, CaseIterable { case balanced, small }

  @Option(
    help:
      "How weights are stored. Unless given, int4, but what the source still has is kept: int8 where it has 8 bits already, int6 where it has 4 to 7.")
  var type: WeightType?

  @Option(help: "For int4: balanced gives the sensitive matrices 6 or 8 bits, small fewer of them.")
  var recipe: RecipeName?

  @Option(
    help: ArgumentHelp(
      "In place of a type or recipe: the bits a weight may take on average, such as 3.5; more of them, from 2 to 8, go where they gain most.",
      valueName: "number"))
  var bits: Double?

  @Option(
    help: ArgumentHelp(
      "In place of a type or recipe: the best file that is in memory as a whole within that limit, with room for a text of --fit-context tokens.",
      valueName: "size"))
  var fit: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Tokens of text that --fit keeps memory for; \(ModelOptions.usualContext) when not given, if the model takes as many.", valueName: "n"))
  var fitContext: Int?

  @Option(
    help: ArgumentHelp(
      "For int4, in place of a recipe, for downloads and for experts read from a slow disk: about so many bits a weight of the packed file, such as 3.5; in memory it is like any other int4.",
      valueName: "number"))
  var bitsOnDisk: Double?

  @Option(
    help: ArgumentHelp(
      "How certain matrices are stored, whatever the recipe says: a tensor name in which * stands for any text, and a type, such as '*.x_proj.weight=bf16'. May be repeated; the first that fits decides.",
      valueName: "name=type"))
  var rule: [RuleOption] = []

  func validate() throws {
    let isInt4 = type?.storage ?? .int4 == .int4
    guard recipe == nil || isInt4 else { throw ValidationError("--recipe goes with --type int4 only.") }
    guard bits == nil || (isInt4 && recipe == nil) else {
      throw ValidationError("--bits stands in place of --type and --recipe.")
    }
    guard 1...16 ~= bits ?? 8 else { throw ValidationError("--bits takes a number from 1 to 16.") }
    guard fit == nil || (type == nil && recipe == nil && bits == nil && bitsOnDisk == nil) else {
      throw ValidationError("--fit stands in place of --type, --recipe and --bits.")
    }
    guard fitContext == nil || fit != nil else { throw ValidationError("--fit-context goes with --fit.") }
    try checked { () throws(JambaError) in try ModelOptions(context: fitContext).validate() }
    guard bitsOnDisk == nil || (isInt4 && recipe == nil && bits == nil) else {
      throw ValidationError("--bits-on-disk goes with --type int4 only, in place of --recipe and --bits.")
    }
    guard 1...8 ~= bitsOnDisk ?? 4 else { throw ValidationError("--bits-on-disk takes a number from 1 to 8.") }
  }

  /// Whether any type that is asked for has codes, which importance makes better.
  var hasCodes: Bool { ([type?.storage ?? .int4] + rules.map(\.type)).contains(where: \.traits.hasCodes) }

  var rules: [Recipe.Rule] { rule.map(\.rule) }

  /// - Returns: nil where none is asked for, and the checkpoint decides.
  func recipe(checkpoint path: String, adapters: [AdapterSource] = [], tokenizer: String? = nil) throws -> Recipe? {
    if let fit {
      let planned = try PlannedModel(checkpoint: path, rules: rules, tokenizer: tokenizer, adapters: adapters)
      return try recipe(fitting: fit.byteCount, planned, path: path)
    }
    if let bits { return try .meeting(bits: bits, checkpoint: path, adapters: adapters) }
    if let bitsOnDisk { return try .meeting(bitsOnDisk: bitsOnDisk, checkpoint: path, adapters: adapters) }
    if let recipe { return recipe == .small ? .small : .balanced }
    return type.map { $0.storage == .int4 ? .balanced : .uniform($0.storage) }
  }

  /// The recipe with the most bits whose weights, with the memory of a text, are all in memory within a limit.
  private func recipe(fitting limit: Int, _ planned: PlannedModel, path: String) throws -> Recipe {
    let options = ModelOptions(memory: limit, context: fitContext)
    func plan(_ directory: Directory) throws(JambaError) -> MemoryPlan {
      try JambaModel.plan(directory, planned.configuration, path: path, options: options)
    }
    let recipe = try planned.recipe { (try? plan($0).residency) == .owned }
    guard let recipe else {
      // What it takes in 2 bits, without any limit.
      let least = try JambaModel.plan(
        planned.directory(.uniform(.int2)), planned.configuration, path: path,
        options: ModelOptions(memory: Int.max / 4, context: fitContext))
      let needed = least.items.reduce(0) { $0 + (["snapshots", "grammars"].contains($1.name) ? 0 : $1.byteCount) }
      throw CommandFailure(
        "\(path) does not fit \(Terminal.size(limit)) as a whole: in 2 bits it needs \(Terminal.size(needed)). Converted with --type int4 it runs in less, its experts or layers read from the file when they are needed (jamba plan says how)."
      )
    }
    return recipe
  }
}

/// "*.x_proj.weight=bf16"
struct RuleOption: ExpressibleByArgument {
  let rule: Recipe.Rule

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let type = RecipeOptions.WeightType(argument: String(parts[1])) else {
      return nil
    }
    rule = Recipe.Rule(pattern: String(parts[0]), type: type.storage)
  }
}
