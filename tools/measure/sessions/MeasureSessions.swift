import ArgumentParser
import Jamba
import JambaFormat
import JambaSystem

/// Measures what docs/SESSIONS.md states, and checks that bits are the same where they must be.
@main
struct MeasureSessions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure-sessions",
    abstract: "Measures long texts, saving, rewinding, guessing ahead, sessions at the same time and calls from C.",
    subcommands: [
      Long.self, Steps.self, Save.self, Depth.self, Rewind.self, Speculate.self, Together.self, Soak.self,
      Overhead.self,
    ])
}

struct SessionArguments: ParsableArguments {
  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "Tokens of the text.")
  var tokens = 8192

  @Option(help: "Tokens that attention sees.")
  var window = 4096

  @Option(help: "Tokens at the beginning that are seen for ever.")
  var sinks = 4

  @Option(help: "A text to take the tokens from, again and again; without one they are arbitrary.")
  var text: String?

  @Option(help: "A .jamba file to take the tokenizer from.")
  var vocabulary: String?

  func open(draft: Int = 0, draftTexts: [String] = [], snapshotByteCount: Int? = nil) throws -> JambaModel {
    var options = ModelOptions(
      context: window, window: window, sinks: sinks, draft: draft, snapshotByteCount: snapshotByteCount)
    options.draftTexts = draftTexts
    return try JambaModel.open(model, options: options)
  }

  func tokens(_ model: JambaModel, _ count: Int) throws -> [Int32] {
    let vocabulary = model.configuration.vocabSize
    guard let text else { return (0..<count).map { Int32(($0 &* 7919 &+ 104_729) % vocabulary) } }
    let source = String(decoding: try FileSystem.contents(of: text, limit: 1 << 30), as: UTF8.self)
    let ids =
      try self.vocabulary.map { try JambaModel.tokenizer(of: JambaFile(path: $0)).encode(source) }
      ?? model.requireTokenizer().encode(source)
    return (0..<count).map { ids[$0 % ids.count] }
  }
}

func milliseconds<Result>(_ body: () throws -> Result) rethrows -> (Result, Double) {
  let start = monotonicSeconds()
  let result = try body()
  return (result, (monotonicSeconds() - start) * 1000)
}

func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

/// A long text, a line for each part: tokens, tokens a second in the part, and the most memory so far.
struct Long: ParsableCommand {
  @OptionGroup var arguments: SessionArguments

  @Option(help: "Tokens between two lines.")
  var part = 8192

  @Option(help: "MiB for snapshots, from which to go back in the text.")
  var snapshots = 64

  func run() throws {
    guard 0...65536 ~= snapshots else { throw ValidationError("--snapshots takes a number from 0 to 65536.") }
    let model = try arguments.open(snapshotByteCount: snapshots << 20)
    let tokens = try arguments.tokens(model, arguments.tokens)
    let session = try model.makeSession()
    print("tokens\ttokens_per_second\tsession_bytes\tpeak_resident_bytes")
    for start in stride(from: 0, to: tokens.count, by: part) {
      let piece = Array(tokens[start..<min(tokens.count, start + part)])
      let (_, time) = try milliseconds { try session.append(piece) }
      print(
        "\(session.tokenCount)\t\(text(Double(piece.count) / time * 1000))\t\(session.stateByteCount)\t\(Processors.peakResidentByteCount)"
      )
    }
  }
}

/// What a step costs at different places of a text: sessions that have come so far take turns.
struct Steps: ParsableCommand {
  @OptionGroup var arguments: SessionArguments

  @Option(help: "Where to measure, ascending, such as 100,10000,100000.")
  var positions = "100,10000"

  @Option(help: "A saved session, to measure at its end as well.")
  var from: String?

  @Option(help: "Steps at each place.")
  var steps = 48

  func run() throws {
    let places = positions.split(separator: ",").compactMap { Int($0) }
    guard places.first ?? 0 > 0, places == places.sorted() else {
      throw ValidationError("--positions takes ascending numbers from 1 on.")
    }
    let model = try arguments.open()
    let tokens = try arguments.tokens(model, places.last! + steps)
    let text = try model.makeSession()
    var sessions: [Session] = []
    for place in places {
      _ = try text.append(Array(tokens[text.tokenCount..<place]))
      sessions.append(try text.fork())
    }
    if let from { sessions.append(try model.makeSession(restoring: from).session) }
    let starts = sessions.map(\.tokenCount)
    var times = sessions.map { _ in [Double]() }
    for step in 0..<steps {
      for (index, session) in sessions.enumerated() {
        times[index].append(try milliseconds { try session.append([tokens[step]]) }.1)
      }
    }
    print("after\tmedian_ms\tleast_ms")
    for (start, times) in zip(starts, times) {
      let sorted = times.sorted()
      print("\(start)\t\(sorted[sorted.count / 2])\t\(sorted[0])")
    }
  }
}

/// Saving and restoring, five times each; then both sessions go on.
struct Save: ParsableCommand {
  @OptionGroup var arguments: SessionArguments

  @Option(help: "The file to write; it stays.")
  var file = "measure.session"

  @Option(help: "A saved session to begin with instead of reading a text.")
  var from: String?

  func run() throws {
    let model = try arguments.open()
    let session: Session
    let tokens = try arguments.tokens(model, arguments.tokens + 64)
    if let from {
      session = try model.makeSession(restoring: from).session
    } else {
      session = try model.makeSession()
      _ = try session.append(Array(tokens[..<arguments.tokens]))
    }
    for _ in 0..<5 {
      let (_, saving) = try milliseconds { try session.save(to: file) }
      let (_, restoring) = try milliseconds { _ = try model.makeSession(restoring: file) }
      print("saved in \(text(saving)) ms, restored in \(text(restoring)) ms")
    }
    let size = try FileSystem.contents(of: file, limit: 1 << 30).count
    let rest = Array(tokens[arguments.tokens...])
    let isSame = try model.makeSession(restoring: file).session.append(rest) == session.append(rest)
    print(
      "\(session.tokenCount - rest.count) tokens, \(size) bytes, going on gives \(isSame ? "the same bits" : "OTHER BITS")"
    )
    guard isSame else { throw ExitCode.failure }
  }
}

/// Rewinding by 1, 100 and 1000 tokens, against a session that reads the text up to there.
struct Rewind: ParsableCommand {
  @OptionGroup var arguments: SessionArguments

  @Option(help: "Tokens generated after it.")
  var generated = 16

  func run() throws {
    let model = try arguments.open()
    let tokens = try arguments.tokens(model, arguments.tokens)
    let session = try model.makeSession()
    let options = GenerationOptions(
      sampling: Sampling(temperature: 0.8, seed: 5), maxTokens: generated, stopsAtEnd: false)
    func answer(_ generation: Generation) throws -> [Int32] {
      var result: [Int32] = []
      while let piece = try generation.next() { if let token = piece.token { result.append(token) } }
      return result
    }
    _ = try session.append(tokens)
    for back in [1, 100, 1000] where back < tokens.count {
      let (_, time) = try milliseconds { try session.rewind(to: tokens.count - back) }
      let logits = try session.append([tokens[tokens.count - back]])
      let found = try answer(session.generate(tokens: [1], options: options))
      // A session of its own, and no snapshot to start from.
      model.forgetSnapshots()
      let fresh = try model.makeSession()
      let (_, reading) = try milliseconds { _ = try fresh.append(Array(tokens[..<(tokens.count - back)])) }
      let expected = try fresh.append([tokens[tokens.count - back]])
      let isSame = try logits == expected && found == answer(fresh.generate(tokens: [1], options: options))
      print(
        "back by \(back): \(text(time)) ms (reading anew: \(text(reading)) ms), \(isSame ? "the same bits" : "OTHER BITS")"
      )
      guard isSame else { throw ExitCode.failure }
      // Snapshots as they were.
      try session.reset()
      _ = try session.append(tokens)
    }
  }
}

/// Generating with and without guessing, in turns, along a given answer: the speed of a model that answers so. A model
/// with random weights would not, and guessing is about what is said, not about who says it.
struct Speculate: ParsableCommand {
  enum Answer: String, ExpressibleByArgument, CaseIterable {
    /// The prompt again, every twentieth token another: an edit.
    case edit
    /// How the text goes on.
    case text
  }

  @OptionGroup var arguments: SessionArguments

  @Option(help: "What is answered to --tokens of --text: edit or text.")
  var answer = Answer.edit

  @Option(help: "Tokens of the answer.")
  var generated = 96

  @Option(help: "Turns.")
  var repetitions = 3

  @Option(help: "The most tokens to guess.")
  var draft = 7

  @Option(help: "A text to guess from.")
  var draftText: [String] = []

  func run() throws {
    let model = try arguments.open(draft: draft, draftTexts: draftText)
    let count = arguments.tokens
    let tokens = try arguments.tokens(model, count + generated)
    let answer =
      switch self.answer {
      case .edit: (0..<generated).map { $0 % 20 == 19 ? Int32(300 + $0) : tokens[$0 % count] }
      case .text: Array(tokens[count...])
      }
    var results: Set<[Float]> = []
    for repetition in 0..<repetitions {
      var line = "turn \(repetition + 1):"
      for draft in [0, draft] {
        let session = try model.makeSession(options: SessionOptions(draft: draft))
        _ = try session.generate(tokens: Array(tokens[..<count]), options: GenerationOptions(maxTokens: 0))
        let (_, time) = try milliseconds { try session.follow(answer) }
        results.insert(try session.append([1]))
        let rate = text(Double(generated) / time * 1000)
        let found = session.draftStatistics
        line +=
          draft == 0
          ? " \(rate) tokens/s plain,"
          : " \(rate) guessing, \(found.right) of \(found.guessed) right in \(found.passes) passes"
      }
      print(line)
    }
    print(results.count == 1 ? "the same bits" : "OTHER BITS")
    guard results.count == 1 else { throw ExitCode.failure }
  }
}
