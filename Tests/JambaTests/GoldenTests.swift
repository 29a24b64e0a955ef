import Jamba
import JambaConvert
import JambaEvaluation
import JambaFormat
import JambaSystem
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The runtime against Hugging Face transformers in float32, on checkpoints stored in full precision.
///
/// The tolerance, 1e-4 of a position's logits, is what the deepest fixture needs: its fourteen layers of random weights
/// magnify rounding so much that transformers itself is 5e-5 away from the same computation in double precision.
@Suite struct GoldenTests {
  static let tolerance = 1e-4
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func model(_ name: String, threads: Int = 2, instructionSet: InstructionSet = .automatic) throws -> JambaModel {
    let path = folder.file(name + ".jamba")
    if !FileSystem.exists(path) {
      _ = try convert(
        checkpoint: Fixtures.checkpoint(name), to: path,
        options: ConversionOptions(recipe: .uniform(.f32), packing: .automatic, threads: 2), tool: "test",
        progress: { _, _ in true })
    }
    return try JambaModel.open(
      path, options: ModelOptions(threads: threads, instructionSet: instructionSet, chunk: 1024))
  }

  /// Logits of every position, `[tokens * vocab]`.
  func logits(_ model: JambaModel, _ tokens: [Int32], chunk: Int) throws -> [Float] {
    let session = try model.makeSession(options: SessionOptions(chunk: chunk))
    var all: [Float] = []
    try session.append(tokens) { _, row in for index in row.indices { all.append(row[index]) } }
    return all
  }

  /// The largest relative distance of two matrices' rows.
  func distance(_ found: [Float], _ expected: [Float], width: Int) -> Double {
    guard found.count == expected.count else { return .infinity }
    return stride(from: 0, to: expected.count, by: width).map { start in
      var (difference, size) = (0.0, 0.0)
      for index in start..<start + width {
        let delta = Double(found[index]) - Double(expected[index])
        difference += delta * delta
        size += Double(expected[index]) * Double(expected[index])
      }
      return (difference / size).squareRoot()
    }.max() ?? .infinity
  }

  @Test(arguments: ["moe", "dense", "long", "odd", "demo"])
  func logitsAndGreedyTokensAreThoseOfTheReference(name: String) throws {
    let expected = try Fixtures.expected(name)
    let model = try model(name)
    let prompt = expected.integers("input_ids")
    let greedy = expected.integers("greedy_ids")
    let vocabulary = model.configuration.vocabSize

    let found = try logits(model, prompt, chunk: 256)
    #expect(distance(found, expected.floats("logits"), width: vocabulary) <= GoldenTests.tolerance)

    let session = try model.makeSession()
    let options = GenerationOptions(maxTokens: greedy.count, stopsAtEnd: false)
    let generation = try session.generate(tokens: prompt, options: options)
    var tokens: [Int32] = []
    while let piece = try generation.next() { if let token = piece.token { tokens.append(token) } }
    #expect(tokens == greedy)

    let continued = try logits(model, prompt + greedy.dropLast(), chunk: 256)
    #expect(
      distance(Array(continued[((prompt.count - 1) * vocabulary)...]), expected.floats("greedy_logits"), width: vocabulary)
        <= GoldenTests.tolerance)
  }

  @Test(arguments: ["moe", "dense", "long", "odd", "demo"])
  func hiddenStatesAreThoseOfTheReference(name: String) throws {
    let expected = try Fixtures.expected(name)
    let model = try model(name)
    let prompt = expected.integers("input_ids")
    let width = model.configuration.hiddenSize
    let trace = LayerTrace(layerCount: model.configuration.numHiddenLayers)
    try model.makeSession().observe(prompt, by: trace)
    let states = trace.states
    let reference = expected.floats("hidden_states")
    #expect(states.count == model.configuration.numHiddenLayers + 1)
    // The reference's last state is normalized.
    for (layer, state) in states.dropLast().enumerated() {
      let start = layer * prompt.count * width
      #expect(
        distance(state, Array(reference[start..<start + prompt.count * width]), width: width) <= GoldenTests.tolerance,
        "before layer \(layer)")
    }
  }

  /// The reference's last state is the one behind the final norm.
  @Test(arguments: ["moe", "dense", "long", "odd", "demo"])
  func embeddingIsTheMeanOfTheReferencesLastStates(name: String) throws {
    let expected = try Fixtures.expected(name)
    let model = try model(name)
    let prompt = expected.integers("input_ids")
    let width = model.configuration.hiddenSize
    let last = expected.floats("hidden_states").suffix(prompt.count * width)
    let mean = (0..<width).map { column in
      Float((0..<prompt.count).reduce(0.0) { $0 + Double(last[last.startIndex + $1 * width + column]) } / Double(prompt.count))
    }
    #expect(distance(try model.embedding(of: prompt), mean, width: width) <= GoldenTests.tolerance)
  }

  /// Scores of a prompt are what its logits say.
  @Test func scoresOfAPromptAreThoseOfTheReference() throws {
    let expected = try Fixtures.expected("moe")
    let model = try model("moe")
    let prompt = expected.integers("input_ids")
    let (width, logits) = (model.configuration.vocabSize, expected.floats("logits"))
    let session = try model.makeSession()
    let options = GenerationOptions(maxTokens: 0, topLogProbabilities: 2, scoresPrompt: true)
    let generation = try session.generate(tokens: prompt, options: options)
    #expect(generation.promptLogProbabilities.count == prompt.count - 1)
    #expect(generation.usage.promptTokens == prompt.count)
    for (index, found) in generation.promptLogProbabilities.enumerated() {
      let row = logits[index * width..<(index + 1) * width].map(Double.init)
      let largest = row.max()!
      let normalizer = largest + log(row.reduce(0) { $0 + exp($1 - largest) })
      #expect(found.chosen.token == prompt[index + 1])
      #expect(abs(Double(found.chosen.value) - (row[Int(prompt[index + 1])] - normalizer)) < 1e-3)
      #expect(found.top.count == 2 && found.top[0].token == Int32(row.firstIndex(of: largest)!))
    }
    #expect(try generation.next()?.finishReason == .length)
  }

  /// The promise of docs/NUMERICS.md: nothing but the file and the tokens decides the bits.
  @Test(arguments: ["moe", "dense", "long", "odd"])
  func bitsDependOnNothingElse(name: String) throws {
    let prompt = try Fixtures.expected(name).integers("input_ids")
    let reference = try logits(try model(name, threads: 1, instructionSet: .scalar), prompt, chunk: 256)
    for threads in [1, 2, 3] {
      let model = try model(name, threads: threads)
      for chunk in [1, 7, 64, prompt.count] {
        #expect(try logits(model, prompt, chunk: chunk) == reference, "\(threads) threads, chunks of \(chunk)")
      }
    }
  }

  /// The same for quantized weights, which take other kernels.
  @Test(arguments: [StorageType.int8, .int6, .int4, .bf16])
  func quantizedBitsDependOnNothingElse(type: StorageType) throws {
    let path = folder.file("demo-\(type.name).jamba")
    let packed = folder.file("demo-\(type.name)-packed.jamba")
    for (path, packing) in [(path, JambaFileWriter.Packing.raw), (packed, .zstd)] {
      _ = try convert(
        checkpoint: Fixtures.checkpoint("demo"), to: path,
        options: ConversionOptions(recipe: type == .int4 ? .small : .uniform(type), packing: packing, threads: 2),
        tool: "test", progress: { _, _ in true })
    }
    let prompt = try Fixtures.expected("demo").integers("input_ids")
    let reference = try logits(
      try JambaModel.open(path, options: ModelOptions(threads: 1, instructionSet: .scalar)), prompt, chunk: 256)
    for threads in [1, 2] {
      for chunk in [1, 7, 256] {
        for path in [path, packed] {
          let model = try JambaModel.open(path, options: ModelOptions(threads: threads))
          #expect(try logits(model, prompt, chunk: chunk) == reference, "\(threads) threads, chunks of \(chunk)")
        }
      }
    }
  }
}
