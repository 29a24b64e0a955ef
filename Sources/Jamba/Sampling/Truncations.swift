/// Keeps the tokens whose logit is at most n standard deviations of all candidates' logits below the largest (Tang and
/// others 2024, "Top-nσ"). The temperature does not change which.
struct TopNSigma: CandidateStage {
  static let name = "top_n_sigma"
  private let n: Double

  init?(_ sampling: Sampling) {
    guard sampling.topNSigma > 0 else { return nil }
    n = Double(sampling.topNSigma)
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    let count = Double(candidates.list.count)
    let mean = candidates.list.reduce(0) { $0 + Double($1.logit) } / count
    let variance =
      candidates.list.reduce(0) { sum, candidate in
        let difference = Double(candidate.logit) - mean
        return sum + difference * difference
      } / count
    let least = Double(candidates.largestLogit) - n * variance.squareRoot()
    candidates.keep { Double($0.logit) >= least }
  }
}

/// Keeps the k most probable tokens.
struct TopK: CandidateStage {
  static let name = "top_k"
  private let k: Int

  init?(_ sampling: Sampling) {
    guard sampling.topK > 0 else { return nil }
    k = sampling.topK
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    guard k < candidates.list.count else { return }
    candidates.sort(by: Candidates.isLargerLogit)
    candidates.keep(first: k)
  }
}

/// Keeps the tokens whose surprise is nearest to the expected one, the entropy, until they add up to p: locally typical
/// sampling (Meister and others 2022).
struct TypicalP: CandidateStage {
  static let name = "typical_p"
  private let p: Double

  init?(_ sampling: Sampling) {
    guard sampling.typicalP < 1 else { return nil }
    p = Double(sampling.typicalP)
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    candidates.weigh()
    let (largest, mean) = (candidates.largestLogit, candidates.meanDistance)
    // |-log p - entropy|: the logarithm of the total weight is in both and cancels.
    func deviation(_ candidate: Candidate) -> Double { abs(Double(candidate.logit - largest) - mean) }
    candidates.sort { a, b in
      let (first, second) = (deviation(a), deviation(b))
      return first != second ? first < second : a.token < b.token
    }
    let enough = p * candidates.totalWeight
    var sum = 0.0
    let end = candidates.list.firstIndex { candidate in
      sum += Double(candidate.weight)
      return sum >= enough
    }
    if let end { candidates.keep(first: end + 1) }
  }
}

/// Keeps the most probable tokens until they add up to p: nucleus sampling (Holtzman and others 2020).
struct TopP: CandidateStage {
  static let name = "top_p"
  private let p: Float

  init?(_ sampling: Sampling) {
    guard sampling.topP < 1 else { return nil }
    p = sampling.topP
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    candidates.weigh()
    candidates.sort(by: Candidates.isLargerWeight)
    let enough = p * candidates.list.reduce(0) { $0 + $1.weight }
    var sum: Float = 0
    let end = candidates.list.firstIndex { candidate in
      sum += candidate.weight
      return sum >= enough
    }
    if let end { candidates.keep(first: end + 1) }
  }
}

/// Keeps the tokens that are at least p times as probable as the most probable one (Nguyen and others 2024).
struct MinP: CandidateStage {
  static let name = "min_p"
  private let p: Float

  init?(_ sampling: Sampling) {
    guard sampling.minP > 0 else { return nil }
    p = sampling.minP
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    candidates.weigh()
    let least = p * candidates.list.reduce(0) { max($0, $1.weight) }
    candidates.keep { $0.weight >= least }
  }
}

/// XTC, "exclude top choices" (p-e-w 2024): by chance leaves out, of the tokens that reach a threshold, all but the least
/// probable one.
struct ExcludeTopChoices: CandidateStage {
  static let name = "xtc"
  private let probability: Double
  private let threshold: Float

  init?(_ sampling: Sampling) {
    guard sampling.xtcProbability > 0 else { return nil }
    (probability, threshold) = (Double(sampling.xtcProbability), sampling.xtcThreshold)
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    // Drawn each time, so that what a draw takes from the generator does not hang on the logits.
    guard state.generator.nextUnit() < probability else { return }
    candidates.weigh()
    let least = threshold * Float(candidates.totalWeight)
    // What is too improbable for a number is no top choice, even without a threshold.
    func isTop(_ candidate: Candidate) -> Bool { candidate.weight >= least && candidate.weight > 0 }
    let last = candidates.list.lazy.filter(isTop).max(by: Candidates.isLargerWeight)
    candidates.keep { !isTop($0) || $0.token == last?.token }
  }
}
