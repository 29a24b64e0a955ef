import ArgumentParser
import Jamba
import JambaSystem

/// Sessions that come and go on one model for a while, in a given amount of memory: reading texts of all lengths, going
/// on, forking, rewinding. Everything is computed twice now and then, and must be the same.
struct Soak: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Opens, forks, rewinds and drops sessions for some minutes, and watches the memory.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The most memory, in MiB.")
  var mebibytes: Int

  @Option(help: "Minutes.")
  var minutes = 10.0

  @Option(help: "Tokens of the longest text.")
  var longest = 400

  @Option(help: "The seed of the random choices.")
  var seed: UInt64 = 1

  func run() throws {
    let limit = mebibytes << 20
    let model = try JambaModel.open(self.model, options: ModelOptions(memory: limit, context: longest, chunk: 64))
    var random = SplitMix64(seed: seed)
    var sessions: [Session] = []
    var (opened, forked, rewound, refused, compared, tokens) = (0, 0, 0, 0, 0, 0)
    let end = monotonicSeconds() + 60 * minutes
    var nextLine = monotonicSeconds()
    print("seconds_left\tsessions\topened\tforked\trewound\trefused\tcompared\ttokens\tpeak_resident_bytes")
    while monotonicSeconds() < end {
      do throws(JambaError) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0...1:
          sessions.append(try model.makeSession(options: SessionOptions(chunk: 64)))
          opened += 1
        case 2 where !sessions.isEmpty:
          sessions.append(try sessions.randomElement(using: &random)!.fork())
          forked += 1
        case 3 where !sessions.isEmpty:
          let session = sessions.randomElement(using: &random)!
          try session.rewind(to: Int.random(in: 0...session.tokenCount, using: &random))
          rewound += 1
        case 4 where !sessions.isEmpty:
          sessions.remove(at: Int.random(in: 0..<sessions.count, using: &random))
        default:
          guard let session = sessions.randomElement(using: &random), session.tokenCount < longest else { break }
          let count = Int.random(in: 1...(longest - session.tokenCount), using: &random)
          let vocabulary = Int32(model.configuration.vocabSize)
          let text = (0..<count).map { _ in Int32.random(in: 0..<vocabulary, using: &random) }
          let logits = try session.append(text)
          tokens += count
          if Int.random(in: 0..<8, using: &random) == 0 {
            let all = session.tokens
            sessions.removeAll { $0 !== session }
            let other = try model.makeSession(options: SessionOptions(chunk: 64))
            guard try other.append(all) == logits else {
              print("OTHER BITS")
              Soak.exit(withError: ExitCode.failure)
            }
            compared += 1
          }
        }
      } catch {
        // Memory is short: that is said, and what there is stays usable.
        guard case .memoryLimitReached = error else { throw error }
        refused += 1
        sessions.removeAll()
      }
      if monotonicSeconds() >= nextLine {
        print(
          "\(Int(end - monotonicSeconds()))\t\(sessions.count)\t\(opened)\t\(forked)\t\(rewound)\t\(refused)\t\(compared)\t\(tokens)\t\(Processors.peakResidentByteCount)")
        nextLine += 30
      }
    }
    guard Processors.peakResidentByteCount <= limit else {
      print("the peak exceeds the limit of \(limit) bytes")
      throw ExitCode.failure
    }
  }
}
