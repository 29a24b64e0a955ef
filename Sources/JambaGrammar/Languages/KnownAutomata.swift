import JambaSystem
import Synchronization

/// Automata that were made before, of patterns, formats and numbers alone: schemas share few of those, and taking one apart
/// costs more than all the rest of a schema.
final class KnownAutomata: Sendable {
  enum Question: Hashable, Sendable {
    /// A pattern, or that of a format.
    case pattern(ExactString)
    /// Numbers that no language narrows.
    case numbers(NumberValues)
  }

  private struct Answers {
    var automata: [Question: TextAutomaton] = [:]
    var edgeCount = 0
  }

  /// Edges kept, of some 40 bytes; where there would be more, all are forgotten.
  private static let edgeLimit = 50_000
  private let answers = Mutex(Answers())

  static let shared = KnownAutomata()

  subscript(question: Question) -> TextAutomaton? { answers.withLock { $0.automata[question] } }

  func remember(_ automaton: TextAutomaton, for question: Question) {
    let edges = automaton.edges.reduce(8 + automaton.sets.count) { $0 + 1 + $1.count }
    guard edges < KnownAutomata.edgeLimit / 4 else { return }
    answers.withLock { answers in
      if answers.edgeCount + edges > KnownAutomata.edgeLimit { answers = Answers() }
      answers.automata[question] = automaton
      answers.edgeCount += edges
    }
  }
}
