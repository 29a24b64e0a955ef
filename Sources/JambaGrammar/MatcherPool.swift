import Synchronization

/// What answers have found out about their grammars, for the next ones that are held to the same.
///
/// A matcher knows every step and mask that it has made. It is of use to one answer at a time, and waits here between two.
final class MatcherPool: Sendable {
  private struct Idle: Sendable {
    let grammar: Grammar.Identity
    let endTokens: Set<Int32>
    let matcher: GrammarMatcher
    let byteCount: Int
  }

  private struct Waiting: Sendable {
    /// The latest used last.
    var idle: [Idle] = []
    var byteCount = 0

    mutating func remove(at index: Int) -> Idle {
      byteCount -= idle[index].byteCount
      return idle.remove(at: index)
    }
  }

  private let waiting = Mutex(Waiting())
  private let byteLimit: Int

  /// - Parameter byteLimit: the most that all who wait may take.
  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Takes a matcher of a grammar that stands at the beginning; a new one if none waits.
  func take(_ grammar: Grammar, _ endTokens: Set<Int32>) throws(GrammarError) -> GrammarMatcher {
    let known = waiting.withLock { waiting in
      waiting.idle.lastIndex { $0.grammar === grammar.identity && $0.endTokens == endTokens }.map { waiting.remove(at: $0) }
    }
    if var matcher = known?.matcher {
      matcher.restart()
      return matcher
    }
    return try GrammarMatcher(grammar.automaton)
  }

  /// Gives a matcher back. The oldest go where all of them take too much memory.
  func give(_ matcher: GrammarMatcher, _ grammar: Grammar, _ endTokens: Set<Int32>) {
    let one = Idle(grammar: grammar.identity, endTokens: endTokens, matcher: matcher, byteCount: matcher.byteCount)
    guard one.byteCount <= byteLimit else { return }
    waiting.withLock { waiting in
      waiting.idle.append(one)
      waiting.byteCount += one.byteCount
      while waiting.byteCount > byteLimit { _ = waiting.remove(at: 0) }
    }
  }
}
