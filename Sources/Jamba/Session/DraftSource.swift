/// Guesses what comes next: what a grammar leaves no choice about, or else what followed the last occurrence of the text's
/// last tokens (prompt lookup decoding) or what follows them in the model's draft text, or what stands behind a guess that was
/// wrong, since edits change a token and go on. How far ahead it guesses is what lately paid.
struct DraftSource {
  /// What a guess goes by.
  private enum Reason {
    case grammar
    /// So many tokens before it.
    case match(Int)
    /// As many in the draft text.
    case draftText(Int)
    /// The token before it was guessed wrong.
    case resumption

    /// Its place in `accuracy`.
    var kind: Int {
      switch self {
      case .resumption: 4
      case .grammar: 3
      case .match(let count): Reason.length(count)
      case .draftText(let count): 5 + Reason.length(count)
      }
    }

    private static func length(_ matched: Int) -> Int { matched >= 8 ? 2 : matched >= 4 ? 1 : 0 }

    /// That of the token behind.
    var next: Reason {
      switch self {
      case .grammar: self
      case .match(let count): .match(count + 1)
      case .draftText(let count): .draftText(count + 1)
      case .resumption: .match(DraftSource.leastMatch)
      }
    }
  }

  /// Where a guess stands.
  private enum Place {
    case text(Int)
    case draftText(Int)
  }

  /// How often a guessed token was right, lately, by how many tokens before it matched: 2-3, 4-7, 8 or more; where a grammar
  /// foresaw it; behind a wrong guess; and in the draft text, again by how many matched. Before anything is known, what is usual, which
  /// counts as four guesses.
  private var accuracy: [Double] = [0.2, 0.4, 0.8, 0.7, 0.5, 0.1, 0.3, 0.7]
  private var learnt = [Double](repeating: 4, count: 8)
  /// Seconds of a step of one token, and how much longer passes with guesses take, each kind learnt by itself: products
  /// take tokens by fours and twos.
  private var stepSeconds: Double?
  private var costs = DraftSource.usualCosts
  /// Passes of each number of guesses that have been timed, until old ones are forgotten.
  private var timed = DraftSource.usualCosts.map { _ in 1.0 }
  /// The guess for the next token, whether or not it was computed, to learn from, and its place in the text.
  private var expected: (token: Int32, reason: Reason, place: Place?)?

  /// Numbers of guesses that are tried, and the length of a pass over them in steps: rather too long, so that nothing is
  /// lost before more is known. Accuracy is learnt without passes.
  private static let usualCosts: [(count: Int, steps: Double)] = [(1, 1.4), (3, 1.9), (7, 2.8)]

  private static let reach = 1 << 16
  private static let leastMatch = 2
  private static let mostMatch = 12
  /// A gain below this is not worth the risk.
  private static let leastGain = 1.1
  private let isEager: Bool
  private let draftText: DraftText?

  /// - Parameter isEager: guesses whenever it can, whether it pays or not.
  init(isEager: Bool, _ draftText: DraftText?) {
    self.isEager = isEager
    self.draftText = draftText
  }

  /// Tokens that may follow `text` and `token`, at most `limit`; none where guessing does not pay.
  mutating func propose(
    after text: [Int32], _ token: Int32, foreseen: ArraySlice<Int32>, limit: Int
  ) -> ArraySlice<Int32> {
    learn(token)
    let resumption = expected.flatMap { $0.token == token ? nil : next($0.place, in: text) }
    expected = nil
    var (guesses, reason, place) = (foreseen, Reason.grammar, Place?.none)
    if guesses.isEmpty {
      var found: [(reason: Reason, place: Place)] = []
      if let match = DraftSource.lastOccurrence(in: text, token) { found.append((.match(match.matched), .text(match.end))) }
      if let match = draftText?.continuation(
        of: text.suffix(DraftSource.mostMatch - 1) + [token], least: DraftSource.leastMatch, limit: max(1, limit))
      {
        found.append((.draftText(match.matched), .draftText(match.place)))
      }
      if let resumption { found.append((.resumption, resumption)) }
      guard let best = found.max(by: { accuracy[$0.reason.kind] < accuracy[$1.reason.kind] }) else { return [] }
      (reason, place) = best
      guesses = tokens(at: best.place, in: text, limit: max(1, limit))
    }
    expected = guesses.first.map { ($0, reason, place) }
    let count = bestCount(reason, limit: min(limit, guesses.count))
    // What did not pay may be worth another try some time.
    for (index, usual) in DraftSource.usualCosts.enumerated() {
      costs[index].steps += 0.01 * (usual.steps - costs[index].steps)
    }
    return guesses.prefix(count)
  }

  /// The place behind one; nil at the end.
  private func next(_ place: Place?, in text: [Int32]) -> Place? {
    switch place {
    case .text(let index): index + 1 < text.count ? .text(index + 1) : nil
    case .draftText(let index): index + 1 < draftText!.count ? .draftText(index + 1) : nil
    case nil: nil
    }
  }

  private func tokens(at place: Place, in text: [Int32], limit: Int) -> ArraySlice<Int32> {
    switch place {
    case .text(let index): text[index...].prefix(limit)
    case .draftText(let index): draftText!.tokens(at: index, limit: limit)
    }
  }

  /// Where the longest match of the last tokens ends, `text[end]` being what followed it, and its length; of equal ones the
  /// latest.
  private static func lastOccurrence(in text: [Int32], _ token: Int32) -> (end: Int, matched: Int)? {
    var best: (end: Int, matched: Int)?
    let count = text.count
    var end = count - 1
    while end > max(0, count - reach) {
      if text[end - 1] == token {
        var matched = 1
        while matched < mostMatch, matched < end, text[end - 1 - matched] == text[count - matched] { matched += 1 }
        if matched >= leastMatch, matched > best?.matched ?? 0 { best = (end, matched) }
        if matched == mostMatch { break }
      }
      end -= 1
    }
    return best
  }

  /// The number of guesses for which tokens a second are most.
  private func bestCount(_ reason: Reason, limit: Int) -> Int {
    if isEager { return limit }
    var (best, bestGain) = (0, DraftSource.leastGain)
    // A guess counts if those before it are right, too.
    var (tokens, chance, reason, guessed) = (1.0, 1.0, reason, 0)
    for (count, steps) in costs where count <= limit {
      while guessed < count {
        chance *= accuracy[reason.kind]
        tokens += chance
        reason = reason.next
        guessed += 1
      }
      if tokens / steps > bestGain { (best, bestGain) = (count, tokens / steps) }
    }
    return best
  }

  /// `token` has come.
  private mutating func learn(_ token: Int32) {
    guard let expected else { return }
    let kind = expected.reason.kind
    learnt[kind] = min(learnt[kind] + 1, 10)
    accuracy[kind] += ((token == expected.token ? 1 : 0) - accuracy[kind]) / learnt[kind]
  }

  /// A guess of an open pass was right and is the last token of `text`; `next` is the one after it, if the pass has one.
  mutating func confirm(in text: [Int32], next: Int32?) {
    guard let expected else { return }
    learn(expected.token)
    // What an earlier part of the text says is known beyond the pass, too.
    let place = self.next(expected.place, in: text)
    self.expected = (place.flatMap { tokens(at: $0, in: text, limit: 1).first } ?? next).map { ($0, expected.reason.next, place) }
  }

  /// A pass over `count` tokens took so long.
  mutating func record(seconds: Double, count: Int) {
    guard let stepSeconds else {
      if count == 1 { self.stepSeconds = seconds }
      return
    }
    if count == 1 {
      // A step held up by something else says nothing about steps.
      self.stepSeconds! += 0.1 * (min(seconds, 2 * stepSeconds) - stepSeconds)
    } else if let index = costs.firstIndex(where: { $0.count == count - 1 }) {
      timed[index] = min(timed[index] + 1, 5)
      costs[index].steps += (min(seconds / stepSeconds, 4 * costs[index].steps) - costs[index].steps) / timed[index]
    }
  }
}
