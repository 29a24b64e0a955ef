import Jamba
import Synchronization
import TestSupport
import Testing

/// Answers as programs ask for them: from tasks, token by token, and stopped.
@Suite struct ResponseTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try folder.convertDemo()
  }

  static let messages: [ChatMessage] = [.user("Tell me a story about a red ball.")]
  static let options = GenerationOptions(sampling: Sampling(temperature: 0.8, seed: 7), maxTokens: 20)

  static func tokens(_ model: JambaModel) async throws -> [Int32] {
    try await tokens(model.makeSession().respond(to: messages, options: options))
  }

  static func tokens(_ response: Response) async throws -> [Int32] {
    var tokens: [Int32] = []
    for try await piece in response { tokens += [piece.token].compactMap { $0 } }
    return tokens
  }

  /// The last piece alone says why the answer ended and what it has taken, and progress reaches the whole prompt.
  @Test func lastPieceHasUsage() async throws {
    let model = try JambaModel.open(path, options: ModelOptions(chunk: 4))
    let session = try model.makeSession(options: SessionOptions(chunk: 4))
    let promptCount = try model.promptTokens(Self.messages).count
    let calls = Mutex<[Int]>([])
    var pieces: [Piece] = []
    let response = session.respond(to: Self.messages, options: Self.options) { done, total in
      calls.withLock { $0.append(done) }
      #expect(total == promptCount)
    }
    for try await piece in response { pieces.append(piece) }
    #expect(pieces.dropLast().allSatisfy { $0.finishReason == nil && $0.usage == nil })
    let last = try #require(pieces.last)
    #expect(last.finishReason == .length)
    #expect(last.usage?.promptTokens == promptCount)
    #expect(last.usage?.completionTokens == 20)
    let done = calls.withLock { $0 }
    #expect(done == done.sorted() && done.count >= promptCount / 4 - 1 && done.allSatisfy { $0 < promptCount })
  }

  @Test func tasksShareAModel() async throws {
    let model = try JambaModel.open(path)
    let alone = try await Self.tokens(model)
    #expect(alone.count == 20)
    try await withThrowingTaskGroup(of: [Int32].self) { group in
      for _ in 0..<4 { group.addTask { try await Self.tokens(model) } }
      for try await together in group { #expect(together == alone) }
    }
    // The same without tasks.
    let generation = try model.makeSession().answer(to: Self.messages, options: Self.options)
    var waiting: [Int32] = []
    while let piece = try generation.next() { waiting += [piece.token].compactMap { $0 } }
    #expect(waiting == alone)
  }

  @Test func cancellingATaskEndsItsAnswer() async throws {
    let model = try JambaModel.open(path)
    let pieces = try await Task {
      var pieces: [Piece] = []
      for try await piece in try model.makeSession().respond(to: Self.messages, options: Self.options) {
        pieces.append(piece)
        if pieces.count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return pieces
    }.value
    #expect(pieces.compactMap(\.token).count == 3)
    #expect(pieces.last?.finishReason == .cancelled)

    // What is in a snapshot needs no reading that could be stopped.
    model.forgetSnapshots()
    let session = try model.makeSession()
    let beforehand = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await Self.tokens(session.respond(to: Self.messages, options: Self.options))
    }
    await #expect { try await beforehand.value } throws: { error in
      if case .cancelled = error as? JambaError { true } else { false }
    }
    #expect(session.tokenCount == 0)
  }

  /// A loop of one's own draws what generating draws.
  @Test func ownLoopDrawsTheSame() throws {
    let model = try JambaModel.open(path)
    let prompt = try model.requireTokenizer().encode("Once upon a time")
    let generation = try model.makeSession().generate(tokens: prompt, options: Self.options)
    var expected: [Int32] = []
    while let piece = try generation.next() { expected += [piece.token].compactMap { $0 } }

    let session = try model.makeSession()
    var sampler = try Sampler(Self.options.sampling)
    #expect(try session.sample(with: &sampler) == nil)
    #expect(try !session.withLogits { _ in })
    try session.prefill(prompt)
    for token in expected {
      #expect(try session.sample(with: &sampler) == token)
      try session.prefill([token])
    }
    let logits = try model.makeSession().append(prompt + expected)
    var isSame = false
    #expect(try session.withLogits { span in isSame = span.indices.allSatisfy { span[$0] == logits[$0] } })
    #expect(isSame)
  }

  @Test(arguments: [nil, 64 << 20]) func openingTellsHowFarItIs(memory: Int?) throws {
    var calls: [(done: Int, total: Int)] = []
    _ = try JambaModel.open(path, options: ModelOptions(memory: memory)) { done, total in
      calls.append((done, total))
      return true
    }
    let last = try #require(calls.last)
    #expect(last.done == last.total && last.total > 0)
    #expect(calls.map(\.done) == calls.map(\.done).sorted())
    #expect {
      _ = try JambaModel.open(path, options: ModelOptions(memory: memory)) { _, _ in false }
    } throws: { error in
      if case .cancelled = error as? JambaError { true } else { false }
    }
  }
}
