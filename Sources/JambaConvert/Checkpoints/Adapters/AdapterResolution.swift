import JambaFormat

/// What an adapter does to each tensor of a model.
struct AdapterResolution {
  /// A tensor of the adapter that takes the place of the model's, and where it has it.
  struct Whole {
    let tensor: AdapterTensor
    let place: TensorPlace
  }

  /// The base's, or that of a model whose head is not its embedding any more.
  private(set) var configuration: ModelConfiguration
  private(set) var wholes: [TensorID: Whole] = [:]
  private(set) var updates: [TensorID: LowRankUpdate] = [:]
  private(set) var rows: [TensorID: Adapter.TokenRows] = [:]

  private let adapter: Adapter
  private let scale: Double
  private var faults: [String] = []

  /// The largest product that is made row by row: beyond are the thin matrices of no model.
  private static let rankLimit = 1 << 16

  /// - Throws: `adapter`, naming all that fits no tensor.
  init(_ adapter: Adapter, scale: Double, base: ModelConfiguration) throws(ConversionError) {
    self.adapter = adapter
    self.scale = scale
    configuration = base
    for whole in adapter.wholes { try add(whole) }
    try untie(base)
    untieForPairs()
    for pair in adapter.pairs { try add(pair) }
    for rows in adapter.tokenRows { add(rows) }
    guard faults.isEmpty else {
      let more = faults.count > 8 ? "; and \(faults.count - 8) more" : ""
      throw .adapter(
        path: adapter.path, reason: "it does not fit the model: " + faults.prefix(8).joined(separator: "; ") + more)
    }
  }

  private mutating func add(_ whole: Adapter.WholeTensor) throws(ConversionError) {
    let name = adapter.names.known(whole.target) ?? whole.target
    guard let contents = adapter.names[name] else {
      faults.append("\(whole.tensor.name) is no tensor of the model")
      return
    }
    // mlx-lm moves an axis of extent 1.
    func extents(_ shape: [Int]) -> [Int] { shape.filter { $0 != 1 } }
    for (id, place) in contents {
      guard extents(whole.tensor.shape) == extents(place.shape) else {
        faults.append("\(whole.tensor.name) has shape \(whole.tensor.shape), expected \(place.shape)")
        return
      }
      // PEFT may save a tensor under two names.
      if let other = wholes.updateValue(Whole(tensor: whole.tensor, place: place), forKey: id)?.tensor,
        try !AdapterResolution.areEqual(other, whole.tensor)
      {
        faults.append("\(whole.tensor.name) and \(other.name) are the same tensor, but differ")
        return
      }
    }
  }

  /// Parts embedding and head of a tied model of which the adapter has one, or two that differ.
  private mutating func untie(_ base: ModelConfiguration) throws(ConversionError) {
    guard base.tieWordEmbeddings else { return }
    let (embedding, head) = (wholes[TensorID(.embedding)], wholes[TensorID(.head)])
    func isSaved(_ whole: Whole?) -> Bool {
      whole.map { whole in !adapter.wholes.contains { $0.isBase && $0.tensor.name == whole.tensor.name } } ?? false
    }
    guard isSaved(embedding) || isSaved(head) else {
      // What a pair is added to is the one matrix of both.
      wholes[TensorID(.head)] = nil
      if embedding == nil, let head { wholes[TensorID(.embedding)] = head }
      return
    }
    if let embedding, let head, try AdapterResolution.areEqual(embedding.tensor, head.tensor) {
      wholes[TensorID(.head)] = nil
    } else {
      configuration.tieWordEmbeddings = false
    }
  }

  /// Parts embedding and head of a tied model of which a pair was trained to change one.
  private mutating func untieForPairs() {
    guard configuration.tieWordEmbeddings else { return }
    let changesOne = adapter.pairs.contains { pair in
      !pair.isForBothParts
        && pair.targets.contains { target in
          let ids = adapter.names.known(target).flatMap { adapter.names[$0] }?.map(\.id.role) ?? []
          return ids.contains(.embedding) || ids.contains(.head)
        }
    }
    if changesOne { configuration.tieWordEmbeddings = false }
  }

  private static func areEqual(_ a: AdapterTensor, _ b: AdapterTensor) throws(ConversionError) -> Bool {
    guard a.shape == b.shape else { return false }
    let batch = max(1, (1 << 18) / a.columns)
    for first in stride(from: 0, to: a.rowCount, by: batch) {
      let rows = first..<min(first + batch, a.rowCount)
      if try a.values(ofRows: rows) != b.values(ofRows: rows) { return false }
    }
    return true
  }

  private mutating func add(_ pair: Adapter.LowRankPair) throws(ConversionError) {
    let known = pair.targets.compactMap { target in
      adapter.names.known(target).flatMap { name in adapter.names[name].map { (name, $0) } }
    }
    guard !known.isEmpty else {
      faults.append("\(pair.module) is no matrix of the model that adapters can change")
      return
    }
    guard let (target, contents) = known.first(where: { fits(pair, $0.1[0]) }) else {
      let shapes = known.map { "\($0.1[0].place.shape)" }.joined(separator: " or ")
      faults.append(
        "\(pair.module) has factors \(pair.left.tensor.shape) and \(pair.right.tensor.shape), which do not fit \(shapes)"
      )
      return
    }
    for (id, place) in contents {
      var id = id
      // A pair for both parts, since one for a part would have untied them.
      if configuration.tieWordEmbeddings, id.role == .head { id = TensorID(.embedding) }
      let update = try update(pair, target, place)
      guard updates.updateValue(update, forKey: id) == nil else {
        faults.append("\(pair.module) changes a tensor that another part of the adapter does")
        return
      }
    }
  }

  private mutating func add(_ rows: Adapter.TokenRows) {
    let name = rows.tensor.name
    guard let known = adapter.names.known(rows.target), let content = adapter.names[known]?.first,
      content.id.role == .embedding || content.id.role == .head
    else {
      faults.append("\(name) is of no embedding of the model")
      return
    }
    let shape = content.place.shape
    guard rows.tensor.shape == [rows.tokens.count, shape[1]], rows.tokens.allSatisfy({ 0..<shape[0] ~= $0 }) else {
      faults.append("\(name) has shape \(rows.tensor.shape), which are not rows of \(rows.tokens.count) of the model's tokens")
      return
    }
    // PEFT keeps both parts of a tied matrix the same.
    let id = configuration.tieWordEmbeddings ? TensorID(.embedding) : content.id
    if self.rows.updateValue(rows, forKey: id) != nil || updates[id] != nil {
      faults.append("\(name) changes a tensor that another part of the adapter does")
    }
  }

  /// Whether the factors' product has the shape of a tensor of the model.
  private func fits(_ pair: Adapter.LowRankPair, _ content: TensorNames.Content) -> Bool {
    let shape = content.place.shape
    guard shape.count >= 2, content.place.content == .same else { return false }
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let experts = shape.dropLast(2).reduce(1, *)
    let (left, right) = (pair.left, pair.right)
    guard left.rowCount == rows, right.columnCount == columns, left.columnCount == right.rowCount else { return false }
    switch (left.tensor.shape.count, right.tensor.shape.count) {
    case (2, 2): guard left.columnCount % experts == 0 else { return false }
    case (3, 3): guard left.tensor.shape[0] == experts, right.tensor.shape[0] == experts else { return false }
    default: return false
    }
    guard let magnitude = pair.magnitude else { return true }
    return experts == 1 && magnitude.tensor.count == (magnitude.axis == .rows ? rows : columns)
  }

  /// The update of the part of a tensor that is at a place.
  private func update(
    _ pair: Adapter.LowRankPair, _ target: String, _ place: TensorPlace
  ) throws(ConversionError) -> LowRankUpdate {
    let rows = place.shape[place.shape.count - 2]
    let experts = place.shape.dropLast(2).reduce(1, *)
    let expert = place.rows.lowerBound / rows
    let first = place.rows.lowerBound % rows
    let (left, right) = (pair.left, pair.right)
    let isStacked = left.tensor.shape.count == 3
    // PEFT keeps the factors of all experts in two matrices: those of the first as rows of one, and as every n-th column of the other.
    let rank = isStacked ? left.columnCount : left.columnCount / experts
    guard rank <= AdapterResolution.rankLimit else {
      throw .adapter(
        path: adapter.path, reason: "the rank of \(pair.module) is \(rank), more than \(AdapterResolution.rankLimit)")
    }
    let leftSlice: LowRankUpdate.Slice
    if left.isTransposed {
      leftSlice = LowRankUpdate.Slice(
        tensor: left.tensor, rows: 0..<rank, firstColumn: first, columnStride: 1, columnCount: place.rows.count,
        isTransposed: true)
    } else {
      let start = isStacked ? expert * rows + first : first
      leftSlice = LowRankUpdate.Slice(
        tensor: left.tensor, rows: start..<start + place.rows.count, firstColumn: isStacked ? 0 : expert,
        columnStride: isStacked ? 1 : experts, columnCount: rank, isTransposed: false)
    }
    let rightSlice: LowRankUpdate.Slice
    if right.isTransposed {
      rightSlice = LowRankUpdate.Slice(
        tensor: right.tensor, rows: 0..<right.tensor.rowCount, firstColumn: 0, columnStride: 1, columnCount: rank,
        isTransposed: true)
    } else {
      rightSlice = LowRankUpdate.Slice(
        tensor: right.tensor, rows: expert * rank..<(expert + 1) * rank, firstColumn: 0, columnStride: 1,
        columnCount: right.tensor.columns, isTransposed: false)
    }
    let factor = try scale * pair.scale(target, rank)
    guard factor.isFinite else {
      throw .adapter(path: adapter.path, reason: "the scale of \(pair.module) is not finite")
    }
    return LowRankUpdate(left: leftSlice, right: rightSlice, scale: factor, magnitude: pair.magnitude)
  }
}
