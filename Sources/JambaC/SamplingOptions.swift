internal import CJamba
internal import Jamba

extension Sampling {
  /// NULL is greedy, as all zero is.
  init(_ pointer: UnsafePointer<jamba_sampling>?) throws(Failure) {
    let given = unsafe try structure(
      pointer, jamba_sampling(), first: Sampling.firstStructByteCount, "the sampling")
    let usual = Sampling()
    unsafe self.init(
      temperature: given.temperature, topK: Int(given.top_k), topP: orDefault(given.top_p, 1), minP: given.min_p,
      repetitionPenalty: orDefault(given.repetition_penalty, 1),
      repetitionWindow: given.repetition_window == .max ? -1 : orDefault(given.repetition_window) ?? 64,
      seed: given.seed)
    unsafe (frequencyPenalty, presencePenalty) = (given.frequency_penalty, given.presence_penalty)
    dryMultiplier = unsafe given.dry_multiplier
    dryBase = unsafe orDefault(given.dry_base, usual.dryBase)
    dryAllowedLength = unsafe orDefault(given.dry_allowed_length) ?? usual.dryAllowedLength
    dryWindow = unsafe orDefault(given.dry_penalty_last_n) ?? -1
    xtcProbability = unsafe given.xtc_probability
    xtcThreshold = unsafe orDefault(given.xtc_threshold, usual.xtcThreshold)
    typicalP = unsafe orDefault(given.typical_p, 1)
    dynamicTemperatureRange = unsafe given.dynatemp_range
    dynamicTemperatureExponent = unsafe orDefault(given.dynatemp_exponent, 1)
    topNSigma = unsafe given.top_n_sigma
    mirostat = unsafe Int(given.mirostat)
    mirostatTau = unsafe orDefault(given.mirostat_tau, usual.mirostatTau)
    mirostatEta = unsafe orDefault(given.mirostat_eta, usual.mirostatEta)
    let biases = unsafe try array(
      given.logit_bias, given.logit_bias_count, limit: ArgumentLimits.biasCount, "logit biases")
    for bias in biases { logitBias[bias.token, default: 0] += bias.bias }
    guard unsafe given.dry_sequence_breakers != nil || given.dry_sequence_breaker_count > 0 else { return }
    drySequenceBreakers = unsafe try array(
      given.dry_sequence_breakers, given.dry_sequence_breaker_count, limit: Sampling.sequenceBreakerLimit,
      "sequence breakers"
    ).map { (breaker) throws(Failure) in unsafe try text(breaker, "a sequence breaker") }
  }

  /// Up to `top_k`.
  private static let firstStructByteCount = 40
}

/// A number from C, of which zero is the default.
private func orDefault(_ value: Float, _ usual: Float) -> Float { value == 0 ? usual : value }
