import JambaFormat
import JambaSystem

/// Tokens computed ahead of their turn: guessed from the text itself and verified by one pass over all of them.
///
/// The pass leaves the Mamba states where they were and the logits after each of its tokens in rows. As long as the
/// tokens that are really chosen are those guessed, a step costs nothing; then the states are advanced by what was right.
struct Lookahead {
  let trace: PassTrace
  /// `[draft + 1, vocab]`
  let capacity: Int
  /// The pass's tokens: the first was certain. Empty when no pass is open.
  private(set) var tokens: [Int32] = []
  /// Tokens of the pass that the text has taken.
  private(set) var taken = 0

  /// Bytes of the logits and of the trace.
  static func byteCount(_ c: ModelConfiguration, draft: Int) -> Int {
    let trace = draft == 0 ? 0 : SystemMemory.wholePages(PassTrace.byteCount(c, capacity: draft + 1))
    return SystemMemory.wholePages(logitsByteCount(c, draft: draft)) + trace
  }

  static func logitsByteCount(_ c: ModelConfiguration, draft: Int) -> Int {
    Activations.byteCount(width: c.vocabSize, capacity: draft + 1, codes: false)
  }

  init(_ c: ModelConfiguration, draft: Int, _ memory: SessionMemory) throws(JambaError) {
    capacity = draft + 1
    trace = try PassTrace(c, capacity: capacity, memory)
  }

  mutating func open(_ tokens: [Int32]) {
    self.tokens = tokens
    taken = 1
  }

  mutating func close() {
    tokens = []
    taken = 0
  }

  /// Takes `token` if it is the one guessed.
  mutating func take(_ token: Int32) -> Bool {
    guard taken < tokens.count, tokens[taken] == token else { return false }
    taken += 1
    return true
  }
}

/// Statistics of guessing ahead (speculative decoding).
public struct DraftStatistics: Sendable, Equatable {
  /// Passes over guesses.
  public internal(set) var passes = 0
  /// Tokens guessed in them, and those of them that came.
  public internal(set) var guessed = 0
  public internal(set) var right = 0
}
