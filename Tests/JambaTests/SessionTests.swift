import Foundation
import Jamba
import JambaConvert
import TestSupport
import Testing

/// Sessions that stop, branch, go back and look ahead compute the same bits as those that do not.
@Suite struct SessionTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try folder.convertDemo(ConversionOptions(recipe: .small, threads: 2))
  }

  func model(_ options: ModelOptions = ModelOptions(threads: 2)) throws -> JambaModel {
    try JambaModel.open(path, options: options)
  }

  static let text = (try? bytes(of: Fixtures.stories)).map { String(decoding: $0, as: UTF8.self) } ?? ""

  func tokens(_ model: JambaModel, _ count: Int) throws -> [Int32] {
    Array(try model.requireTokenizer().encode(String(SessionTests.text.prefix(8 * count))).prefix(count))
  }

  static func generate(_ generation: Generation) throws -> [Int32] {
    var tokens: [Int32] = []
    while let piece = try generation.next() { if let token = piece.token { tokens.append(token) } }
    return tokens
  }

  static let kept: [SessionOptions] = [
    SessionOptions(chunk: 64, snapshotInterval: 32), SessionOptions(chunk: 16, cacheType: .f16, snapshotInterval: 50),
    SessionOptions(chunk: 64, window: 100, sinks: 4, snapshotInterval: 32),
    SessionOptions(chunk: 10, window: 33, sinks: 0, cacheType: .f32, snapshotInterval: 64),
    SessionOptions(chunk: 64, window: 1, snapshotInterval: 1000),
  ]

  @Test(arguments: kept.indices) func restoredIsContinued(index: Int) throws {
    let (model, options) = (try model(), SessionTests.kept[index])
    let tokens = try tokens(model, 300)
    let session = try model.makeSession(options: options)
    _ = try session.append(Array(tokens[..<200]))
    let file = folder.file("session")
    try session.save(to: file, note: [1, 2, 3])

    // Another process would open the model anew; another chunk gives the ring another size.
    for chunk in [options.chunk, 100] {
      let (restored, note) = try self.model().makeSession(restoring: file, options: SessionOptions(chunk: chunk))
      #expect(note == [1, 2, 3] && restored.tokens == Array(tokens[..<200]))
      let (found, fresh) = (try restored.append(Array(tokens[200...])), try model.makeSession(options: options))
      _ = try fresh.append(Array(tokens[..<200]))
      #expect(try found == fresh.append(Array(tokens[200...])))
    }
  }

  @Test func savedInTheMiddleOfAnAnswer() throws {
    let model = try model()
    let prompt = try tokens(model, 40)
    let sampling = Sampling(temperature: 0.9, topP: 0.95, repetitionPenalty: 1.1, seed: 7)
    func options(_ count: Int) -> GenerationOptions {
      GenerationOptions(sampling: sampling, maxTokens: count, stopsAtEnd: false)
    }
    let whole = try SessionTests.generate(model.makeSession().generate(tokens: prompt, options: options(40)))
    let session = try model.makeSession()
    let first = try SessionTests.generate(session.generate(tokens: prompt, options: options(15)))
    let file = folder.file("session")
    try session.save(to: file)
    let (restored, _) = try self.model().makeSession(restoring: file)
    let second = try SessionTests.generate(restored.continueGenerating(options: options(25)))
    #expect(first + second == whole)
    #expect(throws: JambaError.self) { _ = try model.makeSession().continueGenerating() }
  }

  @Test(arguments: kept.indices) func rewoundIsFresh(index: Int) throws {
    let (model, options) = (try model(), SessionTests.kept[index])
    let (tokens, other) = (try tokens(model, 400), try Array(tokens(model, 420).reversed()[..<40]))
    let session = try model.makeSession(options: options)
    _ = try session.append(tokens)
    for back in [1, 2, 31, 100, 333, 400] {
      try session.rewind(to: 400 - back)
      #expect(session.tokenCount == 400 - back)
      let fresh = try self.model().makeSession(options: options)
      if back < 400 { _ = try fresh.append(Array(tokens[..<(400 - back)])) }
      #expect(try session.append(other) == fresh.append(other), "\(back) back")
      try session.rewind(to: 400 - back)
      _ = try session.append(Array(tokens[(400 - back)...]))
    }
    #expect(throws: JambaError.self) { try session.rewind(to: 401) }
    #expect(throws: JambaError.self) { try session.rewind(to: -1) }
  }

  /// No more than the interval is read again.
  @Test func rewindingReadsLittle() throws {
    let model = try model()
    let session = try model.makeSession(options: SessionOptions(chunk: 8, snapshotInterval: 64))
    _ = try session.append(try tokens(model, 500))
    var read = 0
    try session.rewind(to: 447) { done in
      read = done
      return true
    }
    #expect(0 < read && read < 64)
  }

  @Test(arguments: kept.indices) func forksAreIndependent(index: Int) throws {
    let (model, options) = (try model(), SessionTests.kept[index])
    let tokens = try tokens(model, 300)
    let session = try model.makeSession(options: options)
    _ = try session.append(Array(tokens[..<150]))
    let fork = try session.fork()
    #expect(fork.tokens == session.tokens)
    func fresh(_ tokens: [Int32]) throws -> [Float] { try self.model().makeSession(options: options).append(tokens) }
    let (a, b) = (Array(tokens[150..<230]), Array(tokens[220..<300]))
    #expect(try session.append(a) == fresh(tokens[..<150] + a))
    #expect(try fork.append(b) == fresh(tokens[..<150] + b))
    #expect(try session.append(b) == fresh(tokens[..<150] + a + b))
    #expect(try fork.append(a) == fresh(tokens[..<150] + b + a))
  }

  @Test func promptsBeginWhereOthersWere() throws {
    let model = try model()
    let (shared, tokens) = (try tokens(model, 200), try tokens(model, 300))
    let greedy = GenerationOptions(maxTokens: 8, stopsAtEnd: false)
    let options = SessionOptions(chunk: 16)
    _ = try model.makeSession(options: options).generate(tokens: shared, options: greedy)
    var first: Int?
    let found = try SessionTests.generate(
      model.makeSession(options: options).generate(tokens: tokens, options: greedy) { done in
        first = first ?? done
        return true
      })
    // Told before anything is computed.
    #expect(first == 200)
    #expect(try found == SessionTests.generate(self.model().makeSession().generate(tokens: tokens, options: greedy)))
    // Other keys and values are no beginning.
    first = nil
    _ = try model.makeSession(options: SessionOptions(chunk: 16, cacheType: .f16)).generate(
      tokens: tokens, options: greedy
    ) {
      first = first ?? $0
      return true
    }
    #expect(first == 0)
  }

  /// Snapshots give way: the planned text fits the least memory.
  @Test func snapshotsYieldToTheText() throws {
    let plan = try JambaModel.plan(path, options: ModelOptions(memory: 1 << 40, context: 2000, chunk: 64))
    let model = try model(ModelOptions(threads: 2, memory: plan.leastByteCount + 200_000, context: 2000, chunk: 64))
    let session = try model.makeSession(options: SessionOptions(chunk: 64, snapshotInterval: 16))
    let tokens = try tokens(model, 1000)
    _ = try session.append(tokens)
    _ = try session.append(tokens)
    #expect(session.tokenCount == 2000)
  }

  /// What an answer's grammar has found out counts as the session's, is forgotten where there is no room for it, and goes with
  /// the answer: the same tokens in the least memory, and behind them the planned text.
  @Test func grammarsYieldToTheText() throws {
    let plan = try JambaModel.plan(path, options: ModelOptions(memory: 1 << 40, context: 2000, chunk: 64))
    // Much that may go on in several ways: sets of stacks that are large.
    let grammar = try Grammar(gbnf: #"""
      root ::= (some "." | other "," | third)+
      some ::= word (" " word){0,200}
      other ::= ([a-z ]{1,30} "'"?){1,50} | word
      third ::= [^.]{5,300} "."
      word ::= [a-zA-Z]+
      """#)
    let options = GenerationOptions(sampling: Sampling(temperature: 1, seed: 4), maxTokens: 60, stopsAtEnd: false, grammar: grammar)
    var answers: [[Int32]] = []
    for memory in [nil, plan.leastByteCount + 200_000] {
      let model = try model(ModelOptions(threads: 2, memory: memory, context: 2000, chunk: 64))
      let session = try model.makeSession(options: SessionOptions(chunk: 64, snapshotInterval: 16))
      let prompt = try tokens(model, 1900)
      answers.append(try SessionTests.generate(session.generate(tokens: prompt, options: options)))
      _ = try session.append(Array(prompt.prefix(2000 - session.tokenCount)))
      #expect(session.tokenCount == 2000)
    }
    #expect(answers[0] == answers[1])
  }

  /// Fifty prompts, drawn and greedy, with every guess tried: text, text that repeats itself, and arbitrary tokens.
  @Test func guessingChangesNothing() throws {
    let model = try model()
    let text = try tokens(model, 1200)
    let grammar = try Grammar(gbnf: #"root ::= ("the little " ("girl" | "boy" | "dog") " went to the park and " ("was" | "had" | "said") " ")*"#)
    var (passes, right, guessed) = (0, 0, 0)
    for number in 0..<50 {
      let start = number * 20
      let piece = Array(text[start..<start + 12 + number % 9])
      let prompt: [Int32] =
        switch number % 3 {
        case 0: piece
        case 1: piece + piece + piece
        default: (0..<40).map { Int32(($0 * 7 + number) % 11 + 300) }
        }
      let sampling =
        number % 2 == 0
        ? Sampling()
        : Sampling(temperature: 0.6, topK: 40, repetitionPenalty: number % 4 == 1 ? 1 : 1.05, seed: UInt64(number))
      let options = GenerationOptions(
        sampling: sampling, maxTokens: 40, stopsAtEnd: number % 5 != 0, grammar: number % 6 == 5 ? grammar : nil)
      var results: [[Int32]] = []
      for draft in [0, 1 + number % 9] {
        var how = SessionOptions(
          chunk: 32, window: number % 4 < 2 ? nil : 20 + number, snapshotInterval: number % 7 == 0 ? 24 : 1024,
          draft: draft)
        how.draftsEagerly = true
        let session = try model.makeSession(options: how)
        let generated = try SessionTests.generate(session.generate(tokens: prompt, options: options))
        // What is left open when the answer ends must not show either.
        let after = try session.append(piece)
        results.append(generated + after.map { Int32(bitPattern: $0.bitPattern) } + session.tokens)
        if draft > 0 {
          passes += session.draftStatistics.passes
          right += session.draftStatistics.right
          guessed += session.draftStatistics.guessed
        }
        model.forgetSnapshots()
      }
      #expect(results[0] == results[1], "prompt \(number)")
    }
    // The test would mean nothing if nothing were guessed, or always rightly.
    #expect(passes > 50 && right > 50 && guessed > right)
  }

  /// An answer that repeats its prompt but for one token: behind it, the guess is what stands behind the one that it replaces.
  ///
  /// A pass ends before the place of a snapshot: with the one interval the edit is guessed wrong within a pass, with the other it
  /// comes behind one.
  @Test(arguments: [(1024, 30), (256, 29)])
  func guessesGoOnBehindAnEdit(snapshotInterval: Int, guessed: Int) throws {
    let model = try model()
    var options = SessionOptions(snapshotInterval: snapshotInterval, draft: 3)
    options.draftsEagerly = true
    let session = try model.makeSession(options: options)
    let prompt = (10..<70).map { Int32($0) }
    _ = try session.append(prompt)
    var answer = Array(prompt[..<40])
    answer[20] = 5
    try session.follow(answer)
    // Two tokens tell where the text repeats itself, and from then on all are guessed but the edit and one in front of each pass.
    #expect(session.draftStatistics.right == 29)
    #expect(session.draftStatistics.guessed == guessed)
  }
}
