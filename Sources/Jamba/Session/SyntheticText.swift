import JambaFormat

/// A text of any length that nobody has computed, so that what comes at its end can be measured in seconds: arbitrary tokens,
/// keys and values of normal distribution, Mamba states of zeros. A session or a file of it is as good as any other.
struct SyntheticText {
  /// Tokens whose keys and values are made together.
  private static let rowCount = 256

  /// - Throws: `contextFull`, `memoryLimitReached`, `outOfMemory`.
  static func snapshot(_ model: LoadedModel, _ layout: KeyValueLayout, tokenCount: Int) throws(JambaError) -> Snapshot {
    let c = model.configuration
    guard layout.window != nil || tokenCount <= c.maxPositionEmbeddings else {
      throw .contextFull(limit: c.maxPositionEmbeddings)
    }
    let text = try SequenceState(
      c, KeyValueLayout(type: layout.type, window: layout.window, sinks: layout.sinks, chunk: rowCount), model.memory)
    let width = c.numKeyValueHeads * c.headDim
    let (keys, values) = (try rows(width), try rows(width))
    let source = NormalNumbers()
    while text.position < tokenCount {
      let count = min(rowCount, tokenCount - text.position)
      try text.reserve(count)
      try text.makeWritable(count)
      for layer in c.layers(with: .attention) {
        source.fill(keys.mutableValues)
        source.fill(values.mutableValues)
        text.attention(layer).withPages {
          model.engine.store(
            keys: keys.values.rows(0..<count), values: values.values.rows(0..<count), into: $0, at: text.position)
        }
      }
      text.advance(by: count)
    }
    let tokens = (0..<tokenCount).map { Int32(($0 &* 7919 &+ 104_729) % c.vocabSize) }
    return try text.snapshot(text: TokenText().extended(to: tokens, model.memory), logits: nil)
  }

  private static func rows(_ width: Int) throws(JambaError) -> Activations {
    let rows = try Activations(width: width, capacity: rowCount, codes: false)
    rows.resize(to: rowCount)
    return rows
  }
}

/// Numbers of about normal distribution: sums of four uniform ones out of a word of a linear congruential generator.
private final class NormalNumbers {
  private var word: UInt64 = 0x9E37_79B9_7F4A_7C15

  func fill(_ rows: MutableRows) {
    for row in 0..<rows.count {
      for column in 0..<rows.width {
        word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = word ^ word >> 32
        let sum = mixed & 0xFFFF + mixed >> 16 & 0xFFFF + mixed >> 32 & 0xFFFF + mixed >> 48
        rows[row, column] = (Float(sum) - 131_070) / 37_837  // a standard deviation of 1
      }
    }
  }
}
