import JambaFormat

/// What quantizing costs that has been quantized before, from measurement.
struct SecondQuantization {
  /// Mean divergence of the demo model from bf16 after conversion from a file of llama.cpp's: of its own values, and of these in
  /// int8, int6 and `balanced` int4 (docs/CHECKPOINTS.md says how).
  private struct Measured {
    /// The file's type, and what it has bits for a weight.
    let name: String
    let bits: Double
    let own: Double
    let int8: Double
    let int6: Double
    let int4: Double
  }

  private static let measured = [
    Measured(name: "Q8_0", bits: 8.5, own: 0.000247, int8: 0.000802, int6: 0.004043, int4: 0.011416),
    Measured(name: "Q6_K", bits: 6.6, own: 0.002079, int8: 0.002490, int6: 0.004937, int4: 0.013006),
    Measured(name: "Q5_K_M", bits: 5.5, own: 0.006175, int8: 0.006661, int6: 0.009371, int4: 0.017091),
    Measured(name: "Q4_K_M", bits: 4.5, own: 0.020504, int8: 0.021020, int6: 0.023920, int4: 0.028906),
    Measured(name: "Q3_K_M", bits: 3.4, own: 0.095273, int8: 0.096057, int6: 0.097581, int4: 0.105591),
  ]

  /// A sentence for who converts; nil where nothing is quantized a second time.
  ///
  /// - Parameter type: what most weights are stored as.
  static func note(_ source: SourcePrecision, storedAs type: StorageType) -> String? {
    guard source.isQuantized, type.traits.hasCodes else { return nil }
    let nearest = measured.min { abs($0.bits - source.bitsPerWeight) < abs($1.bits - source.bitsPerWeight) }!
    func text(_ divergence: Double) -> String { "\((divergence * 10000).rounded() / 10000)" }
    return "\(source.typeName) is a quantization already and \(type.name) a second one; the demo model's divergence from bf16, "
      + "\(text(nearest.own)) in \(nearest.name), was then \(text(nearest.int8)) in int8, \(text(nearest.int6)) in int6 and "
      + "\(text(nearest.int4)) in int4 (--type)"
  }
}
