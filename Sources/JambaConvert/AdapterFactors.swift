import CQuantizers
import JambaFormat
import JambaSystem

/// The factors of an adapter that can be run, by the inputs that matrices read, and how they become those of a file.
struct AdapterFactors {
  struct Input {
    let owner: TensorID
    let targets: [Target]
  }

  struct Target {
    let id: TensorID
    /// `left` `[rows, rank]`, `right` `[rank, columns]`
    let update: LowRankUpdate
  }

  let inputs: [Input]
  private let path: String
  private let configuration: ModelConfiguration

  /// How factors may be stored.
  static let types: [StorageType] = [.int8, .bf16, .f32]

  /// The largest relative error that passes as sound: that of both factors.
  static func errorBound(_ a: StorageType, _ b: StorageType) -> Double {
    max(1e-6, a.traits.errorBound + b.traits.errorBound)
  }

  /// - Throws: `notRunnable` for an adapter with more to it than products of thin matrices.
  init(_ adapter: Adapter, _ configuration: ModelConfiguration) throws(ConversionError) {
    func refuse(_ what: String) -> ConversionError { .notRunnable(path: adapter.path, reason: what) }
    if let pair = adapter.pairs.first(where: { $0.magnitude != nil }) {
      throw refuse("\(adapter.kind) stretches the weights of \(pair.module) themselves")
    }
    // Those that a pair is added to are the base's own.
    if let whole = adapter.wholes.first(where: { !$0.isBase }) { throw refuse("it replaces \(whole.target) as a whole") }
    if let rows = adapter.tokenRows.first { throw refuse("it replaces rows of \(rows.target)") }
    let resolution = try AdapterResolution(adapter, scale: 1, base: configuration)
    var updates = resolution.updates
    // What changes the one matrix of embedding and head changes both.
    if configuration.tieWordEmbeddings, resolution.configuration.tieWordEmbeddings {
      updates[TensorID(.head)] = updates[TensorID(.embedding)]
    }
    guard !updates.isEmpty else { throw refuse("it changes nothing") }
    var untied = configuration
    untied.tieWordEmbeddings = false
    var (order, targets): ([TensorID], [TensorID: [Target]]) = ([], [:])
    for tensor in ModelTensors(untied).all {
      guard let update = updates[tensor.id] else { continue }
      guard update.rank <= AdapterFile.rankLimit else {
        throw refuse("the rank of \(tensor.name) is \(update.rank), more than \(AdapterFile.rankLimit)")
      }
      let owner = tensor.id.inputOwner
      if targets[owner] == nil { order.append(owner) }
      targets[owner, default: []].append(Target(id: tensor.id, update: update))
    }
    inputs = order.map { Input(owner: $0, targets: targets[$0]!) }
    path = adapter.path
    self.configuration = configuration
  }

  private func factors(_ target: Target) throws(ConversionError) -> LowRankUpdate.Factors {
    let rows = TensorSpecification(target.id, in: configuration).shape[0]
    return try unsafe target.update.factors(rowCount: rows) { (_, _) throws(ConversionError) in }
  }

  /// The change that a target's matrix gets.
  func product(of target: Target) throws(ConversionError) -> LowRankProduct {
    let factors = try factors(target)
    target.update.forget()
    return LowRankProduct(
      left: factors.left.map { Double($0) * target.update.scale }, right: factors.right.map(Double.init), rank: factors.rank)
  }

  // MARK: Writing

  /// Writes the factors of what reads an input, as a segment. - Returns: its entry in adapter.json.
  func write(_ input: Input, _ type: StorageType, to writer: JambaFileWriter) throws(ConversionError) -> JSON {
    var matrices: [(name: String, values: [Float], rows: Int, columns: Int)] = []
    var targets: [JSON] = []
    func name(_ target: Target, at first: Int, rank: Int) {
      targets.append(
        .object(["tensor": .string(target.id.name), "first": .integer(first), "rank": .integer(rank)]))
    }
    if input.owner.role == .embedding {
      // Its input is a token, which chooses a row of the left factor.
      let target = input.targets[0]
      let factors = try factors(target)
      var b = [Float](repeating: 0, count: factors.columns * factors.rank)
      for index in 0..<factors.rank {
        for column in 0..<factors.columns {
          b[column * factors.rank + index] = scaled(factors.right[index * factors.columns + column], target)
        }
      }
      matrices = [
        (AdapterFile.aName(input.owner), factors.left, factors.left.count / factors.rank, factors.rank),
        (AdapterFile.bName(target.id), b, factors.columns, factors.rank),
      ]
      name(target, at: 0, rank: factors.rank)
      target.update.forget()
    } else {
      var a: [Float] = []
      var columns = 0
      for target in input.targets {
        let factors = try factors(target)
        columns = factors.columns
        // No part is read across the end of a group that could be read within one.
        var first = a.count / columns
        if first % AdapterFile.group + factors.rank > AdapterFile.group {
          first = (first + AdapterFile.group - 1) / AdapterFile.group * AdapterFile.group
        }
        a += [Float](repeating: 0, count: first * columns - a.count)
        let balance = AdapterFactors.balance(factors)
        for index in 0..<factors.rank {
          for column in 0..<columns { a.append(factors.right[index * columns + column] / balance[index]) }
        }
        let (rows, lead) = (factors.left.count / factors.rank, first % AdapterFile.group)
        var b = [Float](repeating: 0, count: rows * (lead + factors.rank))
        for row in 0..<rows {
          for index in 0..<factors.rank {
            b[row * (lead + factors.rank) + lead + index] =
              scaled(factors.left[row * factors.rank + index] * balance[index], target)
          }
        }
        matrices.append((AdapterFile.bName(target.id), b, rows, lead + factors.rank))
        name(target, at: first, rank: factors.rank)
        target.update.forget()
      }
      matrices.insert((AdapterFile.aName(input.owner), a, a.count / columns, columns), at: 0)
    }
    try write(matrices, type, to: writer)
    return .object(["input": .string(input.owner.name), "targets": .array(targets)])
  }

  private func scaled(_ value: Float, _ target: Target) -> Float { Float(Double(value) * target.update.scale) }

  /// Powers of two by which A's rows are divided and B's columns multiplied, so that A's rows are about as long: products
  /// with them share a scale where they are rounded to int8.
  private static func balance(_ factors: LowRankUpdate.Factors) -> [Float] {
    (0..<factors.rank).map { index in
      var sum = 0.0
      for column in 0..<factors.columns {
        let value = Double(factors.right[index * factors.columns + column])
        sum += value * value
      }
      let length = Float(sum.squareRoot())
      return length.isNormal ? Float(sign: .plus, exponent: min(max(length.exponent, -60), 60), significand: 1) : 1
    }
  }

  private func write(
    _ matrices: [(name: String, values: [Float], rows: Int, columns: Int)], _ type: StorageType, to writer: JambaFileWriter
  ) throws(ConversionError) {
    var contents: [UInt8] = []
    var entries: [(name: String, type: StorageType, shape: [Int], offset: Int)] = []
    for matrix in matrices {
      guard let byteCount = type.byteCount(shape: [matrix.rows, matrix.columns]) else {
        throw .notRunnable(path: path, reason: "\(matrix.name) is too large")
      }
      contents += [UInt8](repeating: 0, count: AdapterFile.aligned(contents.count) - contents.count)
      entries.append((matrix.name, type, [matrix.rows, matrix.columns], contents.count))
      contents += unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, count in
        let stripByteCount = type.stripByteCount(columns: matrix.columns)!
        unsafe matrix.values.withUnsafeBufferPointer { values in
          var sums = (0.0, 0.0)
          unsafe withUnsafeMutableBytes(of: &sums) { sums in
            for strip in 0..<(matrix.rows + 7) / 8 {
              unsafe jk_encode_strip(
                type.kernelType, values.baseAddress! + 8 * strip * matrix.columns, matrix.columns,
                min(8, matrix.rows - 8 * strip), matrix.columns, nil, 0,
                UnsafeMutableRawPointer(bytes.baseAddress! + strip * stripByteCount),
                sums.baseAddress!.assumingMemoryBound(to: Double.self))
            }
          }
        }
        count = byteCount
      }
    }
    let (bytes, list) = (contents, entries)
    try formatting { () throws(FormatError) in
      writer.beginSegment(byteCount: bytes.count, packing: .raw)
      try writer.append(bytes)
      try writer.endSegment(entries: list)
    }
  }
}

/// The product of two thin matrices in double precision, compared without making it.
struct LowRankProduct {
  /// `[rows, rank]`
  let left: [Double]
  /// `[rank, columns]`
  let right: [Double]
  let rank: Int

  init(left: [Double], right: [Double], rank: Int) {
    self.left = left
    self.right = right
    self.rank = rank
  }

  /// What a file holds for a target.
  ///
  /// - Parameter a: the numbers of its input's A.
  init(stored a: [Float], _ input: AdapterFile.Input, _ target: AdapterFile.Target, _ file: JambaFile) throws(ConversionError) {
    let b = StoredRows(target.b, of: file)
    let values = try b.values(0..<b.rowCount)
    rank = target.rows.count
    if input.owner.role == .embedding {
      left = a.map(Double.init)
      var right = [Double](repeating: 0, count: values.count)
      for row in 0..<b.rowCount { for index in 0..<rank { right[index * b.rowCount + row] = Double(values[row * rank + index]) } }
      self.right = right
    } else {
      let columns = input.a.shape[1]
      right = a[target.rows.lowerBound * columns..<target.rows.upperBound * columns].map(Double.init)
      var left: [Double] = []
      left.reserveCapacity(b.rowCount * rank)
      for row in 0..<b.rowCount {
        for index in 0..<rank { left.append(Double(values[row * b.columns + target.lead + index])) }
      }
      self.left = left
    }
  }

  /// ‖self - other‖ / ‖other‖: the square of the norm of L R is the sum of the products of LᵀL and R Rᵀ.
  func relativeError(to other: LowRankProduct) -> Double {
    guard left.count / rank == other.left.count / other.rank, right.count / rank == other.right.count / other.rank else {
      return .infinity
    }
    let (own, cross, theirs) = (inner(self), inner(other), other.inner(other))
    guard theirs > 0 else { return own == 0 ? 0 : .infinity }
    return (max(0, own - 2 * cross + theirs) / theirs).squareRoot()
  }

  /// The sum of the products of the elements of two products.
  private func inner(_ other: LowRankProduct) -> Double {
    let (rows, columns) = (left.count / rank, right.count / rank)
    var lefts = [Double](repeating: 0, count: rank * other.rank)
    for row in 0..<rows {
      for i in 0..<rank {
        let value = left[row * rank + i]
        for j in 0..<other.rank { lefts[i * other.rank + j] += value * other.left[row * other.rank + j] }
      }
    }
    var sum = 0.0
    for i in 0..<rank {
      for j in 0..<other.rank {
        var product = 0.0
        for column in 0..<columns { product += right[i * columns + column] * other.right[j * columns + column] }
        sum += lefts[i * other.rank + j] * product
      }
    }
    return sum
  }
}
