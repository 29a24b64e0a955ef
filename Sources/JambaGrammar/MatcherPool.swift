import Synchronization

/// What answers have found out about their grammars, for the next ones that are held to the same.
///
/// A matcher knows every step and mask that it has made. It is of use to one answer at a time, and waits here between two.
final class MatcherPool: Sendable {
  private struct Idle: Sendable {
    let grammar: Grammar.Identity
    let endTokens: Set<Int32>
    let matcher: GrammarMatcher
  }

  /// The latest used last.
  private let idle = Mutex<[Idle]>([])

  /// Takes a matcher of a grammar that stands at the beginning; a new one if none waits.
  func take(_ grammar: Grammar, _ endTokens: Set<Int32>) throws(GrammarError) -> GrammarMatcher {
    let known = idle.withLock { idle in
      idle.lastIndex { $0.grammar === grammar.identity && $0.endTokens == endTokens }.map { idle.remove(at: $0) }
    }
    if var matcher = known?.matcher {
      matcher.restart()
      return matcher
    }
    return try GrammarMatcher(grammar.automaton)
  }

  /// Gives a matcher back. The oldest go where all of them take too much memory.
  func give(_ matcher: GrammarMatcher, _ grammar: Grammar, _ endTokens: Set<Int32>) {
    guard matcher.byteCount <= GrammarLimits.idleBytes else { return }
    idle.withLock { idle in
      idle.append(Idle(grammar: grammar.identity, endTokens: endTokens, matcher: matcher))
      var bytes = idle.reduce(0) { $0 + $1.matcher.byteCount }
      while bytes > GrammarLimits.idleBytes { bytes -= idle.removeFirst().matcher.byteCount }
    }
  }
}
