import CQuantizers
import JambaFormat
import JambaSystem

/// A model of any shape with random weights, written straight to a .jamba file: for trying sizes of which there is no
/// checkpoint at hand.
///
/// Matrices are near-normal with a variance of 1 / inputs, those that write to the residual stream smaller by the square
/// root of twice the layers, as trained models begin; scan, convolution and norms have the values that Mamba begins with.
/// Quantized matrices are put together from a few hundred strips that the real encoder has made, each with row scales of
/// its own, so that a file takes as long as its bytes take to write.
package struct SyntheticModel {
  private let configurationText: [UInt8]
  private let documents: [(name: String, bytes: [UInt8])]
  private let configuration: ModelConfiguration
  private let plan: ConversionPlan<Void>
  /// How unequal the experts' chances are: the router's row of the expert in place n is smaller by (n + 1) to this power.
  package var routerSkew = 0.0
  package var packing = JambaFileWriter.Packing.raw
  package var seed: UInt64 = 1

  /// - Parameters:
  ///   - configurationText: a config.json.
  ///   - documents: more documents for the file, such as tokenizer.json.
  package init(
    configurationText: [UInt8], documents: [(name: String, bytes: [UInt8])] = [], recipe: Recipe
  ) throws {
    self.configurationText = configurationText
    self.documents = documents
    configuration = try ModelConfiguration(JSON.parse(configurationText))
    plan = ConversionPlan(configuration, recipe) { _ in }
  }

  /// Bytes of all weights.
  package var byteCount: Int { plan.segments.reduce(0) { $0 + $1.byteCount } }

  package func write(to path: String, threads: Int, progress: (_ done: Int, _ total: Int) -> Bool) throws {
    let pool = try WorkerPool(threads: threads)
    let writer = try JambaFileWriter(path: path, parallel: { pool.forEach($0, $1) })
    var random = SplitMix64(seed: seed)
    var strips = StripSupply(random: SplitMix64(seed: seed &+ 1))
    var done = 0
    for segment in plan.segments {
      guard progress(done, byteCount) else { throw ConversionError.cancelled }
      writer.beginSegment(byteCount: segment.byteCount, packing: packing)
      var position = 0
      for tensor in segment.tensors {
        try writer.append([UInt8](repeating: 0, count: tensor.offset - position))
        position = tensor.offset + tensor.byteCount
        if tensor.type == .vector {
          try writer.append(vector(tensor.specification, &random))
        } else if tensor.type.traits.hasCodes {
          let deviation = deviation(tensor.specification)
          let columns = tensor.specification.shape[1]
          try strips.write(
            (tensor.specification.shape[0] + 7) / 8, tensor.type, columns: columns, deviation: deviation, to: writer)
        } else {
          try writer.append(matrix(tensor, &random))
        }
      }
      try writer.endSegment(
        entries: segment.tensors.map { ($0.specification.name, $0.type, $0.specification.shape, $0.offset) })
      done += segment.byteCount
    }
    let provenance = JSON.object(["tool": .string("make-model"), "weights": .string("random")])
    try writer.addDocuments(
      [(DocumentName.configuration, configurationText), (DocumentName.provenance, Array(provenance.text().utf8))]
        + documents, packing: .raw)
    try writer.finish()
  }

  /// Of a matrix.
  private func deviation(_ tensor: TensorSpecification) -> Float {
    let plain = 1 / Float(tensor.shape[1]).squareRoot()
    switch tensor.id.role {
    case .embedding: return 0.2
    case .outProjection, .attentionOutProjection, .downProjection:
      return plain / Float(2 * configuration.numHiddenLayers).squareRoot()
    default: return plain
    }
  }

  private func vector(_ tensor: TensorSpecification, _ random: inout SplitMix64) -> [UInt8] {
    let values = (0..<tensor.shape.reduce(1, *)).map { index -> Float in
      switch tensor.id.role {
      case .finalNorm, .inputNorm, .feedForwardNorm, .dtNorm, .bNorm, .cNorm: 1 + 0.1 * random.normal()
      case .a: -Float(index / tensor.shape[1] + 1)
      case .d: 1
      case .dtBias: -4.6 + 1.15 * random.normal()  // softplus of it: 0.001 to 0.1, mostly
      case .convolution: 0.3 * random.normal()
      default: 0
      }
    }
    return unsafe values.withUnsafeBytes { unsafe Array($0) }
  }

  /// A matrix whose numbers are all drawn: the router, and matrices in full precision.
  private func matrix(_ tensor: ConversionPlan<Void>.Tensor, _ random: inout SplitMix64) -> [UInt8] {
    let (rows, columns) = (tensor.specification.shape[0], tensor.specification.shape[1])
    let deviation = deviation(tensor.specification)
    let isRouter = tensor.specification.id.role == .router
    var places = Array(0..<rows)
    places.shuffle(using: &random)
    let stripByteCount = tensor.type.stripByteCount(columns: columns)!
    var result = [UInt8](repeating: 0, count: tensor.byteCount)
    var values = [Float](repeating: 0, count: 8 * columns)
    for strip in 0..<(rows + 7) / 8 {
      let count = min(8, rows - 8 * strip)
      for row in 0..<count {
        let place = Double(places[8 * strip + row] + 1)
        let scale = isRouter && routerSkew > 0 ? Float(power(place, -routerSkew)) : 1
        for column in 0..<columns { values[row * columns + column] = deviation * scale * random.normal() }
      }
      unsafe result.withUnsafeMutableBytes { bytes in
        var error = (0.0, 0.0)
        unsafe withUnsafeMutableBytes(of: &error) { error in
          unsafe jk_encode_strip(
            tensor.type.kernelType, values, columns, count, columns, nil, 0, bytes.baseAddress! + strip * stripByteCount,
            error.baseAddress!.assumingMemoryBound(to: Double.self))
        }
      }
    }
    return result
  }
}

/// Encoded strips of normal weights of deviation 1, made once for each type and width.
private struct StripSupply {
  private static let count = 256
  private var strips: [Key: [UInt8]] = [:]
  private var random: SplitMix64

  private struct Key: Hashable {
    let type: StorageType
    let columns: Int
  }

  init(random: SplitMix64) { self.random = random }

  /// Writes strips in an order of their own, no two alike within 256, rows scaled by about `deviation`.
  mutating func write(
    _ count: Int, _ type: StorageType, columns: Int, deviation: Float, to writer: JambaFileWriter
  ) throws(FormatError) {
    let supply = supply(type, columns)
    let byteCount = type.stripByteCount(columns: columns)!
    let start = Int(random.next() % UInt64(StripSupply.count))
    let step = Int(random.next() % UInt64(StripSupply.count)) | 1
    var strip: [UInt8] = []
    for index in 0..<count {
      let first = (start + index * step) % StripSupply.count * byteCount
      strip.removeAll(keepingCapacity: true)
      strip += supply[first..<first + byteCount]
      let scale = deviation * (1 + 0.1 * random.normal())
      unsafe strip.withUnsafeMutableBytes { bytes in
        let scales = unsafe bytes.baseAddress!.assumingMemoryBound(to: Float.self)
        for row in 0..<8 { unsafe scales[row] *= scale }
      }
      try writer.append(strip)
    }
  }

  private mutating func supply(_ type: StorageType, _ columns: Int) -> [UInt8] {
    let key = Key(type: type, columns: columns)
    if let strips = strips[key] { return strips }
    let byteCount = type.stripByteCount(columns: columns)!
    var result = [UInt8](repeating: 0, count: StripSupply.count * byteCount)
    var values = [Float](repeating: 0, count: 8 * columns)
    for strip in 0..<StripSupply.count {
      for index in values.indices { values[index] = random.normal() }
      unsafe result.withUnsafeMutableBytes { bytes in
        var error = (0.0, 0.0)
        unsafe withUnsafeMutableBytes(of: &error) { error in
          unsafe jk_encode_strip(
            type.kernelType, values, columns, 8, columns, nil, 0, bytes.baseAddress! + strip * byteCount,
            error.baseAddress!.assumingMemoryBound(to: Double.self))
        }
      }
    }
    strips[key] = result
    return result
  }
}

extension SplitMix64 {
  /// About normal, of deviation 1: the sum of eight uniform numbers.
  fileprivate mutating func normal() -> Float {
    let (a, b) = (next(), next())
    var sum: Float = 0
    for shift: UInt64 in [0, 16, 32, 48] { sum += Float((a >> shift) & 0xFFFF) + Float((b >> shift) & 0xFFFF) }
    return (sum / 65536 - 4) * 1.224745  // the variance of the sum is 8 / 12
  }
}
