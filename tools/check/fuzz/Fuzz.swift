import ArgumentParser
import Foundation
import FuzzTargets

/// Feeds damaged inputs to what reads files, requests and models' answers, and looks for crashes, hangs, and times and
/// memory out of proportion.
///
/// A target runs in a process of its own, which is started again behind a crash. Inputs that found something are written
/// to a folder; `--replay` runs them alone. The exit status is 1 when something was found.
@main
struct Fuzz: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Feeds damaged inputs to everything that reads what is not to be trusted.")

  @Argument(help: "Targets.")
  var names: [String] = []

  @Flag(help: "All targets, one after another.")
  var all = false

  @Flag(help: "List the targets.")
  var list = false

  @Option(help: "How long each target is fed.")
  var minutes: Double?

  @Option(help: "How long each target is fed.")
  var seconds: Double?

  @Option(help: "The number of mutated inputs. Without this and a time, a short test's number.")
  var executions: Int?

  @Option(help: "Another number makes other inputs.")
  var seed: UInt64 = 1

  @Option(help: "Where inputs that found something are written.")
  var output = ".build/fuzz"

  @Option(help: "Runs one target with this file alone, in this process.")
  var replay: String?

  #if GUIDED
    @Flag(help: "Have the compiler's coverage guide one target: inputs that reach something new are kept and changed.")
    var guided = false
  #endif

  @Option(help: .hidden)
  var state: String?

  func validate() throws {
    for name in names where FuzzTarget.all[name] == nil {
      throw ValidationError("there is no target \(name), only \(FuzzTarget.all.keys.sorted().joined(separator: ", "))")
    }
    guard list || all || !names.isEmpty else { throw ValidationError("name targets, or say --all") }
    guard replay == nil && state == nil || names.count == 1 else { throw ValidationError("name one target") }
  }

  func run() throws {
    let targets = (all || list ? FuzzTarget.all.keys.sorted() : names).map { FuzzTarget.all[$0]! }
    if list {
      for target in targets { print(target.name) }
      return
    }
    if let replay {
      let input = Array(try Data(contentsOf: URL(fileURLWithPath: replay)))
      let cost = Cost { targets[0].run(input) }
      print("\(replay): \(input.count) bytes, \(cost)")
      return
    }
    let amount = Amount(
      seconds: minutes.map { $0 * 60 } ?? seconds,
      executions: executions ?? (minutes == nil && seconds == nil ? nil : Int.max))
    if let state {
      return try Worker(targets[0], seed: seed, state: SharedState(path: state), output: output).run(amount)
    }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    #if GUIDED
      if guided { throw ExitCode(try Guide(targets[0], output: output).run(amount, seed: seed)) }
    #endif
    var findings = 0
    for target in targets { findings += try Watch(target, output: output).run(amount, seed: seed) }
    if findings > 0 { throw ExitCode(1) }
  }
}

/// How much of a target is run: what ends first.
struct Amount {
  var seconds: Double?
  /// nil for a short test.
  var executions: Int?
}
