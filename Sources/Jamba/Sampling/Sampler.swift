import JambaGrammar
import JambaSystem

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
  /// What a generation needs to go on.
  var state: SamplerState
  private let logitStages: [any LogitStage]
  private let candidateStages: [any CandidateStage]
  private let mirostat: Mirostat?
  /// Memory of the vocabulary's size, kept from draw to draw as long as nobody has a copy of the sampler.
  private var table = LogitTable()
  private var candidates = Candidates()
  /// What a session with texts has told it.
  var breakers = SequenceBreakers()

  /// - Throws: as `Sampling.validate()`.
  public init(_ sampling: Sampling) throws(JambaError) {
    try sampling.validate()
    self.sampling = sampling
    state = SamplerState(generator: SplitMix64(seed: sampling.seed))
    logitStages = SamplingStages.ofLogits(sampling)
    candidateStages = sampling.temperature == 0 ? [] : SamplingStages.ofCandidates(sampling)
    mirostat = sampling.temperature == 0 ? nil : Mirostat(sampling)
  }

  /// Chooses a token. DRY has the sequence breakers of the model whose session has drawn with the sampler last; before
  /// that none, since texts are not known here.
  ///
  /// - Parameters:
  ///   - logits: `[vocabulary]`, at least one.
  ///   - history: the text's tokens, for the penalties.
  public mutating func sample(_ logits: Span<Float>, history: [Int32]) -> Int32 {
    precondition(!logits.isEmpty, "there are no logits to choose from")
    return sample(logits, history: history, allowed: nil)
  }

  /// Chooses a token.
  ///
  /// - Parameter allowed: the tokens to choose from; nil for all. Never none.
  mutating func sample(_ logits: Span<Float>, history: [Int32], allowed: TokenMask?) -> Int32 {
    sample(logits, after: TextSoFar(tokens: history, breakers: breakers.tokens), allowed: allowed)
  }

  private mutating func sample(_ logits: Span<Float>, after text: TextSoFar, allowed: TokenMask?) -> Int32 {
    if sampling.temperature == 0 {
      guard !logitStages.isEmpty else { return Sampler.mostProbable(logits, allowed) }
      penalize(logits, text)
      return Sampler.mostProbable(table.values.span, allowed)
    }
    guard narrow(logits, text, allowed) else { return Int32(allowed?.first ?? 0) }
    let drawn = draw()
    mirostat?.learn(drawn, of: candidates, &state)
    return drawn.token
  }

  /// The tokens that a draw would choose from, and how probable each is, in the order in which they are added up. Draws no
  /// token.
  package mutating func distribution(
    _ logits: Span<Float>, history: [Int32], breakers: Set<Int32> = []
  ) -> [(token: Int32, probability: Double)] {
    precondition(sampling.temperature > 0, "there is no distribution where the most probable token is taken")
    guard narrow(logits, TextSoFar(tokens: history, breakers: breakers), nil) else { return [] }
    let total = candidates.totalWeight
    return candidates.list.map { ($0.token, Double($0.weight) / total) }
  }

  /// The logits after bias and penalties.
  package mutating func penalized(
    _ logits: Span<Float>, history: [Int32], breakers: Set<Int32> = []
  ) -> [Float] {
    penalize(logits, TextSoFar(tokens: history, breakers: breakers))
    return table.values
  }

  /// Where the candidates lie, to see that their memory stays the same from draw to draw.
  package var candidatesAddress: UInt {
    unsafe candidates.list.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
  }

  /// The largest surprise that mirostat allows with the next draw; nil before the first one.
  package var mirostatMu: Double? { state.mirostatMu }

  // MARK: Steps

  private mutating func penalize(_ logits: Span<Float>, _ text: TextSoFar) {
    table.fill(logits)
    for stage in logitStages { stage.apply(to: &table, after: text) }
  }

  /// Finds what may be drawn, with weights. - Returns: false where nothing is possible.
  private mutating func narrow(_ logits: Span<Float>, _ text: TextSoFar, _ allowed: TokenMask?) -> Bool {
    func isAllowed(_ index: Int) -> Bool { allowed?.contains(index) ?? true }
    let isPossible: Bool
    if logitStages.isEmpty {
      isPossible = candidates.fill(logits, where: isAllowed)
    } else {
      penalize(logits, text)
      isPossible = candidates.fill(table, where: isAllowed)
    }
    guard isPossible else { return false }
    for stage in candidateStages { stage.apply(to: &candidates, &state) }
    candidates.weigh()
    return true
  }

  /// The first of the largest logits.
  private static func mostProbable(_ logits: Span<Float>, _ allowed: TokenMask?) -> Int32 {
    var best = allowed?.first ?? 0
    var bestValue = -Float.infinity
    for index in logits.indices where allowed?.contains(index) ?? true {
      if logits[index] > bestValue { (best, bestValue) = (index, logits[index]) }
    }
    return Int32(best)
  }

  private mutating func draw() -> Candidate {
    let target = state.generator.nextUnit() * candidates.totalWeight
    var sum = 0.0
    for candidate in candidates.list {
      sum += Double(candidate.weight)
      if sum > target { return candidate }
    }
    return candidates.list[candidates.list.count - 1]
  }
}
