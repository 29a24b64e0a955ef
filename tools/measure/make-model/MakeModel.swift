import ArgumentParser
import JambaConvert
import JambaFormat
import JambaSystem

/// Writes a model of any shape with random weights.
@main
struct MakeModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make-model",
    abstract: "Writes a .jamba file of any configuration with random weights, straight to disk.")

  @Argument(help: "A config.json. Jamba Mini's is tools/measure/make-model/mini.json.")
  var config: String

  @Argument(help: "The file to write.")
  var output: String

  @Option(help: "balanced, small (both int4), the name of a type, or as many bits a weight as there may be, such as 3.2.")
  var recipe = "small"

  @Option(help: "raw, zstd or auto.")
  var pack = "raw"

  @Option(help: "How unequal the experts' chances are: 0 for equal ones; 0.5 is a marked preference.")
  var routerSkew = 0.0

  @Option(help: "The seed of the random numbers.")
  var seed: UInt64 = 1

  @Option(help: "A tokenizer.json to put into the file.")
  var tokenizer: String?

  @Option(help: "Threads that pack.")
  var threads = 2

  func run() throws {
    let packings: [String: JambaFileWriter.Packing] = ["raw": .raw, "zstd": .zstd, "auto": .automatic]
    guard let packing = packings[pack] else { throw ValidationError("--pack takes raw, zstd or auto.") }
    guard routerSkew >= 0, 1...1024 ~= threads else { throw ValidationError("A number is out of range.") }
    let documents = try tokenizer.map { [(DocumentName.tokenizer, try FileSystem.contents(of: $0, limit: 1 << 30))] }
    let text = try FileSystem.contents(of: config, limit: 1 << 20)
    var model = try SyntheticModel(configurationText: text, documents: documents ?? [], recipe: chosenRecipe(text))
    model.packing = packing
    model.routerSkew = routerSkew
    model.seed = seed
    let folder = output.lastIndex(of: "/").map { String(output[...$0]) } ?? "."
    let free = try FileSystem.freeByteCount(of: folder)
    guard model.byteCount + 1 << 26 < free else {
      throw ValidationError("The file takes \(model.byteCount) bytes and the disk has \(free) left.")
    }
    try model.write(to: output, threads: threads) { _, _ in true }
    print("\(output): \(try JambaFile(path: output).byteCount) bytes")
  }

  private func chosenRecipe(_ configuration: [UInt8]) throws -> Recipe {
    if recipe == "balanced" { return .balanced }
    if recipe == "small" { return .small }
    if let type = StorageType.allCases.first(where: { $0.isMatrix && $0.name == recipe }) { return .uniform(type) }
    guard let bits = Double(recipe) else { throw ValidationError("There is no recipe \(recipe).") }
    return try .meeting(bits: bits, ModelConfiguration(JSON.parse(configuration)), path: config)
  }
}
