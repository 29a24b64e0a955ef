import Foundation
import FuzzTargets

/// Has a worker run a target, and another one behind a crash or a hang.
struct Watch {
  private let target: FuzzTarget
  private let output: String

  /// An input that takes longer hangs.
  private static let hangSeconds = 60.0
  private static let findingLimit = 20

  init(_ target: FuzzTarget, output: String) {
    self.target = target
    self.output = output
  }

  /// - Returns: how many inputs found something.
  func run(_ amount: Amount, seed: UInt64) throws -> Int {
    let stateFile = "\(output)/\(target.name).\(ProcessInfo.processInfo.processIdentifier).state"
    let log = "\(output)/\(target.name).log"
    defer { try? FileManager.default.removeItem(atPath: stateFile) }
    let state = try SharedState(path: stateFile)
    let start = Date()
    var (crashes, hangs) = (0, 0)
    while crashes + hangs < Watch.findingLimit {
      var left = amount
      left.seconds = amount.seconds.map { max(0, $0 - Date().timeIntervalSince(start)) }
      left.executions = amount.executions.map { max(0, $0 - state.executions) }
      let outcome = try runWorker(left, seed: seed + UInt64(crashes + hangs), stateFile, state, log)
      if outcome == .ended { break }
      let kind = outcome == .hung ? "hang" : "crash"
      let path = Finding(kind: kind, target: target.name, input: state.input).write(to: output)
      print("\(target.name): \(path): \(state.input.count) bytes")
      if outcome == .crashed { printReason(log) }
      fflush(nil)
      if outcome == .hung { hangs += 1 } else { crashes += 1 }
      state.executions += 1
    }
    let seconds = Date().timeIntervalSince(start)
    print(
      "\(target.name): \(state.executions) executions in \(String(format: "%.1f", seconds)) s; \(crashes) crashes, \(hangs) hangs, "
        + "\(state.excesses) too slow or too large")
    fflush(nil)
    return crashes + hangs + state.excesses
  }

  private enum Outcome { case ended, crashed, hung }

  private func runWorker(
    _ amount: Amount, seed: UInt64, _ stateFile: String, _ state: SharedState, _ log: String
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    var arguments = [target.name, "--state", stateFile, "--seed", "\(seed)", "--output", output]
    if let seconds = amount.seconds { arguments += ["--seconds", "\(seconds)"] }
    if let executions = amount.executions { arguments += ["--executions", "\(executions)"] }
    process.arguments = arguments
    // Traces take longer than thousands of inputs; --replay makes one.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
    try process.run()
    defer { Scratch.remove(ofProcess: process.processIdentifier) }
    var (executions, progress) = (state.executions, Date())
    while process.isRunning {
      usleep(20_000)
      if state.executions != executions {
        (executions, progress) = (state.executions, Date())
      } else if Date().timeIntervalSince(progress) > Watch.hangSeconds {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        return .hung
      }
    }
    process.waitUntilExit()
    return process.terminationReason == .exit && process.terminationStatus == 0 ? .ended : .crashed
  }

  /// What the worker said last.
  private func printReason(_ log: String) {
    let lines = ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
    for line in lines.suffix(3) {
      print("  \(line.prefix(2000))")
    }
  }
}
