import CKernels
import JambaGrammar
import JambaSystem

/// How the next token is chosen from the logits.
///
/// Applied in this order: bias, repetition penalty, temperature, top-k, min-p, top-p, then a draw with the seeded generator.
public struct Sampling: Sendable, Equatable {
  /// 0 takes the most probable token every time.
  public var temperature: Float
  /// Only the k most probable tokens; 0 for all.
  public var topK: Int
  /// Only the most probable tokens that add up to p.
  public var topP: Float
  /// Only tokens at least p times as probable as the most probable one.
  public var minP: Float
  /// Divides the logits of tokens that occurred among the last `repetitionWindow`, where positive, and multiplies them
  /// where negative; 1 changes nothing.
  public var repetitionPenalty: Float
  /// How many of the last tokens the penalty looks at.
  public var repetitionWindow: Int
  /// What is added to the logits of tokens; none as a rule. Tokens outside the vocabulary are passed over.
  public var logitBias: [Int32: Float] = [:]
  /// Where the draws begin; the same seed and the same logits give the same tokens.
  public var seed: UInt64

  /// Without arguments: the most probable token every time. Values are checked where they are used: see `validate`.
  public init(
    temperature: Float = 0, topK: Int = 0, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
    repetitionWindow: Int = 64, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.repetitionWindow = repetitionWindow
    self.seed = seed
  }

  /// - Throws: `invalidOption` for a value outside its range, not-a-number included.
  public func validate() throws(JambaError) {
    guard temperature >= 0, temperature <= 100 else {
      throw .invalidOption("the temperature is \(temperature), which is not within 0...100")
    }
    guard topK >= 0 else { throw .invalidOption("top-k is \(topK), which is negative") }
    guard topP > 0, topP <= 1 else { throw .invalidOption("top-p is \(topP), which is not above 0 and at most 1") }
    guard minP >= 0, minP < 1 else { throw .invalidOption("min-p is \(minP), which is not at least 0 and below 1") }
    guard repetitionPenalty > 0, repetitionPenalty <= 100 else {
      throw .invalidOption("the repetition penalty is \(repetitionPenalty), which is not above 0 and at most 100")
    }
    guard repetitionWindow >= 0 else {
      throw .invalidOption("the repetition window is \(repetitionWindow), which is negative")
    }
    for (token, bias) in logitBias where !bias.isFinite {
      throw .invalidOption("the bias of token \(token) is \(bias), which is not a finite number")
    }
  }
}

/// Draws tokens; the same seed and the same logits give the same tokens on every machine.
///
/// Generating has one of its own; make one for a token loop of yours:
///
///     var sampler = try Sampler(Sampling(temperature: 0.7, seed: 1))
///     try session.prefill(prompt)
///     while let token = try session.sample(with: &sampler), !model.endTokens.contains(token) {
///       try session.prefill([token])
///     }
public struct Sampler: Sendable {
  /// How it chooses.
  public let sampling: Sampling
  /// The only thing that changes from draw to draw.
  var generator: SplitMix64
  private var candidates: [Candidate] = []

  private struct Candidate: Sendable {
    var token: Int32
    var value: Float  // a logit, later a probability
  }

  /// - Throws: as `Sampling.validate()`.
  public init(_ sampling: Sampling) throws(JambaError) {
    try sampling.validate()
    self.sampling = sampling
    generator = SplitMix64(seed: sampling.seed)
  }

  /// Chooses a token.
  ///
  /// - Parameters:
  ///   - logits: `[vocabulary]`, at least one.
  ///   - history: the text's tokens, for the repetition penalty.
  public mutating func sample(_ logits: Span<Float>, history: [Int32]) -> Int32 {
    precondition(!logits.isEmpty, "there are no logits to choose from")
    return sample(logits, history: history, allowed: nil)
  }

  /// - Parameter allowed: the tokens to choose from; nil for all. Never none.
  mutating func sample(_ logits: Span<Float>, history: [Int32], allowed: TokenMask?) -> Int32 {
    var penalized: Set<Int32> = []
    if sampling.repetitionPenalty != 1 { penalized = Set(history.suffix(sampling.repetitionWindow)) }
    let hasBias = !sampling.logitBias.isEmpty
    func logit(_ index: Int) -> Float {
      var value = logits[index]
      if hasBias { value += sampling.logitBias[Int32(index)] ?? 0 }
      guard penalized.contains(Int32(index)) else { return value }
      return value > 0 ? value / sampling.repetitionPenalty : value * sampling.repetitionPenalty
    }
    if sampling.temperature == 0 {
      var best = allowed?.first ?? 0
      var bestValue = -Float.infinity
      for index in logits.indices where allowed?.contains(index) ?? true {
        let value = logit(index)
        if value > bestValue { (best, bestValue) = (index, value) }
      }
      return Int32(best)
    }

    candidates.removeAll(keepingCapacity: true)
    for index in logits.indices where allowed?.contains(index) ?? true {
      let value = logit(index) / sampling.temperature
      if value > -.infinity { candidates.append(Candidate(token: Int32(index), value: value)) }
    }
    guard !candidates.isEmpty else { return Int32(allowed?.first ?? 0) }
    // Descending; of equals the smaller id first, so that the order is the same everywhere.
    let descending = { (a: Candidate, b: Candidate) in a.value != b.value ? a.value > b.value : a.token < b.token }
    if sampling.topK > 0, sampling.topK < candidates.count {
      candidates.sort(by: descending)
      candidates.removeLast(candidates.count - sampling.topK)
    }
    let largest = candidates.reduce(-Float.infinity) { max($0, $1.value) }
    for index in candidates.indices { candidates[index].value = jk_exp(candidates[index].value - largest) }
    if sampling.minP > 0 { candidates.removeAll { $0.value < sampling.minP } }
    if sampling.topP < 1 {
      candidates.sort(by: descending)
      let enough = sampling.topP * candidates.reduce(0) { $0 + $1.value }
      var sum: Float = 0
      let end = candidates.firstIndex { candidate in
        sum += candidate.value
        return sum >= enough
      }
      if let end { candidates.removeLast(candidates.count - end - 1) }
    }

    let target = generator.nextUnit() * candidates.reduce(0) { $0 + Double($1.value) }
    var sum = 0.0
    for candidate in candidates {
      sum += Double(candidate.value)
      if sum > target { return candidate.token }
    }
    return candidates[candidates.count - 1].token
  }
}
