import Jamba
import JambaConvert
import JambaFormat
import TestSupport
import Testing

/// Adapters that are applied while the model computes, against what PEFT and mlx-lm make of them, and against themselves.
@Suite struct RunningAdapterTests {
  let golden: GoldenTests
  var folder: TemporaryFolder { golden.folder }

  init() throws { golden = try GoldenTests() }

  /// A model that is stored in one type, and an adapter for it.
  private func base(_ name: String, _ type: StorageType, adapters: [AdapterSource] = []) throws -> String {
    let path = folder.file("\(name)-\(type.name)-\(adapters.count).jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint(name), to: path,
      options: ConversionOptions(recipe: type == .int4 ? .balanced : .uniform(type), threads: 2, adapters: adapters),
      tool: "test", progress: { _, _ in true })
    return path
  }

  private func file(_ adapter: String, _ base: String, _ type: StorageType) throws -> String {
    let path = folder.file("\(adapter)-\(type.name).jadapter")
    _ = try convertAdapter(Fixtures.adapter(adapter), base: base, to: path, type: type, tool: "test")
    return path
  }

  private func logits(_ model: JambaModel, _ tokens: [Int32], _ options: SessionOptions) throws -> [Float] {
    let session = try model.makeSession(options: options)
    var all: [Float] = []
    try session.append(tokens) { _, row in for index in row.indices { all.append(row[index]) } }
    return all
  }

  // MARK: - Numbers

  /// Every kind of matrix: mixers, dense parts, experts by number and together, router, embedding, head, tied or not.
  static let cases: [(adapter: String, base: String, expected: String?)] = [
    ("lora", "moe", nil), ("lora-experts", "moe", nil), ("lora-former", "moe", nil), ("lora-embedding", "long", nil),
    ("lora-layers", "dense", nil), ("tied", "odd", nil), ("tied-head", "odd", nil), ("mlx-lora", "moe", nil),
    ("lora.gguf", "moe", "lora"), ("lora-experts.gguf", "moe", "lora-former"),
    ("lora-embedding.gguf", "long", "lora-embedding"),
  ]

  @Test(arguments: cases.indices) func logitsAreThoseOfTheReference(index: Int) throws {
    let (adapter, name, reference) = RunningAdapterTests.cases[index]
    let expected = try TensorFile(Fixtures.adapter(reference ?? adapter) + "/expected.safetensors")
    let tokens = expected.integers("input_ids")
    let path = try base(name, .f32)
    let file = try file(adapter, path, .f32)
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let applied = [AppliedAdapter(try model.loadAdapter(file))]
    let found = try logits(model, tokens, SessionOptions(adapters: applied))
    let distance = golden.distance(found, expected.floats("logits"), width: model.configuration.vocabSize)
    #expect(distance <= GoldenTests.tolerance, "\(adapter) on \(name)")
    // Without it, another model answers.
    let plain = golden.distance(
      try logits(model, tokens, SessionOptions()), expected.floats("logits"), width: model.configuration.vocabSize)
    #expect(plain > 0.1)
  }

  @Test func changesOfSeveralAddUp() throws {
    let expected = try TensorFile(Fixtures.adapter("two") + "/expected.safetensors")
    let path = try base("moe", .f32)
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let lora = try model.loadAdapter(file("lora", path, .f32))
    let experts = try model.loadAdapter(file("lora-experts", path, .f32))
    for adapters in [
      [AppliedAdapter(lora), AppliedAdapter(experts)],
      [AppliedAdapter(lora, scale: 0.25), AppliedAdapter(experts), AppliedAdapter(lora, scale: 0.75)],
    ] {
      let found = try logits(model, expected.integers("input_ids"), SessionOptions(adapters: adapters))
      #expect(
        golden.distance(found, expected.floats("logits"), width: model.configuration.vocabSize) <= GoldenTests.tolerance)
    }
  }

  /// However tokens are cut into passes, whatever the threads and the instruction set.
  @Test(arguments: [StorageType.int8, .bf16, .f32]) func bitsAreTheSameEverywhere(type: StorageType) throws {
    let path = try base("moe", .int4)
    let files = [try file("lora", path, type), try file("lora-former", path, type)]
    let tokens = (0..<150).map { Int32(3 + $0 * 37 % 250) }
    func run(_ options: ModelOptions, chunk: Int) throws -> [Float] {
      let model = try JambaModel.open(path, options: options)
      let applied = try files.map { AppliedAdapter(try model.loadAdapter($0), scale: 0.5) }
      return try logits(model, tokens, SessionOptions(chunk: chunk, adapters: applied))
    }
    let expected = try run(ModelOptions(threads: 1, instructionSet: .scalar), chunk: 256)
    for (threads, chunk) in [(2, 256), (1, 1), (2, 7), (3, 100)] {
      #expect(try run(ModelOptions(threads: threads), chunk: chunk) == expected, "\(threads) threads, chunks of \(chunk)")
    }
    // Experts that are offloaded to the file.
    var little = ModelOptions(threads: 2, memory: 1 << 40, context: 256, chunk: 16)
    little.adapters = files
    little.memory = try JambaModel.plan(path, options: little).leastByteCount
    #expect(try run(little, chunk: 16) == expected)
  }

  @Test func whatIsMultipliedByZeroChangesNoBit() throws {
    let path = try base("moe", .int4)
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let tokens = (0..<40).map { Int32(3 + $0 * 37 % 250) }
    let expected = try logits(model, tokens, SessionOptions())
    let adapter = try model.loadAdapter(file("lora", path, .int8))
    #expect(try logits(model, tokens, SessionOptions(adapters: [.init(adapter, scale: 0)])) == expected)
    #expect(try logits(model, tokens, SessionOptions(adapters: [.init(adapter)])) != expected)
    // A session beside them has none.
    #expect(try logits(model, tokens, SessionOptions()) == expected)
    #expect(throws: JambaError.self) { try model.makeSession(options: .init(adapters: [.init(adapter, scale: .nan)])) }
  }

  /// An adapter beside int4 weights is no farther from the merged model in full precision than merged and quantized weights.
  @Test func runningIsAsGoodAsMerging() throws {
    let source = AdapterSource(path: Fixtures.adapter("demo"))
    let tokens = try JambaModel.open(base("demo", .int4)).requireTokenizer().encode(
      String(decoding: bytes(of: Fixtures.stories), as: UTF8.self).prefix(1500).description)
    func logits(_ path: String, _ type: StorageType?) throws -> [Float] {
      let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
      let adapters = try type.map { [AppliedAdapter(try model.loadAdapter(file("demo", path, $0)))] } ?? []
      return try self.logits(model, tokens, SessionOptions(cacheType: .f32, adapters: adapters))
    }
    let exact = try logits(base("demo", .f32, adapters: [source]), nil)
    let merged = golden.distance(try logits(base("demo", .int4, adapters: [source]), nil), exact, width: 4096)
    for type in [StorageType.int8, .bf16, .f32] {
      let running = golden.distance(try logits(base("demo", .int4), type), exact, width: 4096)
      #expect(running < 1.25 * merged, "\(type.name): \(running), merged: \(merged)")
    }
    let without = golden.distance(try logits(base("demo", .int4), nil), exact, width: 4096)
    #expect(without > merged)
  }

  // MARK: - Sessions

  /// Four adapters, eight sessions, one base.
  @Test(arguments: [16, 256]) func togetherIsAlone(chunk: Int) throws {
    let path = try base("demo", .int4)
    let files = [try file("demo", path, .int8), try file("demo", path, .bf16)]
    @Sendable func work(_ model: JambaModel) throws -> [BatchTests.Work] {
      let adapters = try files.map { try model.loadAdapter($0) }
      let choices: [[AppliedAdapter]] = [
        [.init(adapters[0])], [], [.init(adapters[1])], [.init(adapters[0], scale: -1)],
        [.init(adapters[0]), .init(adapters[1], scale: 0.5)], [.init(adapters[1])], [.init(adapters[0])], [],
      ]
      return zip(try BatchTests.work(model), choices).map { work, adapters in
        var work = work
        work.options.adapters = adapters
        return work
      }
    }
    let alone = try JambaModel.open(path, options: ModelOptions(threads: 1, snapshotByteCount: 0))
    let expected = try work(alone).map { try BatchTests.run($0, alone) }
    #expect(Set(expected.map(\.tokens)).count > 6, "the adapters change little")
    let shared = try JambaModel.open(
      path, options: ModelOptions(threads: 2, chunk: chunk, sessions: 8, snapshotByteCount: 0))
    let works = try work(shared)
    let found = try inThreads(works.count) { try BatchTests.run(works[$0], shared) }
    for (found, expected) in zip(found, expected) {
      #expect(found.tokens == expected.tokens)
      #expect(found.logits == expected.logits)
    }
    #expect(shared.passStatistics.sequences > shared.passStatistics.passes, "nobody shared a pass")
  }

  /// A text is another one with another adapter: nothing of it is reused, and a saved one is not gone on with.
  @Test func textsKnowTheirAdapters() throws {
    let path = try base("demo", .int4)
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2))
    let adapters = [try model.loadAdapter(file("demo", path, .int8)), try model.loadAdapter(file("demo", path, .bf16))]
    let tokens = try model.requireTokenizer().encode("The little dog ran to the river because it was very hot.")
    func cached(_ adapters: [AppliedAdapter]) throws -> Int {
      let session = try model.makeSession(options: SessionOptions(adapters: adapters))
      return try session.generate(tokens: tokens, options: GenerationOptions(maxTokens: 0)).usage.cachedTokens
    }
    for choice in [[], [.init(adapters[0])], [.init(adapters[0], scale: 0.5)], [.init(adapters[1])], [.init(adapters[0]), .init(adapters[1])]] as [[AppliedAdapter]] {
      #expect(try cached(choice) == 0)
      #expect(try cached(choice) == tokens.count)
    }

    let saved = folder.file("adapted.session")
    let session = try model.makeSession(options: SessionOptions(adapters: [.init(adapters[0], scale: 0.5)]))
    _ = try session.append(tokens)
    try session.save(to: saved)
    for other in [[], [.init(adapters[0])], [.init(adapters[1], scale: 0.5)]] as [[AppliedAdapter]] {
      let error = #expect(throws: JambaError.self) {
        _ = try model.makeSession(restoring: saved, options: SessionOptions(adapters: other))
      }
      #expect(try #require(error).description.contains("read its text anew"))
    }
    let options = SessionOptions(adapters: [.init(try model.loadAdapter(file("demo", path, .int8)), scale: 0.5)])
    let restored = try model.makeSession(restoring: saved, options: options).session
    let fork = try session.fork()
    let next = try session.append([7])
    #expect(try restored.append([7]) == next && fork.append([7]) == next)
    try model.makeSession().save(to: saved)
    #expect(throws: JambaError.self) { _ = try model.makeSession(restoring: saved, options: options) }
  }

  // MARK: - Memory, and what is refused

  @Test func memoryIsPlannedAndGivenBack() throws {
    let path = try base("demo", .int4)
    let file = try file("demo", path, .bf16)
    var options = ModelOptions(threads: 2, memory: 1 << 40, context: 64, snapshotByteCount: 0)
    let plain = try JambaModel.plan(path, options: options)
    options.adapters = [file]
    let planned = try JambaModel.plan(path, options: options)
    let item = try #require(planned.items.first { $0.name == "adapters" })
    #expect(planned.byteCount == plain.byteCount + item.byteCount && item.byteCount < 4 << 20)
    #expect(planned.leastByteCount == plain.leastByteCount + item.byteCount)

    options.memory = planned.byteCount
    let model = try JambaModel.open(path, options: options)
    func use() throws {
      let session = try model.makeSession(options: SessionOptions(adapters: [.init(try model.loadAdapter(file))]))
      _ = try session.append((0..<64).map { Int32(3 + $0) })
    }
    for _ in 0..<20 { try use() }
    // Without the plan's room there is an end.
    var held: [Adapter] = []
    #expect(throws: JambaError.self) { for _ in 0..<4000 { held.append(try model.loadAdapter(file)) } }
    held = []
    try use()
  }

  @Test func foreignAdaptersAreRefused() throws {
    let (moe, dense) = (try base("moe", .int4), try base("dense", .int4))
    let model = try JambaModel.open(moe, options: ModelOptions(threads: 1))
    func refusal(_ path: String) throws -> String {
      try #require(#expect(throws: JambaError.self) { _ = try model.loadAdapter(path) }).description
    }
    #expect(try refusal(file("lora-layers", dense, .int8)).contains("another shape"))
    #expect(try refusal(moe).contains("not a .jadapter file"))
    #expect(try refusal(Fixtures.stories).contains("not a .jadapter file"))
    #expect(try refusal(folder.file("none")).contains("none"))
    let own = try file("lora", moe, .int8)
    #expect(throws: JambaError.self) { _ = try JambaModel.open(own) }
    // Of another quantization of the same model it is.
    _ = try JambaModel.open(base("moe", .f32), options: ModelOptions(threads: 1)).loadAdapter(own)
    // Of other weights of the same shape it is not.
    let other = folder.file("other.jamba")
    let text = try bytes(of: Fixtures.checkpoint("moe") + "/config.json")
    try SyntheticModel(configurationText: text, recipe: .small).write(to: other, threads: 1) { _, _ in true }
    #expect(try refusal(file("lora-former", other, .int8)).contains("other weights of the same shape"))
    // And of another model's memory neither.
    let adapter = try JambaModel.open(moe, options: ModelOptions(threads: 1)).loadAdapter(own)
    #expect(throws: JambaError.self) { try model.makeSession(options: SessionOptions(adapters: [.init(adapter)])) }
  }
}
