public import Jamba
public import JambaSystem

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Perplexity of a model on a text and, with a reference, the Kullback-Leibler divergence of its predictions from the
/// reference's, in nats (docs/QUALITY.md has the definitions).
public struct DivergenceMeasure {
  private let session: Session
  private let reference: Session?
  private let skipped: Int
  private let bos: Int32?
  /// A value a prediction; a window's values are a run.
  private var losses: [Double] = []
  private var referenceLosses: [Double] = []
  private var divergences: [Double] = []
  /// Predictions with the reference's first choice, and with their own first choice among the reference's first five.
  private var firstAgreements: [Double] = []
  private var fiveAgreements: [Double] = []
  /// Where each window's values end.
  private var ends: [Int] = []

  /// The sessions are the measure's own from now on.
  ///
  /// - Parameter skipped: predictions at the beginning of each window that do not count.
  public init(_ session: Session, reference: Session? = nil, skipping skipped: Int = 0) {
    self.session = session
    self.reference = reference
    self.skipped = skipped
    bos = session.model.configuration.bosTokenID.map { Int32($0) }
  }

  /// Measures one window: its first token is replaced by the model's first token, the others are predicted.
  public mutating func add(_ window: [Int32]) throws(JambaError) {
    var window = window
    if let bos, !window.isEmpty { window[0] = bos }
    let expected = try reference.map { (reference) throws(JambaError) in try logProbabilities(of: window, reference) }
    var found = WindowFigures()
    try session.reset()
    try session.append(window) { [skipped] index, logits in
      guard index >= skipped, index + 1 < window.count else { return }
      found.add(logits, next: Int(window[index + 1]), expected: expected?[index - skipped])
    }
    losses += found.losses
    referenceLosses += found.referenceLosses
    divergences += found.divergences
    firstAgreements += found.firstAgreements
    fiveAgreements += found.fiveAgreements
    ends.append(losses.count)
  }

  private func logProbabilities(of window: [Int32], _ session: Session) throws(JambaError) -> [[Float]] {
    var rows: [[Float]] = []
    try session.reset()
    try session.append(window) { [skipped] index, logits in
      if index >= skipped, index + 1 < window.count { rows.append(WindowFigures.logSoftmax(logits).map { Float($0) }) }
    }
    return rows
  }

  /// The figures as JSON. `*_error` is half the width of the 95 % confidence interval of the figure before it, from the
  /// spread of the windows' means: predictions of one window are not independent.
  ///
  /// Members: tokens, windows, nats_per_token, nats_error, perplexity, perplexity_error; with a reference
  /// reference_perplexity, perplexity_ratio, perplexity_ratio_error, mean_kl, mean_kl_error, median_kl, kl_90, kl_99, kl_999,
  /// max_kl, top1_agreement, top1_error, top5_agreement, top5_error.
  public var report: JSON {
    let loss = mean(losses)
    var object: JSONObject = [
      "tokens": .integer(losses.count), "windows": .integer(ends.count), "nats_per_token": .number(loss),
      "nats_error": .number(error(losses)), "perplexity": .number(exp(loss)),
      "perplexity_error": .number(exp(loss) * error(losses)),
    ]
    if reference != nil {
      let gaps = zip(losses, referenceLosses).map { $0 - $1 }
      let sorted = divergences.sorted()
      object["reference_perplexity"] = .number(exp(mean(referenceLosses)))
      object["perplexity_ratio"] = .number(exp(mean(gaps)))
      object["perplexity_ratio_error"] = .number(exp(mean(gaps)) * error(gaps))
      object["mean_kl"] = .number(mean(divergences))
      object["mean_kl_error"] = .number(error(divergences))
      for (name, share) in [("median_kl", 0.5), ("kl_90", 0.9), ("kl_99", 0.99), ("kl_999", 0.999)] {
        object[name] = .number(sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))])
      }
      object["max_kl"] = .number(sorted.last ?? 0)
      object["top1_agreement"] = .number(mean(firstAgreements))
      object["top1_error"] = .number(error(firstAgreements))
      object["top5_agreement"] = .number(mean(fiveAgreements))
      object["top5_error"] = .number(error(fiveAgreements))
    }
    return .object(object)
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }

  /// 1.96 standard errors of the mean, windows taken as independent; 0 where one window says nothing about others.
  private func error(_ values: [Double]) -> Double {
    guard ends.count > 1 else { return 0 }
    let overall = mean(values)
    var (start, squares) = (0, 0.0)
    for end in ends {
      let excess = values[start..<end].reduce(0, +) - overall * Double(end - start)
      squares += excess * excess
      start = end
    }
    let count = Double(ends.count)
    return 1.96 * (squares * count / (count - 1)).squareRoot() / Double(max(values.count, 1))
  }
}

/// Figures of the predictions of one window.
private struct WindowFigures {
  var losses: [Double] = []
  var referenceLosses: [Double] = []
  var divergences: [Double] = []
  var firstAgreements: [Double] = []
  var fiveAgreements: [Double] = []

  /// - Parameter expected: the reference's log-probabilities.
  mutating func add(_ logits: Span<Float>, next: Int, expected: [Float]?) {
    let found = WindowFigures.logSoftmax(logits)
    losses.append(-found[next])
    guard let expected else { return }
    referenceLosses.append(-Double(expected[next]))
    var divergence = 0.0
    for token in found.indices {
      let reference = Double(expected[token])
      divergence += exp(reference) * (reference - found[token])
    }
    divergences.append(divergence)
    let choice = found.indices.max { found[$0] < found[$1] } ?? 0
    let better = expected.count { $0 > expected[choice] }
    firstAgreements.append(better == 0 ? 1 : 0)
    fiveAgreements.append(better < 5 ? 1 : 0)
  }

  static func logSoftmax(_ logits: Span<Float>) -> [Double] {
    var largest = -Double.infinity
    for index in logits.indices { largest = max(largest, Double(logits[index])) }
    var sum = 0.0
    for index in logits.indices { sum += exp(Double(logits[index]) - largest) }
    let offset = largest + log(sum)
    var result: [Double] = []
    result.reserveCapacity(logits.count)
    for index in logits.indices { result.append(Double(logits[index]) - offset) }
    return result
  }
}
