import ArgumentParser
import JambaConvert

/// What is merged into a checkpoint's weights: of `convert`, and of `verify` for what was converted so.
struct AdapterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Merges a LoRA or DoRA adapter into the weights: a PEFT or MLX folder, or a GGUF file. May be repeated; each is merged into what those before it left.",
      valueName: "path"))
  var adapter: [String] = []

  // A negative number is no option.
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "What an adapter's changes are multiplied by, besides its own scale; 1 when not given. The first belongs to the first --adapter, and so on: either none is given, or one for each.",
      valueName: "number"))
  var adapterScale: [Double] = []

  var sources: [AdapterSource] {
    adapter.enumerated().map { index, path in
      AdapterSource(path: path, scale: adapterScale.isEmpty ? 1 : adapterScale[index])
    }
  }

  func validate() throws {
    guard adapterScale.isEmpty || adapterScale.count == adapter.count else {
      throw ValidationError(
        "There are \(adapter.count) --adapter and \(adapterScale.count) --adapter-scale; give one scale for each adapter, or none."
      )
    }
    guard adapterScale.allSatisfy(\.isFinite) else { throw ValidationError("--adapter-scale takes a finite number.") }
  }
}
