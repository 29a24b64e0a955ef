#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
public import JambaFormat

/// Perplexity of a model on a text and, with a reference, the Kullback-Leibler divergence of its predictions from the
/// reference's, in nats.
public struct DivergenceMeasure {
  private let session: Session
  private let reference: Session?
  private let bos: Int32?
  private var losses: [Double] = []
  private var referenceLosses: [Double] = []
  private var divergences: [Double] = []
  private var agreements = 0

  /// The sessions are the measure's own from now on.
  public init(_ session: Session, reference: Session? = nil) {
    self.session = session
    self.reference = reference
    bos = session.model.configuration.bosTokenID.map { Int32($0) }
  }

  /// Measures one window: its first token is replaced by the model's first token, the others are predicted.
  public mutating func add(_ window: [Int32]) throws(JambaError) {
    var window = window
    if let bos { window[0] = bos }
    let expected = try reference.map { (reference) throws(JambaError) in
      try DivergenceMeasure.logProbabilities(of: window, reference)
    }
    var losses: [Double] = []
    var divergences: [Double] = []
    var agreements = 0
    try session.reset()
    try session.append(window) { index, logits in
      guard index + 1 < window.count else { return }
      let found = DivergenceMeasure.logSoftmax(logits)
      losses.append(-found[Int(window[index + 1])])
      guard let expected = expected?[index] else { return }
      var divergence = 0.0
      for token in found.indices {
        divergence += exp(Double(expected[token])) * (Double(expected[token]) - found[token])
      }
      divergences.append(divergence)
      if DivergenceMeasure.largest(found) == DivergenceMeasure.largest(expected) { agreements += 1 }
    }
    self.losses += losses
    self.divergences += divergences
    self.agreements += agreements
    if let expected {
      for index in 0..<window.count - 1 { referenceLosses.append(-Double(expected[index][Int(window[index + 1])])) }
    }
  }

  private static func logProbabilities(of window: [Int32], _ session: Session) throws(JambaError) -> [[Float]] {
    var rows: [[Float]] = []
    try session.reset()
    try session.append(window) { index, logits in
      if index + 1 < window.count { rows.append(logSoftmax(logits).map { Float($0) }) }
    }
    return rows
  }

  private static func logSoftmax(_ logits: Span<Float>) -> [Double] {
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

  private static func largest<Value: Comparable>(_ values: [Value]) -> Int {
    values.indices.max { values[$0] < values[$1] } ?? 0
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }

  private static func percentile(_ share: Double, of values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
  }

  /// The figures as JSON: perplexity, nats_per_token, tokens; with a reference its perplexity, mean_kl, kl_99, max_kl
  /// and top1_agreement.
  public var report: JSON {
    let loss = DivergenceMeasure.mean(losses)
    var object: JSONObject = [
      "perplexity": .number(exp(loss)), "nats_per_token": .number(loss), "tokens": .integer(losses.count),
    ]
    if reference != nil {
      object["reference_perplexity"] = .number(exp(DivergenceMeasure.mean(referenceLosses)))
      object["mean_kl"] = .number(DivergenceMeasure.mean(divergences))
      object["kl_99"] = .number(DivergenceMeasure.percentile(0.99, of: divergences))
      object["max_kl"] = .number(divergences.max() ?? 0)
      object["top1_agreement"] = .number(Double(agreements) / Double(max(divergences.count, 1)))
    }
    return .object(object)
  }
}
