import ArgumentParser
import Jamba
import JambaSystem
import Synchronization

/// What sessions that generate at the same time get, for several numbers of them in turn, and whether each computes what
/// it computes alone.
struct Together: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lets several sessions generate at the same time, each on its own thread.")

  @OptionGroup var arguments: SessionArguments

  @Option(help: "How many sessions, such as 1,2,4,8.")
  var counts = "1,2,4,8"

  @Option(help: "Tokens that each generates.")
  var steps = 32

  @Option(help: "Repetitions.")
  var rounds = 1

  func run() throws {
    let counts = counts.split(separator: ",").compactMap { Int($0) }
    guard let most = counts.max(), counts.allSatisfy({ 1...1024 ~= $0 }), steps > 1 else {
      throw ValidationError("--counts takes numbers from 1 to 1024, and --steps is at least 2.")
    }
    let model = try JambaModel.open(
      arguments.model,
      options: ModelOptions(
        context: arguments.tokens + steps, sessions: most, window: arguments.window, sinks: arguments.sinks,
        snapshotByteCount: 0))
    let text = try arguments.tokens(model, arguments.tokens + most)
    var expected: [Int: [Int32]] = [:]
    print("sessions\ttokens_per_second\tmedian_ms\tp99_ms\ttokens_a_pass\tsame_tokens")
    for _ in 0..<rounds {
      for count in counts {
        let sessions = try (0..<count).map { number in
          let session = try model.makeSession()
          try session.prefill(Array(text[number..<number + arguments.tokens]))
          return session
        }
        let before = model.passStatistics
        let run = Run(sessions: sessions, steps: steps)
        let start = monotonicSeconds()
        for thread in try sessions.indices.map({ number in try BackgroundThread { run.generate(number) } }) { thread.join() }
        let seconds = monotonicSeconds() - start
        let after = model.passStatistics
        let results = try run.results.withLock { all in try sessions.indices.map { try all[$0]!.get() } }
        let intervals = results.flatMap(\.milliseconds).sorted()
        let isSame = results.enumerated().allSatisfy { number, result in
          defer { expected[number] = result.tokens }
          return expected[number] ?? result.tokens == result.tokens
        }
        print(
          [
            "\(count)", string(Double(count * steps) / seconds), string(intervals[intervals.count / 2]),
            string(intervals[intervals.count * 99 / 100]),
            string(Double(after.tokens - before.tokens) / Double(after.passes - before.passes)), isSame ? "yes" : "NO",
          ].joined(separator: "\t"))
      }
    }
  }

  private func string(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  /// Sessions that generate, each on the thread that calls `generate` with its number.
  private final class Run: Sendable {
    typealias Generated = (tokens: [Int32], milliseconds: [Double])
    let sessions: [Session]
    let steps: Int
    let results = Mutex<[Int: Result<Generated, any Error>]>([:])

    init(sessions: [Session], steps: Int) {
      self.sessions = sessions
      self.steps = steps
    }

    func generate(_ number: Int) {
      let result = Result { () throws -> Generated in
        var (tokens, times): Generated = ([], [])
        var last = monotonicSeconds()
        var sampler = try Sampler(Sampling())
        for _ in 0..<steps {
          guard let token = try sessions[number].sample(with: &sampler) else { break }
          try sessions[number].prefill([token])
          tokens.append(token)
          let now = monotonicSeconds()
          times.append((now - last) * 1000)
          last = now
        }
        return (tokens, times)
      }
      results.withLock { $0[number] = result }
    }
  }
}
