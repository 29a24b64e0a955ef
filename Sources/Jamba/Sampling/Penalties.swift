/// Adds to the logits of some tokens.
struct LogitBias: LogitStage {
  static let name = "logit_bias"
  private let biases: [Int32: Float]

  init?(_ sampling: Sampling) {
    guard !sampling.logitBias.isEmpty else { return nil }
    biases = sampling.logitBias
  }

  func apply(to logits: inout LogitTable, after text: TextSoFar) {
    for (token, bias) in biases { logits.change(token) { $0 += bias } }
  }
}

/// Makes tokens of the window less probable (Keskar and others 2019; negative logits are multiplied, as in transformers).
struct RepetitionPenalty: LogitStage {
  static let name = "repeat_penalty"
  private let penalty: Float
  private let window: Int

  init?(_ sampling: Sampling) {
    guard sampling.repetitionPenalty != 1, sampling.repetitionWindow != 0 else { return nil }
    (penalty, window) = (sampling.repetitionPenalty, sampling.repetitionWindow)
  }

  func apply(to logits: inout LogitTable, after text: TextSoFar) {
    logits.changeEach(of: text.last(window)) { value, _ in value = value > 0 ? value / penalty : value * penalty }
  }
}

/// OpenAI's penalties: `logit - count × frequency_penalty - (count > 0 ? 1 : 0) × presence_penalty`. As in llama.cpp, count
/// is that of the window, whether in prompt or answer.
struct OccurrencePenalty: LogitStage {
  static let name = "frequency_penalty, presence_penalty"
  private let frequency: Float
  private let presence: Float
  private let window: Int

  init?(_ sampling: Sampling) {
    guard sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0, sampling.repetitionWindow != 0 else {
      return nil
    }
    (frequency, presence) = (sampling.frequencyPenalty, sampling.presencePenalty)
    window = sampling.repetitionWindow
  }

  func apply(to logits: inout LogitTable, after text: TextSoFar) {
    logits.changeEach(of: text.last(window)) { value, count in value -= Float(count) * frequency + presence }
  }
}

/// DRY, "don't repeat yourself" (p-e-w 2024): where the text's last n tokens have occurred before, what followed them then
/// loses `multiplier × base^(n - allowed length)`, n being the longest such match, if it is at least the allowed length.
/// Matches end at sequence breakers, which lose nothing themselves.
struct DontRepeatYourself: LogitStage {
  static let name = "dry"
  private let multiplier: Double
  private let base: Double
  private let allowedLength: Int
  private let window: Int

  init?(_ sampling: Sampling) {
    guard sampling.dryMultiplier > 0, sampling.dryWindow != 0 else { return nil }
    (multiplier, base) = (Double(sampling.dryMultiplier), Double(sampling.dryBase))
    (allowedLength, window) = (sampling.dryAllowedLength, sampling.dryWindow)
  }

  func apply(to logits: inout LogitTable, after text: TextSoFar) {
    let tokens = text.last(window)
    let limit = Int32(clamping: tokens.reversed().prefix { !text.breakers.contains($0) }.count)
    guard limit > 0, tokens.count > 1 else { return }
    // Taken out, so that its memory is nobody else's while it is written.
    var lengths: [Int32] = []
    swap(&lengths, &logits.scratch)
    defer { swap(&lengths, &logits.scratch) }
    DontRepeatYourself.matchLengths(tokens, into: &lengths)
    // By place: the length of the match that ends before it, for the token there.
    let last = tokens.count - 1
    for place in (1...last).reversed() {
      let follower = tokens[tokens.startIndex + place]
      let length = min(lengths[place - 1], limit)
      lengths[place] = length < allowedLength || text.breakers.contains(follower) ? 0 : length
    }
    lengths[0] = 0
    logits.changeEach(of: tokens, withLargest: lengths) { value, length in value -= penalty(length) }
  }

  /// By place: how many tokens up to it are the text's last ones (the Z function of the reversed text, Gusfield 1997). In
  /// time of the text's length, however much it repeats itself.
  private static func matchLengths(_ tokens: ArraySlice<Int32>, into lengths: inout [Int32]) {
    let count = tokens.count
    let end = tokens.endIndex - 1
    lengths.removeAll(keepingCapacity: true)
    lengths.append(contentsOf: repeatElement(0, count: count))
    // Distances from the end; what lies in left..<right matches the end.
    var (left, right) = (0, 0)
    for distance in stride(from: 1, to: count, by: 1) {
      var length = 0
      if distance < right { length = min(right - distance, Int(lengths[count - 1 - (distance - left)])) }
      while distance + length < count, tokens[end - length] == tokens[end - distance - length] { length += 1 }
      if distance + length > right { (left, right) = (distance, distance + length) }
      lengths[count - 1 - distance] = Int32(clamping: length)
    }
  }

  /// Powers by squaring: the same bits on every machine.
  private func penalty(_ length: Int) -> Float {
    var (power, square, exponent) = (1.0, base, length - allowedLength)
    while exponent > 0 {
      if exponent & 1 == 1 { power *= square }
      square *= square
      exponent >>= 1
    }
    return Float(min(multiplier * power, Double(Float.greatestFiniteMagnitude)))
  }
}
