import JambaFormat

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How probable a token was, and which ones were the most probable, as the model's logits have it: before bias, penalties,
/// temperature and whatever a grammar forbids.
public struct LogProbabilities: Sendable, Equatable {
  /// A token and the natural logarithm of its probability.
  public struct Entry: Sendable, Equatable {
    public let token: Int32
    public let value: Float
  }

  /// The token that was chosen.
  public let chosen: Entry
  /// The most probable ones, in descending order; of equals the smaller id first.
  public let top: [Entry]

  /// The most that may be asked for.
  public static let limit = 20

  /// - Parameter logits: `[vocabulary]`.
  init(of token: Int32, _ logits: Span<Float>, top count: Int) {
    var largest = -Float.infinity
    for index in logits.indices { largest = max(largest, logits[index]) }
    // In double precision and in order, so that the sum has the same bits everywhere.
    var sum = 0.0
    for index in logits.indices { sum += Double(kernelExponential(logits[index] - largest)) }
    let normalizer = Double(largest) + log(sum)
    func entry(_ index: Int) -> Entry { Entry(token: Int32(index), value: Float(Double(logits[index]) - normalizer)) }

    var best: [Int] = []
    if count > 0 {
      for index in logits.indices {
        if best.count == count, logits[index] <= logits[best[count - 1]] { continue }
        let place = best.firstIndex { logits[$0] < logits[index] } ?? best.count
        best.insert(index, at: place)
        if best.count > count { best.removeLast() }
      }
    }
    chosen = entry(Int(token))
    top = best.map(entry)
  }
}
