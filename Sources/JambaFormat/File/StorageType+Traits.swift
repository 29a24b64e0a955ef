import CStorage

extension StorageType {
  /// What the project's parts need to know of a type besides its layout.
  package struct Traits: Sendable {
    package let name: String
    package let isMatrix: Bool
    /// Whether weights are integers under scales, and products with them read the int8 codes of activations.
    package let hasCodes: Bool
    /// Squared error beside that of int4.
    package let relativeNoise: Double
    /// The largest relative error that passes as a sound conversion: far beyond what any shows, far below what a mixed-up
    /// tensor would.
    package let errorBound: Double
    /// The first version of the file's format that has it.
    let firstVersion: UInt32
  }

  package var traits: Traits {
    switch self {
    case .document:
      Traits(name: "document", isMatrix: false, hasCodes: false, relativeNoise: 0, errorBound: 0, firstVersion: 1)
    case .vector:
      Traits(name: "f32 vector", isMatrix: false, hasCodes: false, relativeNoise: 0, errorBound: 0, firstVersion: 1)
    case .f32: Traits(JK_F32, relativeNoise: 0, errorBound: 0)
    case .bf16: Traits(JK_BF16, relativeNoise: 0, errorBound: 0.005)
    // On normal weights 22, 32 and 44 dB lie between signal and error, and a head in 6 bits cost 0.05 times, everything 0.12
    // times as much as in 4.
    case .int8: Traits(JK_I8, relativeNoise: 0.006, errorBound: 0.05)
    case .int4: Traits(JK_NL4, relativeNoise: 1, errorBound: 0.5)
    case .int6: Traits(JK_I6, relativeNoise: 0.1, errorBound: 0.1)
    // Of normal weights 16.8 and 11.1 dB.
    case .int3: Traits(JK_R3, relativeNoise: 3.8, errorBound: 0.6, firstVersion: 3)
    case .int2: Traits(JK_R2, relativeNoise: 14, errorBound: 0.8, firstVersion: 3)
    }
  }
}

extension StorageType.Traits {
  /// Those of a matrix; its name and whether it has codes stand in the kernels' list of types.
  fileprivate init(_ type: jk_type, relativeNoise: Double, errorBound: Double, firstVersion: UInt32 = 1) {
    self.init(
      name: unsafe String(cString: jk_type_name(type)), isMatrix: true, hasCodes: jk_has_codes(type),
      relativeNoise: relativeNoise, errorBound: errorBound, firstVersion: firstVersion)
  }
}
