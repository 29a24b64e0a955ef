
/// A member of the queue: the next tokens of a sequence.
package protocol BatchMember: AnyObject {
  var tokenCount: Int { get }
  /// A prompt may be cut; a step is computed as a whole.
  var isPrompt: Bool { get }
  /// The sequence, and the thread that waits for it.
  var sequence: ObjectIdentifier { get }
  var thread: Int { get }
}

/// Statistics of passes.
public struct PassStatistics: Sendable, Equatable {
  /// Passes over the weights.
  public internal(set) var passes = 0
  /// Sequences in them, and their tokens.
  public internal(set) var sequences = 0
  public internal(set) var tokens = 0
}

/// Who waits for a pass, and how much of it everyone gets.
package struct BatchQueue<Member: BatchMember> {
  package typealias Batch = [(part: Member, count: Int)]

  /// In the order in which they came.
  package private(set) var waiting: [Member] = []
  /// Whether a thread computes.
  package var isBusy = false
  /// By sequence, the threads of those in the last pass who have not come back.
  package private(set) var expected: [ObjectIdentifier: Int] = [:]
  /// How long the last pass took.
  package private(set) var lastSeconds = 0.0
  package private(set) var statistics = PassStatistics()
  private let capacity: Int
  private let isShared: Bool
  private var secondsPerToken: Double?

  /// Where sequences share passes, prompts get so much of one that others do not wait longer.
  private var promptSeconds: Double { 1 }
  private var leastPromptTokens: Int { 8 }

  /// - Parameter isShared: whether others are expected to come while a prompt is computed.
  package init(capacity: Int, isShared: Bool) {
    self.capacity = capacity
    self.isShared = isShared
  }

  package mutating func arrive(_ part: Member) {
    waiting.append(part)
    // A thread that works on several sequences in turn cannot come with another one now.
    expected = expected.filter { $0.key != part.sequence && $0.value != part.thread }
  }

  /// - Returns: false when it is being computed.
  package mutating func withdraw(_ part: Member) -> Bool {
    guard let index = waiting.firstIndex(where: { $0 === part }) else { return false }
    waiting.remove(at: index)
    return true
  }

  /// The next pass: all steps that fit, and of prompts, in equal shares, what may be.
  package mutating func take() -> Batch {
    var batch: Batch = []
    // Who has waited longest is never left out.
    let kept = waiting.first?.isPrompt ?? false ? 1 : 0
    var free = capacity - kept
    for part in waiting where !part.isPrompt && part.tokenCount <= free {
      batch.append((part, part.tokenCount))
      free -= part.tokenCount
    }
    free += kept
    var share = min(free, promptTokens(beside: capacity - free))
    var prompts = waiting.filter(\.isPrompt)[...]
    // Who needs less than an equal share leaves the rest to others.
    prompts.sort { $0.tokenCount < $1.tokenCount }
    while let part = prompts.popFirst() {
      let count = min(part.tokenCount, max(1, share / (prompts.count + 1)), free)
      guard count > 0 else { break }
      batch.append((part, count))
      free -= count
      share = max(0, share - count)
    }
    waiting.removeAll { part in batch.contains { $0.part === part } }
    return batch
  }

  private func promptTokens(beside steps: Int) -> Int {
    guard isShared else { return capacity }
    let most = secondsPerToken.map { Int(min(promptSeconds / $0, Double(capacity))) } ?? 0
    return max(leastPromptTokens, most - steps)
  }

  /// The pass is over.
  package mutating func finish(_ batch: Batch, seconds: Double) {
    let tokens = batch.reduce(0) { $0 + $1.count }
    isBusy = false
    lastSeconds = seconds
    expected = Dictionary(uniqueKeysWithValues: batch.map { ($0.part.sequence, $0.part.thread) })
    statistics.passes += 1
    statistics.sequences += batch.count
    statistics.tokens += tokens
    guard tokens >= leastPromptTokens else { return }
    let measured = seconds / Double(tokens)
    secondsPerToken = secondsPerToken.map { $0 + 0.2 * (measured - $0) } ?? measured
  }
}
