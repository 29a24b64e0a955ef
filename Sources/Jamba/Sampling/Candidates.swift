/// A token that may be chosen.
struct Candidate: Sendable {
  let token: Int32
  /// Finite.
  var logit: Float
  /// In proportion to its probability: e to the power of the logit less the largest. See `Candidates.weigh`.
  var weight: Float = 0
}

/// The tokens that may still be chosen; from when they are filled on at least one. Their memory is kept from draw to draw.
///
/// Order is the order in which weights are added up, and so part of the result: by id, until a stage sorts.
struct Candidates: Sendable {
  private(set) var list: [Candidate] = []
  private var isWeighed = false
  /// What mirostat knows of the candidates before it has left some out: the logarithm to base 2 of all weights together.
  var binaryLogarithmOfWeights = 0.0

  /// Takes the tokens in question with their logits; impossible ones (minus infinity, not-a-number) are no candidates.
  ///
  /// - Returns: false where there are none.
  mutating func fill(_ logits: Span<Float>, where isAllowed: (Int) -> Bool) -> Bool {
    list.removeAll(keepingCapacity: true)
    list.reserveCapacity(logits.count)
    isWeighed = false
    for index in logits.indices where isAllowed(index) && logits[index] > -.infinity {
      list.append(Candidate(token: Int32(index), logit: logits[index]))
    }
    keepInfinite()
    return !list.isEmpty
  }

  /// The same from logits that have been changed.
  mutating func fill(_ table: LogitTable, where isAllowed: (Int) -> Bool) -> Bool {
    fill(table.values.span, where: isAllowed)
  }

  /// Where logits are infinite, only those tokens are possible, and each as much as the others.
  private mutating func keepInfinite() {
    guard list.contains(where: { $0.logit == .infinity }) else { return }
    list.removeAll { $0.logit < .infinity }
    for index in list.indices { list[index].logit = 0 }
  }

  /// Divides the logits, by a positive number.
  mutating func divideLogits(by divisor: Float) {
    // Where the largest would overflow, what counts is how far the others are below it.
    let largest = largestLogit
    let offset = (largest / divisor).isFinite ? 0 : largest
    for index in list.indices { list[index].logit = (list[index].logit - offset) / divisor }
    list.removeAll { $0.logit == -.infinity }
    isWeighed = false
  }

  /// The largest logit; every stage leaves some.
  var largestLogit: Float { list.reduce(-Float.infinity) { max($0, $1.logit) } }

  /// Computes the weights.
  mutating func weigh() {
    guard !isWeighed else { return }
    let largest = largestLogit
    for index in list.indices { list[index].weight = kernelExponential(list[index].logit - largest) }
    isWeighed = true
  }

  /// The sum of the weights, in order.
  var totalWeight: Double { list.reduce(0) { $0 + Double($1.weight) } }

  /// The mean of (logit - largest), weighed: the entropy is the logarithm of the total weight less this.
  var meanDistance: Double {
    let largest = largestLogit
    return list.reduce(0) { $0 + Double($1.weight) * Double($1.logit - largest) } / totalWeight
  }

  // MARK: Leaving out

  /// Leaves out all but those that `isKept` accepts, without change of order.
  mutating func keep(where isKept: (Candidate) -> Bool) { list.removeAll { !isKept($0) } }

  /// Leaves out all but the first `count`.
  mutating func keep(first count: Int) { if count < list.count { list.removeLast(list.count - count) } }

  /// Leaves out all but the most probable one: of equals the smaller id.
  mutating func keepMostProbable() {
    let best = list.min(by: Candidates.isLargerLogit)
    list.removeAll { $0.token != best?.token }
  }

  // MARK: Order

  /// Descending; of equals the smaller id first, so that the order is the same everywhere.
  static func isLargerLogit(_ a: Candidate, _ b: Candidate) -> Bool {
    a.logit != b.logit ? a.logit > b.logit : a.token < b.token
  }

  /// As `isLargerLogit`. Different logits may have the same weight.
  static func isLargerWeight(_ a: Candidate, _ b: Candidate) -> Bool {
    a.weight != b.weight ? a.weight > b.weight : a.token < b.token
  }

  /// Sorts in place, since Array.sort takes memory of half the array's size each time. No two candidates may be equal in
  /// the order, so that there is only one result.
  @inline(__always)
  mutating func sort(by precedes: (Candidate, Candidate) -> Bool) {
    unsafe list.withUnsafeMutableBufferPointer { list in
      unsafe InPlaceSort.sort(&list, by: precedes)
    }
  }
}
