extension Sampling {
  /// Sequence breakers that may be named: all tokens' texts are searched for each.
  public static let sequenceBreakerLimit = 64

  /// - Throws: `invalidOption` for a value outside its range, not-a-number included.
  public func validate() throws(JambaError) {
    try check(temperature, "temperature", in: 0...100)
    try check(dynamicTemperatureRange, "range of the dynamic temperature", in: 0...100)
    try check(dynamicTemperatureExponent, "exponent of the dynamic temperature", in: 0...100)
    try check(topNSigma, "top-n-sigma", article: false, in: -100...100)
    try check(typicalP, "typical-p", article: false, in: 0...1)
    try check(topP, "top-p", article: false, in: 0...1)
    guard minP >= 0, minP < 1 else { throw .invalidOption("min-p is \(minP), which is not at least 0 and below 1") }
    try check(xtcProbability, "probability of XTC", in: 0...1)
    try check(xtcThreshold, "threshold of XTC", in: 0...1)
    guard mirostat != 1 else {
      throw .invalidOption("mirostat is 1, which is not supported: 2 is its successor, and 0 is off")
    }
    guard mirostat == 0 || mirostat == 2 else {
      throw .invalidOption("mirostat is \(mirostat), which is neither 0 nor 2")
    }
    try check(mirostatTau, "tau of mirostat", in: 0...100)
    try check(mirostatEta, "eta of mirostat", in: 0...1)
    guard repetitionPenalty > 0, repetitionPenalty <= 100 else {
      throw .invalidOption("the repetition penalty is \(repetitionPenalty), which is not above 0 and at most 100")
    }
    try check(repetitionWindow, "repetition window")
    try check(frequencyPenalty, "frequency penalty", in: -100...100)
    try check(presencePenalty, "presence penalty", in: -100...100)
    try check(dryMultiplier, "multiplier of DRY", in: 0...100)
    try check(dryBase, "base of DRY", in: 1...100)
    guard dryAllowedLength >= 0 else {
      throw .invalidOption("the length that DRY allows is \(dryAllowedLength), which is negative")
    }
    try check(dryWindow, "window of DRY")
    guard drySequenceBreakers.count <= Sampling.sequenceBreakerLimit, !drySequenceBreakers.contains("") else {
      throw .invalidOption(
        "the sequence breakers of DRY are more than \(Sampling.sequenceBreakerLimit), or one of them is empty")
    }
    for (token, bias) in logitBias where !bias.isFinite {
      throw .invalidOption("the bias of token \(token) is \(bias), which is not a finite number")
    }
  }

  private func check(
    _ value: Float, _ name: String, article: Bool = true, in range: ClosedRange<Float>
  ) throws(JambaError) {
    guard range.contains(value) else {
      let bounds = "\(Int(range.lowerBound))...\(Int(range.upperBound))"
      throw .invalidOption("\(article ? "the " : "")\(name) is \(value), which is not within \(bounds)")
    }
  }

  /// A number of the text's last tokens.
  private func check(_ window: Int, _ name: String) throws(JambaError) {
    guard window >= -1 else {
      throw .invalidOption("the \(name) is \(window) tokens, which is neither -1, the whole text, nor 0 or more")
    }
  }
}
