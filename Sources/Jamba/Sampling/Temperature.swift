/// Divides the logits: below 1 probable tokens become more so, above 1 less.
///
/// With a range the temperature follows from the entropy of the tokens (dynamic temperature, kalomaze 2023):
/// `low + (high - low) × (entropy / largest possible entropy)^exponent`.
struct Temperature: CandidateStage {
  static let name = "temperature"
  private let value: Float
  private let range: Float
  private let exponent: Float

  init?(_ sampling: Sampling) {
    (value, range) = (sampling.temperature, sampling.dynamicTemperatureRange)
    exponent = sampling.dynamicTemperatureExponent
    if value == 1, range == 0 { return nil }
  }

  func apply(to candidates: inout Candidates, _ state: inout SamplerState) {
    let temperature = range == 0 ? value : dynamicTemperature(&candidates)
    if temperature > 0 { candidates.divideLogits(by: temperature) } else { candidates.keepMostProbable() }
  }

  private func dynamicTemperature(_ candidates: inout Candidates) -> Float {
    let (low, high) = (max(0, value - range), value + range)
    guard candidates.list.count > 1 else { return high }
    candidates.weigh()
    // In bits.
    let entropy =
      ReproducibleLogarithm.base2(candidates.totalWeight) - candidates.meanDistance * ReproducibleLogarithm.bitsPerNat
    let share = entropy / ReproducibleLogarithm.base2(Double(candidates.list.count))
    return low + (high - low) * Temperature.power(Float(min(max(share, 0), 1)), exponent)
  }

  /// - Parameter base: from 0 to 1.
  private static func power(_ base: Float, _ exponent: Float) -> Float {
    if exponent == 1 { return base }
    if base == 0 { return exponent == 0 ? 1 : 0 }
    let logarithm = ReproducibleLogarithm.base2(Double(base)) / ReproducibleLogarithm.bitsPerNat
    return kernelExponential(Float(Double(exponent) * logarithm))
  }
}
