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
/// It is that of transformers' logits processors: penalties, temperature, top-k, top-p, min-p, where each sees what the one
/// before has left. Typical-p stands where llama.cpp has it; top-n-sigma comes before all that leave tokens out, since it
/// measures the spread of all logits, and XTC last, since it takes from the top of what the others deem sensible.
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
