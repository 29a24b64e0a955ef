import JambaFormat

extension Recipe {
  /// The recipe that throws away little of what a checkpoint still has, for when none is asked for.
  ///
  /// Weights in 16 bits or more are the model as it was trained, and `balanced` is what a quantization of it is worth. A checkpoint
  /// that is quantized has paid already, and pays again: how much, docs/CHECKPOINTS.md says, measured. So 8 bits stay int8, and 4
  /// to 7 become int6; of what has less than 4, `balanced` keeps nearly all.
  static func keeping(_ checkpoint: any Checkpoint) -> Recipe {
    switch SourcePrecision(checkpoint).bitsPerWeight {
    case 4..<7: uniform(.int6)
    case 7..<10: uniform(.int8)
    default: balanced
    }
  }
}
