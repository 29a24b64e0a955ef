import JambaGrammar
import Synchronization

/// The grammars of the last requests: who asks for one form again and again has it made once, and what its masks have found
/// out is there for the next answer.
final class GrammarCache: Sendable {
  private struct Entry: Sendable {
    let form: String
    let grammar: Grammar
  }

  /// The latest used last.
  private let entries = Mutex<[Entry]>([])

  private static let countLimit = 8
  /// Bytes of a form, and of a grammar, that are kept.
  private static let formLimit = 64 << 10
  private static let grammarLimit = 2 << 20

  /// - Parameters:
  ///   - form: what is asked for, as a text of its own.
  ///   - make: makes its grammar, where it is not there.
  func grammar(
    of form: String, _ make: () throws(GrammarError) -> Grammar
  ) throws(GrammarError) -> Grammar {
    let known = entries.withLock { entries -> Grammar? in
      guard let index = entries.firstIndex(where: { $0.form.utf8.elementsEqual(form.utf8) }) else { return nil }
      entries.append(entries.remove(at: index))
      return entries.last?.grammar
    }
    if let known { return known }
    let grammar = try make()
    guard form.utf8.count <= GrammarCache.formLimit, grammar.byteCount <= GrammarCache.grammarLimit else { return grammar }
    entries.withLock { entries in
      if entries.count >= GrammarCache.countLimit { entries.removeFirst() }
      entries.append(Entry(form: form, grammar: grammar))
    }
    return grammar
  }
}
