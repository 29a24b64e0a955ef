import CQuantizers
import JambaFormat
import JambaSystem

extension Recipe {
  /// The recipe whose matrices take about `bits` a weight in a packed file, at the least divergence.
  ///
  /// Codes that lie far apart are used unequally, and zstd's entropy coder makes them shorter than the 4 bits they have in memory. With
  /// one distance throughout a matrix, whatever the groups' sizes, that is nearly the best a scalar code can do for its bits. An error
  /// costs what `Recipe+Bits.swift` knows of its kind of matrix; the distances are those at which a bit more would gain the same
  /// everywhere. How long codes become and what they lose is measured on some rows of each kind.
  ///
  /// - Throws: `unusable` when `bits` are too few; as opening the checkpoint.
  public static func meeting(
    bitsOnDisk bits: Double, checkpoint path: String, adapters: [AdapterSource] = []
  ) throws(ConversionError) -> Recipe {
    let checkpoint = try openCheckpoint(path, adapters: adapters)
    let sources = try SourceTensors(checkpoint)
    let tensors = ModelTensors(checkpoint.configuration).all.filter { $0.kind == .matrix }
    var kinds: [Kind] = []
    for (pattern, group) in groups(tensors).sorted(by: { $0.key < $1.key }) {
      let weightCount = group.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      let sample = try Sample(of: group.tensors.map { sources[$0.id] })
      let fourBits = try sample.measure(Coding(type: .int4, step: 0))
      let choices = try Coding.all.map { (coding) throws(ConversionError) in
        let (bits, error) = try sample.measure(coding)
        return Choice(coding: coding, bits: bits, divergence: group.divergence * error / fourBits.error)
      }
      kinds.append(Kind(pattern: pattern, weightCount: weightCount, choices: choices))
    }
    let total = Double(kinds.reduce(0) { $0 + $1.weightCount })
    func average(_ price: Double) -> Double {
      kinds.reduce(0) { $0 + $1.choice(price: price).bits * Double($1.weightCount) } / total
    }
    // Prices of a bit, from one at which nothing is coarse to one at which everything is.
    var (low, high) = (1e-12, 1e6)
    guard average(high) <= bits else {
      let needed = (average(high) * 100).rounded(.up) / 100
      throw .unusable(path: path, reason: "its matrices take at least \(needed) bits a weight in a packed file")
    }
    for _ in 0..<60 {
      let middle = (low * high).squareRoot()
      if average(middle) <= bits { high = middle } else { low = middle }
    }
    let rules = kinds.map { kind in
      let coding = kind.choice(price: high).coding
      return Rule(pattern: kind.pattern, type: coding.type, step: coding.step)
    }
    return Recipe(name: "\(bits) bits on disk", rules: rules + uniform(.int4).rules)
  }

  /// A type, and the distance between its codes.
  private struct Coding {
    let type: StorageType
    let step: Float

    /// Six distances to an octave are enough. Nearer than the first of each type, its codes do not reach the ends of a normal
    /// distribution; 4 bits as close as they go are between.
    static let all: [Coding] =
      (0..<7).map { Coding(type: .int6, step: 0.12 * Float(power(2, Double($0) / 6))) }
      + [Coding(type: .int4, step: 0)]
      + (0..<10).map { Coding(type: .int4, step: 0.34 * Float(power(2, Double($0) / 6))) }
  }

  private struct Choice {
    let coding: Coding
    /// Of a weight.
    let bits: Double
    let divergence: Double
  }

  private struct Kind {
    let pattern: String
    let weightCount: Int
    let choices: [Choice]

    /// The one whose divergence and bits, at the given price for a million of them, cost least together.
    func choice(price: Double) -> Choice {
      choices.min { cost($0, price) < cost($1, price) }!
    }

    private func cost(_ choice: Choice, _ price: Double) -> Double {
      choice.divergence + price * choice.bits * Double(weightCount) / 1e6
    }
  }

  /// Some strips of some matrices of a kind.
  private struct Sample {
    private var strips: [(rows: Int, columns: Int, values: [Float])] = []

    init(of tensors: [SourceTensor]) throws(ConversionError) {
      for tensor in stride(from: 0, to: tensors.count, by: (tensors.count + 3) / 4).map({ tensors[$0] }) {
        let stripCount = (tensor.rows + 7) / 8
        guard 8 * 4 * tensor.columns <= TensorEncoder.limit else {
          throw .unusable(path: tensor.checkpoint.path, reason: "\(tensor.name) is too wide")
        }
        for strip in stride(from: 0, to: stripCount, by: (stripCount + 3) / 4) {
          let rows = 8 * strip..<min(8 * strip + 8, tensor.rows)
          strips.append((rows.count, tensor.columns, try tensor.values(ofRows: rows)))
        }
      }
    }

    /// What a weight takes when packed, the entropy of the encoded bytes, which zstd comes near to; and the squared error, in
    /// units of the squares.
    func measure(_ coding: Coding) throws(ConversionError) -> (bits: Double, error: Double) {
      var counts = [Int](repeating: 0, count: 256)
      var weightCount = 0
      var sums = (0.0, 0.0)
      for (rows, columns, values) in strips {
        let byteCount = coding.type.stripByteCount(columns: columns)!
        let buffer: AlignedBuffer
        do { buffer = try AlignedBuffer(byteCount: byteCount) } catch { throw .outOfMemory }
        unsafe withUnsafeMutableBytes(of: &sums) { sums in
          unsafe jk_encode_strip(
            coding.type.kernelType, values, columns, rows, columns, nil, coding.step, buffer.base!,
            sums.baseAddress!.assumingMemoryBound(to: Double.self))
        }
        for index in 0..<byteCount { unsafe counts[Int(buffer.bytes[index])] += 1 }
        weightCount += rows * columns
      }
      let total = Double(counts.reduce(0, +))
      let entropy = counts.filter { $0 > 0 }.reduce(0.0) { $0 - Double($1) * binaryLogarithm(Double($1) / total) }
      return (entropy / Double(weightCount), sums.1 > 0 ? max(sums.0 / sums.1, 1e-12) : 1)
    }
  }
}
