import Jamba
import JambaConvert
import JambaSystem
import Synchronization
import TestSupport
import Testing

/// Sequences that share passes compute the same bits as those that run alone.
@Suite struct BatchTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try folder.convertDemo(ConversionOptions(recipe: .small, threads: 2))
  }

  /// What one caller does: a prompt, and how it goes on.
  struct Work: Sendable {
    var prompt: [Int32]
    var options: SessionOptions
    var generation: GenerationOptions
  }

  static func work(_ model: JambaModel) throws -> [Work] {
    let text = String(decoding: try bytes(of: Fixtures.stories), as: UTF8.self)
    let tokens = try model.requireTokenizer().encode(String(text.prefix(6000)))
    return (0..<8).map { number in
      var sampling = Sampling(temperature: number % 2 == 0 ? 0 : 0.8)
      sampling.seed = UInt64(number)
      var options = SessionOptions(
        chunk: [256, 16, 64, 7][number % 4], window: number % 3 == 2 ? 50 : nil,
        cacheType: number == 5 ? .f16 : nil, draft: number % 2 == 0 ? 4 : 0)
      options.draftsEagerly = true
      return Work(
        prompt: Array(tokens[(100 * number)...].prefix([300, 5, 1, 120][number % 4])), options: options,
        generation: GenerationOptions(sampling: sampling, maxTokens: 40, stopsAtEnd: false))
    }
  }

  /// Every token, and the last logits.
  static func run(_ work: Work, _ model: JambaModel) throws -> (tokens: [Int32], logits: [Float]) {
    let session = try model.makeSession(options: work.options)
    let generation = try session.generate(tokens: work.prompt, options: work.generation)
    while try generation.next() != nil {}
    return (session.tokens, try session.append([1]))
  }

  @Test(arguments: [16, 256]) func togetherIsAlone(chunk: Int) async throws {
    let alone = try JambaModel.open(path, options: ModelOptions(threads: 1, snapshotByteCount: 0))
    let work = try BatchTests.work(alone)
    let expected = try work.map { try BatchTests.run($0, alone) }
    #expect(alone.passStatistics.passes == alone.passStatistics.sequences)

    let shared = try JambaModel.open(
      path, options: ModelOptions(threads: 2, chunk: chunk, sessions: 8, snapshotByteCount: 0))
    let found = try inThreads(work.count) { try BatchTests.run(work[$0], shared) }
    for (found, expected) in zip(found, expected) {
      #expect(found.tokens == expected.tokens)
      #expect(found.logits == expected.logits)
    }
    let statistics = shared.passStatistics
    #expect(statistics.sequences > statistics.passes, "nobody shared a pass")
  }

  /// Who looks at every token, among those who generate, sees what it would see alone.
  @Test(arguments: [16, 256]) func lookingTogetherIsLookingAlone(chunk: Int) throws {
    @Sendable func look(_ number: Int, _ work: Work, _ model: JambaModel) throws -> [Float] {
      switch number % 3 {
      case 0: return try BatchTests.run(work, model).logits
      case 1: return try model.embedding(of: work.prompt)
      default:
        let options = GenerationOptions(maxTokens: 1, topLogProbabilities: 3, scoresPrompt: true)
        let generation = try model.makeSession().generate(tokens: work.prompt, options: options)
        let last = try generation.next()?.logProbabilities
        return (generation.promptLogProbabilities + [last!]).flatMap { [$0.chosen.value] + $0.top.map(\.value) }
      }
    }
    let alone = try JambaModel.open(path, options: ModelOptions(threads: 1, snapshotByteCount: 0))
    let work = try BatchTests.work(alone)
    let expected = try work.indices.map { try look($0, work[$0], alone) }
    let shared = try JambaModel.open(path, options: ModelOptions(threads: 2, chunk: chunk, sessions: 8))
    // The second time snapshots of the texts are there.
    for _ in 0..<2 { #expect(try inThreads(work.count) { try look($0, work[$0], shared) } == expected) }
  }

  /// Experts come and go in a few slots.
  @Test func togetherIsAloneWithLittleMemory() throws {
    let path = folder.file("experts.jamba")
    try SyntheticModels.write(to: path, hidden: 128, intermediate: 768, experts: 8)
    let options = ModelOptions(threads: 2, memory: 1 << 40, context: 64, chunk: 16, sessions: 4)
    let least = try JambaModel.plan(path, options: options).leastByteCount
    @Sendable func run(_ model: JambaModel, _ number: Int) throws -> [Float] {
      let session = try model.makeSession()
      return try session.append((0..<40).map { Int32(3 + ($0 * (7 + number)) % 250) })
    }
    let alone = try JambaModel.open(path)
    let expected = try (0..<4).map { try run(alone, $0) }
    var little = options
    little.memory = least
    let model = try JambaModel.open(path, options: little)
    #expect(model.plan.residency != .mapped && model.plan.residency != .owned)
    #expect(try inThreads(4) { try run(model, $0) } == expected)
  }

  /// Who is cancelled, or fails before computing, does not disturb the others.
  @Test func cancellingOneLeavesTheOthers() throws {
    let alone = try JambaModel.open(path, options: ModelOptions(threads: 2, snapshotByteCount: 0))
    let work = try BatchTests.work(alone)
    let expected = try work.map { try BatchTests.run($0, alone) }
    let shared = try JambaModel.open(path, options: ModelOptions(threads: 2, sessions: 8, snapshotByteCount: 0))
    let asked = Atomic(0)
    let found = try inThreads(8) { number in
      if number % 2 == 0 { return try BatchTests.run(work[number], shared) }
      let session = try shared.makeSession()
      #expect(throws: JambaError.self) {
        try session.prefill(
          work[0].prompt, isCancelled: { asked.add(1, ordering: .relaxed).newValue % 50 == 10 * number })
        throw JambaError.cancelled  // it came through before it was to be cancelled
      }
      return (session.tokens, [])
    }
    for number in stride(from: 0, to: 8, by: 2) {
      #expect(found[number].tokens == expected[number].tokens && found[number].logits == expected[number].logits)
    }
  }
}

/// Who gets how much of a pass.
@Suite struct BatchQueueTests {
  final class Part: BatchMember {
    let tokenCount: Int
    let isPrompt: Bool
    var sequence: ObjectIdentifier { ObjectIdentifier(self) }
    let thread: Int

    init(_ count: Int, isPrompt: Bool? = nil, thread: Int = 1) {
      tokenCount = count
      self.isPrompt = isPrompt ?? (count > 1)
      self.thread = thread
    }
  }

  @Test func stepsComeFirstAndPromptsShareTheRest() {
    var queue = BatchQueue<Part>(capacity: 100, isShared: false)
    let parts = [Part(90), Part(1), Part(10), Part(4, isPrompt: false), Part(60)]
    for part in parts { queue.arrive(part) }
    let batch = queue.take()
    #expect(parts.map { part in batch.first { $0.part === part }?.count } == [43, 1, 10, 4, 42])
    #expect(queue.waiting.isEmpty)
  }

  @Test func whoHasWaitedLongestIsNeverLeftOut() {
    var queue = BatchQueue<Part>(capacity: 2, isShared: true)
    let (prompt, steps) = (Part(50), [Part(1), Part(1), Part(1)])
    queue.arrive(prompt)
    for step in steps { queue.arrive(step) }
    let batch = queue.take()
    #expect(batch.count == 2 && batch.contains { $0.part === prompt && $0.count == 1 })
    #expect(queue.waiting.count == 2)
    #expect(queue.withdraw(steps[2]) && !queue.withdraw(prompt))
  }

  /// A shared prompt takes about a second of a pass, whatever a second is worth.
  @Test func promptsAreCutByTime() {
    var queue = BatchQueue<Part>(capacity: 256, isShared: true)
    func next(seconds: Double) -> Int {
      queue.arrive(Part(256))
      let batch = queue.take()
      queue.finish(batch, seconds: seconds)
      return batch[0].count
    }
    #expect(next(seconds: 0.4) == 8)
    #expect(next(seconds: 1) == 20)
    #expect(next(seconds: 2) == 20)
    #expect(next(seconds: 0.001) < 20)
    for _ in 0..<40 { _ = next(seconds: 0.001) }
    #expect(next(seconds: 0.001) == 256)
  }

  @Test func thoseOfTheLastPassAreExpectedOnce() {
    var queue = BatchQueue<Part>(capacity: 8, isShared: true)
    let (first, second) = (Part(1, thread: 1), Part(1, thread: 2))
    queue.arrive(first)
    queue.arrive(second)
    #expect(queue.expected.isEmpty)
    queue.finish(queue.take(), seconds: 1)
    #expect(queue.expected.count == 2)
    // The first thread comes with another sequence: the one it had will not come meanwhile.
    queue.arrive(Part(1, thread: 1))
    #expect(queue.expected.count == 1)
    queue.arrive(second)
    #expect(queue.expected.isEmpty)
  }
}

/// Runs bodies on threads of their own, all at the same time, and gathers what they return.
func inThreads<Result: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
) throws -> [Result] {
  let box = Box<Result>()
  let threads = try (0..<count).map { number in
    try BackgroundThread {
      let result = Swift.Result { try body(number) }
      box.results.withLock { $0[number] = result }
    }
  }
  for thread in threads { thread.join() }
  return try box.results.withLock { all in try (0..<count).map { try all[$0]!.get() } }
}

private final class Box<Result: Sendable>: Sendable {
  let results = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
}
