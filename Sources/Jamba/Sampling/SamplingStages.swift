import JambaSystem

/// A stage on the way from logits to a token. To add one: a type that says what it does, and its place in
/// `SamplingStages`.
protocol SamplingStage: Sendable {
  /// What llama-server calls it.
  static var name: String { get }

  /// The stage with its options; nil where they leave it off.
  init?(_ sampling: Sampling)
}

/// A stage that changes logits by token id, and looks at the text so far.
protocol LogitStage: SamplingStage {
  func apply(to logits: inout LogitTable, after text: TextSoFar)
}

/// A stage that rescales what may be chosen, or leaves some of it out, but never all.
protocol CandidateStage: SamplingStage {
  func apply(to candidates: inout Candidates, _ state: inout SamplerState)
}

/// The stages in their order.
///
/// It is that of transformers' logits processors as far as they have them: penalties, temperature, top-k, typical-p, top-p
/// and min-p, where each sees what the one before has left. Top-n-sigma comes before all that cut off, since it measures the
/// spread of all logits; XTC comes last, since it takes from the top of what the others deem sensible.
package enum SamplingStages {
  static let ofLogits: [any LogitStage.Type] = [
    LogitBias.self, RepetitionPenalty.self, OccurrencePenalty.self, DontRepeatYourself.self,
  ]

  static let ofCandidates: [any CandidateStage.Type] = [
    Temperature.self, TopNSigma.self, TopK.self, TypicalP.self, TopP.self, MinP.self, ExcludeTopChoices.self,
  ]

  static let ofCandidatesWithMirostat: [any CandidateStage.Type] = [Temperature.self, Mirostat.self]

  static func ofLogits(_ sampling: Sampling) -> [any LogitStage] { ofLogits.compactMap { $0.init(sampling) } }

  /// Of all there are.
  package static var allNames: [String] {
    ofLogits.map { $0.name } + ofCandidates.map { $0.name } + ofCandidatesWithMirostat.map { $0.name }
  }

  /// The stages that are on, in their order, by name.
  package static func names(_ sampling: Sampling) -> [String] {
    (ofLogits(sampling).map { type(of: $0).name } + ofCandidates(sampling).map { type(of: $0).name })
  }

  /// - Precondition: a temperature above 0.
  static func ofCandidates(_ sampling: Sampling) -> [any CandidateStage] {
    (sampling.mirostat == 0 ? ofCandidates : ofCandidatesWithMirostat).compactMap { $0.init(sampling) }
  }
}

/// What changes in a sampler from draw to draw, and all that a generation needs to draw on as if it had not stopped.
struct SamplerState: Sendable {
  var generator: SplitMix64
  /// The largest surprise that mirostat allows, in bits; nil before its first draw, and without mirostat.
  var mirostatMu: Double?
}

/// How a generation goes on: the sampler's state after the last draw, and the token drawn, which the text does not have
/// yet.
struct Continuation {
  var sampler: SamplerState
  var token: Int32
}
