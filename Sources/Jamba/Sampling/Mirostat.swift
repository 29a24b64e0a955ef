/// Mirostat 2 (Basu and others 2021, algorithm 2): keeps the tokens whose surprise is at most mu, and after the draw moves
/// mu by eta times what the drawn token's surprise was above tau, the target; mu begins at 2 tau.
///
/// Surprise is that of the paper, `-log2` of the model's probability before anything is left out. (llama.cpp takes the
/// probability among the tokens that are left, for the drawn token.)
struct Mirostat: CandidateStage {
  static let name = "mirostat"
  private let tau: Double
  private let eta: Double

  init?(_ sampling: Sampling) {
    guard sampling.mirostat == 2 else { return nil }
    (tau, eta) = (Double(sampling.mirostatTau), Double(sampling.mirostatEta))
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    candidates.weigh()
    candidates.binaryLogarithmOfWeights = ReproducibleLogarithm.base2(candidates.totalWeight)
    let (mu, total, largest) = (
      state.mirostatMu ?? 2 * tau, candidates.binaryLogarithmOfWeights, candidates.largestLogit
    )
    func surprise(_ candidate: Candidate) -> Double { Mirostat.surprise(candidate, total: total, largest: largest) }
    if candidates.list.contains(where: { surprise($0) <= mu }) {
      candidates.keep { surprise($0) <= mu }
    } else {
      candidates.keepMostProbable()
    }
  }

  /// Learns from the token that was drawn.
  func learn(_ drawn: Candidate, of candidates: Candidates, _ state: inout SamplerState) {
    // The most probable token is always among those that are left.
    let surprise = Mirostat.surprise(
      drawn, total: candidates.binaryLogarithmOfWeights, largest: candidates.largestLogit)
    state.mirostatMu = (state.mirostatMu ?? 2 * tau) - eta * (surprise - tau)
  }

  private static func surprise(_ candidate: Candidate, total: Double, largest: Float) -> Double {
    total - Double(candidate.logit - largest) * ReproducibleLogarithm.bitsPerNat
  }
}

/// Logarithms with the same bits on every machine, which the C libraries' are not.
enum ReproducibleLogarithm {
  /// log2(e)
  static let bitsPerNat = 1.442695040888963407

  /// The logarithm to base 2 of a positive, finite number, to about 2^-52 of the larger of it and 1.
  static func base2(_ x: Double) -> Double {
    // x = m × 2^e with m within sqrt(1/2)...sqrt(2), and log m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172: the
    // series' terms fall below 2^-53 of the first with s^20.
    var (m, e) = (x.significand, Double(x.exponent))
    if m > 1.4142135623730951 { (m, e) = (m / 2, e + 1) }
    let s = (m - 1) / (m + 1)
    let square = s * s
    var sum = 0.0
    for term in stride(from: 21.0, through: 1, by: -2) { sum = sum * square + 1 / term }
    return e + 2 * s * sum * bitsPerNat
  }
}
