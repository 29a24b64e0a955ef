import Foundation
import FuzzTargets

/// Runs a target's inputs until one ends the process.
struct Worker {
  private let target: FuzzTarget
  private let seed: UInt64
  private let state: SharedState
  private let output: String

  /// More of the same say nothing new.
  private static let excessLimit = 50

  init(_ target: FuzzTarget, seed: UInt64, state: SharedState, output: String) {
    self.target = target
    self.seed = seed
    self.state = state
    self.output = output
  }

  func run(_ amount: Amount) throws {
    let seeds = try target.seeds()
    // What is made once and kept is nobody's cost.
    if let first = seeds.first { target.run(first) }
    let start = Date()
    func isOver() -> Bool { amount.seconds.map { Date().timeIntervalSince(start) > $0 } ?? false }
    if !state.isBehindSeeds {
      for input in seeds where !isOver() { feed(input) }
      state.isBehindSeeds = true
    }
    var mutator = Mutator(target, seeds: seeds, random: seed)
    #if DEBUG
      let short = target.shortCount / 10
    #else
      let short = target.shortCount
    #endif
    var left = amount.executions ?? short
    while left > 0, !isOver() {
      feed(mutator.next())
      left -= 1
    }
  }

  private func feed(_ input: [UInt8]) {
    state.input = input
    let cost = Cost { target.run(input) }
    state.executions += 1
    let kind = cost.isSlow(byteCount: input.count) ? "slow" : cost.isLarge(byteCount: input.count) ? "large" : nil
    guard let kind, state.excesses < Worker.excessLimit else { return }
    state.excesses += 1
    let path = Finding(kind: kind, target: target.name, input: input).write(to: output)
    print("\(target.name): \(path): \(input.count) bytes, \(cost)")
  }
}

/// An input that found something.
struct Finding {
  /// Such as "crash".
  let kind: String
  let target: String
  let input: [UInt8]

  /// - Returns: the file's path.
  func write(to folder: String) -> String {
    let hash = input.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    let path = "\(folder)/\(target)-\(kind)-\(String(hash, radix: 16))"
    do { try Data(input).write(to: URL(fileURLWithPath: path)) } catch { print("\(path) cannot be written: \(error)") }
    return path
  }
}
